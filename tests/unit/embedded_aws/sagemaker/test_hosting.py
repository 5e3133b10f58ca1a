"""Models and endpoint configurations, tags, and what is refused."""

from typing import TYPE_CHECKING, Any

import pytest

from embedded_aws.errors import AwsError
from embedded_aws.sagemaker.support import SUPPORT

if TYPE_CHECKING:
    from tests.unit.embedded_aws.sagemaker.conftest import Bench

PREFIX = "arn:aws:sagemaker:us-east-1:123456789012:"


def refusal(bench: "Bench", operation: str, **request: Any) -> tuple[str, str]:
    """Call what is refused; return code and message."""
    with pytest.raises(AwsError) as caught:
        bench.call(operation, **request)
    return caught.value.code, caught.value.message


def test_models_and_configs_are_told_again(bench: "Bench") -> None:
    """Describe answers the request, with ARN and time; List names it; after Delete it is gone."""
    bench.model("Iris")
    model = bench.call("DescribeModel", ModelName="Iris")
    assert model["ModelArn"] == f"{PREFIX}model/iris"
    assert model["PrimaryContainer"]["ModelDataUrl"].endswith("/models/Iris/model.tar.gz")
    config = bench.call("DescribeEndpointConfig", EndpointConfigName="Iris")
    assert config["EndpointConfigArn"] == f"{PREFIX}endpoint-config/iris"
    assert config["ProductionVariants"][0]["InitialVariantWeight"] == 1.0
    assert bench.call("ListModels")["Models"][0]["ModelName"] == "Iris"
    listed = bench.call("ListEndpointConfigs", NameContains="ris")["EndpointConfigs"]
    assert listed[0].keys() == {"EndpointConfigName", "EndpointConfigArn", "CreationTime"}
    assert bench.call("DeleteEndpointConfig", EndpointConfigName="Iris") == {}
    bench.call("DeleteModel", ModelName="Iris")
    assert bench.call("ListModels")["Models"] == []


def test_names_that_are_taken(bench: "Bench") -> None:
    """A second model or config of a name is refused with AWS's message."""
    bench.model("iris")
    image = bench.image()
    assert refusal(bench, "CreateModel", ModelName="iris", PrimaryContainer={"Image": image}) == (
        "ValidationException",
        f'Cannot create already existing model "{PREFIX}model/iris".',
    )
    with pytest.raises(AwsError) as caught:
        bench.config("iris")
    assert caught.value.message == (
        f'Cannot create already existing endpoint configuration "{PREFIX}endpoint-config/iris".'
    )


def test_what_is_not_there(bench: "Bench") -> None:
    """Each kind of resource has its own message, a ValidationException."""
    cases = {
        "DescribeModel": ({"ModelName": "x"}, f'model "{PREFIX}model/x".'),
        "DeleteModel": ({"ModelName": "x"}, f'model "{PREFIX}model/x".'),
        "DescribeEndpointConfig": (
            {"EndpointConfigName": "x"},
            f'endpoint configuration "{PREFIX}endpoint-config/x".',
        ),
        "DescribeEndpoint": ({"EndpointName": "x"}, f'endpoint "{PREFIX}endpoint/x".'),
        "DeleteEndpoint": ({"EndpointName": "x"}, f'endpoint "{PREFIX}endpoint/x".'),
        "CreateEndpoint": (
            {"EndpointName": "x", "EndpointConfigName": "x"},
            f'endpoint configuration "{PREFIX}endpoint-config/x".',
        ),
    }
    for operation, (request, rest) in cases.items():
        expected = ("ValidationException", f"Could not find {rest}")
        assert refusal(bench, operation, **request) == expected


def test_a_model_needs_its_image_and_its_data(bench: "Bench") -> None:
    """CreateModel looks for both, and for exactly one way to name containers."""
    missing = f"s3://{bench.bucket}/none.tar.gz"
    container = {"Image": bench.image(), "ModelDataUrl": missing}
    code, message = refusal(bench, "CreateModel", ModelName="m", PrimaryContainer=container)
    assert (code, message) == ("ValidationException", f"Could not find model data at {missing}.")
    container = {"Image": "no/image:1"}
    _, message = refusal(bench, "CreateModel", ModelName="m", PrimaryContainer=container)
    assert "Requested image no/image:1 not found" in message
    _, message = refusal(bench, "CreateModel", ModelName="m")
    assert message == "Exactly one of PrimaryContainer and Containers must be given."


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        ({"ModelName": "other"}, "Could not find model"),
        ({"InstanceType": "ml.m5.large"}, "'productionVariants.1.member.initialInstanceCount'"),
        (
            {
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 1,
                "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1},
            },
            "A serverless variant does not support InstanceType, InitialInstanceCount.",
        ),
    ],
)
def test_a_config_that_cannot_serve_is_refused(
    bench: "Bench", variant: dict[str, Any], message: str
) -> None:
    """Without a model, or with neither or both of instance and serverless, there is no config."""
    bench.model("iris")
    asked = {"VariantName": "v", "ModelName": "iris", **variant}
    _, told = refusal(
        bench, "CreateEndpointConfig", EndpointConfigName="c", ProductionVariants=[asked]
    )
    assert message in told


