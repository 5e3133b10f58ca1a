import datetime as dt
from typing import Any

import pytest

from embedded_aws.errors import AwsError
from embedded_aws.sagemaker import validation
from embedded_aws.sagemaker.support import SUPPORT, refuse_unsupported
from embedded_aws.sagemaker.support_kinds import Only, Support

ROLE = "arn:aws:iam::123456789012:role/SageMaker"
MODEL: dict[str, Any] = {"ModelName": "m", "ExecutionRoleArn": ROLE}
CONFIG: dict[str, Any] = {
    "EndpointConfigName": "c",
    "ProductionVariants": [{"VariantName": "v", "ModelName": "m"}],
}


def test_a_valid_request_passes() -> None:
    """Nothing is raised for what AWS takes, tags of any script and times of any form included."""
    tags = [{"Key": "Ärger 1", "Value": "a_b.c:d/e=f+g-h@i"}]
    validation.check("CreateModel", MODEL | {"Tags": tags})
    for moment in (1.5, dt.datetime.now(dt.UTC)):
        validation.check("ListModels", {"CreationTimeAfter": moment})


@pytest.mark.parametrize(
    ("operation", "request_", "problem"),
    [
        (
            "DescribeTrainingJob",
            {"TrainingJobName": "a_b"},
            (
                "Value 'a_b' at 'trainingJobName' failed to satisfy constraint: Member must satisfy"
                " regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
            ),
        ),
        (
            "DescribeTrainingJob",
            {},
            "Value null at 'trainingJobName' failed to satisfy constraint: Member must not be null",
        ),
        (
            "DescribeTrainingJob",
            {"TrainingJobName": None},
            "Value null at 'trainingJobName' failed to satisfy constraint: Member must not be null",
        ),
        (
            "DescribeModel",
            {"ModelName": "m", "Colour": "red"},
            "Value at 'colour' failed to satisfy constraint: Member must be known to the API",
        ),
        (
            "ListModels",
            {"MaxResults": 101},
            (
                "Value '101' at 'maxResults' failed to satisfy constraint:"
                " Member must have value less than or equal to 100"
            ),
        ),
        (
            "ListModels",
            {"SortOrder": "Up"},
            (
                "Value 'Up' at 'sortOrder' failed to satisfy constraint:"
                " Member must satisfy enum value set: [Ascending, Descending]"
            ),
        ),
        (
            "CreateModel",
            MODEL | {"Tags": [{"Key": "k", "Value": "v"}, {"Key": "", "Value": "v"}]},
            (
                "Value '' at 'tags.2.member.key' failed to satisfy constraint:"
                " Member must have length greater than or equal to 1"
            ),
        ),
        (
            "CreateModel",
            MODEL | {"PrimaryContainer": {"Environment": {"1": "v"}}},
            (
                "Value '[1 members]' at 'primaryContainer.environment' failed to satisfy"
                " constraint: Map keys must satisfy constraint: [Member must satisfy regular"
                " expression pattern: [a-zA-Z_][a-zA-Z0-9_]*]"
            ),
        ),
        (
            "CreateEndpointConfig",
            CONFIG | {"ProductionVariants": []},
            (
                "Value '[0 members]' at 'productionVariants' failed to satisfy constraint:"
                " Member must have length greater than or equal to 1"
            ),
        ),
    ],
)
def test_a_problem_is_told_in_aws_words(
    operation: str, request_: dict[str, Any], problem: str
) -> None:
    """Pattern, presence, name, range, enum and length are checked, at any depth."""
    with pytest.raises(AwsError) as refusal:
        validation.check(operation, request_)
    assert refusal.value.code == "ValidationException"
    assert refusal.value.message == f"1 validation error detected: {problem}"