def test_a_serverless_variant_takes_no_chain_and_no_vpc(bench: "Bench") -> None:
    """What AWS's serverless endpoints exclude is refused before an endpoint fails on it."""
    image = {"Image": bench.image()}
    vpc = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}
    bench.call("CreateModel", ModelName="m", Containers=[image, image], VpcConfig=vpc)
    with pytest.raises(AwsError) as caught:
        bench.config("m", ServerlessConfig={"MemorySizeInMB": 1024, "MaxConcurrency": 1})
    assert caught.value.message == (
        "A serverless variant does not support a model with VpcConfig,"
        " a model of several containers."
    )


def test_a_serverless_variant_takes_no_isolation(bench: "Bench") -> None:
    """A model without a network cannot be served without instances."""
    image = {"Image": bench.image()}
    bench.call("CreateModel", ModelName="m", PrimaryContainer=image, EnableNetworkIsolation=True)
    with pytest.raises(AwsError) as caught:
        bench.config("m", ServerlessConfig={"MemorySizeInMB": 1024, "MaxConcurrency": 1})
    assert caught.value.message == (
        "A serverless variant does not support a model with network isolation."
    )


def test_an_instance_endpoint_does_not_become_serverless(bench: "Bench") -> None:
    """AWS takes the way from serverless to instances, and not the way back."""
    for name in ("one", "two"):
        bench.model(name)
    bench.call("DeleteEndpointConfig", EndpointConfigName="two")
    bench.config("two", ServerlessConfig={"MemorySizeInMB": 1024, "MaxConcurrency": 1})
    bench.endpoint("e", "two")
    bench.call("UpdateEndpoint", EndpointName="e", EndpointConfigName="one")
    bench.wait_for_endpoint("e")
    code, message = refusal(bench, "UpdateEndpoint", EndpointName="e", EndpointConfigName="two")
    assert code == "ValidationException"
    assert "cannot convert" in message


def test_a_serverless_variant_is_alone(bench: "Bench") -> None:
    """Beside a serverless variant AWS takes no other."""
    serverless = {"MemorySizeInMB": 1024, "MaxConcurrency": 1}
    variants = [
        {"VariantName": "a", "ModelName": "m", "ServerlessConfig": serverless},
        {"VariantName": "b", "ModelName": "m"},
    ]
    code, message = refusal(
        bench, "CreateEndpointConfig", EndpointConfigName="c", ProductionVariants=variants
    )
    assert code == "ValidationException"
    assert "only this one variant" in message


def test_two_variants_are_refused_by_name(bench: "Bench") -> None:
    """More than one variant is not supported, and says so."""
    variants = [{"VariantName": name, "ModelName": "m"} for name in ("a", "b")]
    code, message = refusal(
        bench, "CreateEndpointConfig", EndpointConfigName="c", ProductionVariants=variants
    )
    assert code == "NotImplemented"
    assert "more than one of ProductionVariants" in message


def test_other_operations_are_refused_by_name(bench: "Bench") -> None:
    """An operation that is SageMaker's and one that is not: both are named."""
    for operation in ("CreateLabelingJob", "DeleteTheWorld"):
        code, message = refusal(bench, operation)
        assert code == "NotImplemented"
        assert operation in message


def test_every_operation_has_its_row_of_support(bench: "Bench") -> None:
    """What can be called and what the table of support lists are the same."""
    assert bench.sagemaker._handlers.keys() == SUPPORT.keys()  # noqa: SLF001


def test_tags_are_added_listed_and_deleted(bench: "Bench") -> None:
    """Tags start with the request's, later ones replace; they end with the resource."""
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    image = {"Image": bench.image()}
    arn = bench.call("CreateModel", ModelName="m", PrimaryContainer=image, Tags=tags)["ModelArn"]
    assert bench.call("ListTags", ResourceArn=arn) == {"Tags": tags}
    added = bench.call("AddTags", ResourceArn=arn, Tags=[{"Key": "a", "Value": "3"}])
    assert added == {"Tags": [{"Key": "a", "Value": "3"}, {"Key": "b", "Value": "2"}]}
    bench.call("DeleteTags", ResourceArn=arn, TagKeys=["b", "c"])
    assert bench.call("ListTags", ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "3"}]
    many = [{"Key": str(number), "Value": ""} for number in range(50)]
    assert "at most 50" in refusal(bench, "AddTags", ResourceArn=arn, Tags=many)[1]
    bench.call("DeleteModel", ModelName="m")
    assert refusal(bench, "ListTags", ResourceArn=arn)[0] == "ValidationException"