def test_all_problems_are_told_at_once() -> None:
    """Two problems are two, joined as AWS joins them."""
    with pytest.raises(AwsError) as refusal:
        validation.check("DescribeModel", {"ModelName": "x" * 64 + "_"})
    counted, _, problems = refusal.value.message.partition(": ")
    assert counted == "2 validation errors detected"
    assert len(problems.split("; ")) == 2


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("DescribeModel", {"ModelName": 1}),
        ("ListModels", {"MaxResults": "1"}),
        ("ListModels", {"MaxResults": True}),
        ("CreateModel", MODEL | {"PrimaryContainer": []}),
        ("CreateModel", MODEL | {"Tags": {"Key": "k"}}),
        ("CreateModel", MODEL | {"EnableNetworkIsolation": "true"}),
        ("CreateModel", MODEL | {"PrimaryContainer": {"Environment": {"A": 1}}}),
    ],
)
def test_a_wrong_type_is_a_serialization_exception(
    operation: str, request_: dict[str, Any]
) -> None:
    """AWS notices types first, and calls it by this name."""
    with pytest.raises(AwsError) as refusal:
        validation.check(operation, request_)
    assert refusal.value.code == "SerializationException"


def test_every_pattern_of_the_supported_operations_can_be_read() -> None:
    """No pattern of SageMaker's model trips Python's regular expressions."""
    model = validation._service_model()  # noqa: SLF001  the model has no other door
    names = {
        name
        for operation in SUPPORT
        for name in _shapes(model.operation_model(operation).input_shape)
    }
    assert len(names) > 20
    for pattern in names:
        validation._pattern(pattern)  # noqa: SLF001


def _shapes(shape: Any, seen: frozenset[str] = frozenset()) -> set[str]:
    found = {shape.metadata["pattern"]} if "pattern" in shape.metadata else set()
    if shape.name in seen:
        return found
    parts = list(getattr(shape, "members", {}).values())
    parts += [getattr(shape, part) for part in ("member", "key", "value") if hasattr(shape, part)]
    for part in parts:
        found |= _shapes(part, seen | {shape.name})
    return found


def test_the_table_of_support_names_real_fields() -> None:
    """Every field of the table is one of SageMaker's, so none is refused by a slip of the pen."""
    model = validation._service_model()  # noqa: SLF001

    def compare(fields: Any, shape: Any, path: str) -> None:
        while shape.type_name == "list":
            shape = shape.member
        for name, support in fields.items():
            assert name in shape.members, f"{path}.{name}"
            if isinstance(support, Only):
                allowed = shape.members[name].metadata.get("enum", support.values)
                assert set(support.values) <= set(allowed), f"{path}.{name}"
            elif not isinstance(support, Support):
                compare(support, shape.members[name], f"{path}.{name}")

    for operation, fields in SUPPORT.items():
        compare(fields, model.operation_model(operation).input_shape, operation)


@pytest.mark.parametrize(
    ("operation", "request_", "named"),
    [
        (
            "CreateEndpointConfig",
            CONFIG | {"DataCaptureConfig": {"InitialSamplingPercentage": 1}},
            "CreateEndpointConfig with DataCaptureConfig",
        ),
        (
            "CreateEndpointConfig",
            CONFIG | {"ProductionVariants": [{"EnableSSMAccess": True}]},
            "CreateEndpointConfig with ProductionVariants.EnableSSMAccess True",
        ),
        (
            "UpdateEndpoint",
            {"EndpointName": "e", "DeploymentConfig": {"RollingUpdatePolicy": {}}},
            "UpdateEndpoint with DeploymentConfig.RollingUpdatePolicy",
        ),
        (
            "CreateTrainingJob",
            {"AlgorithmSpecification": {"TrainingInputMode": "Pipe"}, "RetryStrategy": {}},
            "CreateTrainingJob with AlgorithmSpecification.TrainingInputMode 'Pipe', RetryStrategy",
        ),
    ],
)
def test_what_is_not_honoured_is_refused_by_name(
    operation: str, request_: dict[str, Any], named: str
) -> None:
    """Fields and values that would have no effect are named, all of them, with status 501."""
    with pytest.raises(AwsError) as refusal:
        refuse_unsupported(operation, request_)
    assert (refusal.value.code, refusal.value.status) == ("NotImplemented", 501)
    assert refusal.value.message == f"The embedded AWS's SageMaker does not support {named}."
