"""SDK integrations: requests and answers in the API's shape, errors by AWS's names."""

import re
from typing import TYPE_CHECKING, Any

import pytest

from embedded_aws.gaps.stepfunctions_services import botocore_name, error_prefix, operation_of
from embedded_aws.gaps.stepfunctions_shapes import sdk_name

if TYPE_CHECKING:
    from tests.unit.embedded_aws.gaps.stepfunctions.conftest import States


def _call(what: str, arguments: Any, **fields: Any) -> dict[str, Any]:
    task = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::aws-sdk:{what}",
        "Arguments": arguments,
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C"}],
        "Next": "C",
    }
    return {"A": task | fields, "C": {"Type": "Succeed"}}


@pytest.fixture(scope="module")
def bucket(states: "States") -> str:
    """A bucket with one JSON file and one text that is no UTF-8."""
    states.s3.create_bucket(Bucket="shaped")
    states.s3.put_object(Bucket="shaped", Key="a.json", Body=b'{"a": ["\xc3\xa9", null, 1.5]}')
    states.s3.put_object(Bucket="shaped", Key="binary", Body=b"\xff\xfe")
    return "shaped"


def test_body_is_text(states: "States", bucket: str) -> None:
    """GetObject gives the body as text, which `$parse` reads, and dates as text."""
    machine = _call(
        "s3:getObject",
        {"Bucket": bucket, "Key": "a.json"},
        Output="{% {'body': $parse($states.result.Body), 'all': $states.result} %}",
    )
    output = states.output(machine)
    assert output["body"] == {"a": ["é", None, 1.5]}
    assert output["all"]["ContentLength"] == 24
    assert output["all"]["ETag"].startswith('"')
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", output["all"]["LastModified"])


def test_body_that_is_no_text(states: "States", bucket: str) -> None:
    """Bytes that are no UTF-8 do not crash the task."""
    output = states.output(_call("s3:getObject", {"Bucket": bucket, "Key": "binary"}))
    assert output["Body"] == "\ufffd\ufffd"


@pytest.mark.parametrize(
    ("body", "stored"), [({"a": 1}, b'{"a":1}'), ("text", b'"text"'), ([1, None], b"[1,null]")]
)
def test_body_is_stored_as_json(states: "States", bucket: str, body: Any, stored: bytes) -> None:
    """PutObject stores any body as JSON, text too, as AWS was seen to do."""
    states.output(_call("s3:putObject", {"Bucket": bucket, "Key": "put", "Body": body}))
    assert states.s3.get_object(Bucket=bucket, Key="put")["Body"].read() == stored


@pytest.mark.parametrize(
    ("what", "arguments", "error"),
    [
        ("s3:getObject", {"Bucket": "shaped", "Key": "none"}, "S3.NoSuchKeyException"),
        ("s3:listObjectsV2", {"Bucket": "nowhere"}, "S3.NoSuchBucketException"),
        (
            "s3:getObject",
            {"Bucket": "shaped", "Key": "a.json", "Range": "bytes=99-100"},
            "S3.S3Exception",
        ),
        ("dynamodb:getItem", {"TableName": "no", "Key": {}}, "DynamoDb.ResourceNotFoundException"),
        (
            "sfn:describeExecution",
            {"ExecutionArn": "arn:aws:states:us-east-1:123456789012:execution:no:no"},
            "Sfn.ExecutionDoesNotExistException",
        ),
        ("sfn:sendTaskSuccess", {"TaskToken": "no", "Output": {}}, "Sfn.InvalidTokenException"),
        (
            "sagemaker:createTrainingJob",
            {"TrainingJobName": "refused"},
            "SageMaker.SageMakerException",
        ),
        (
            "sagemaker:createTrainingJob",
            {"TrainingJobName": "twice"},
            "SageMaker.ResourceInUseException",
        ),
    ],
)
def test_errors(
    states: "States", bucket: str, what: str, arguments: dict[str, Any], error: str
) -> None:
    """Modelled errors have their own names, others the service's."""
    assert bucket
    states.jobs.jobs["twice"] = {}
    output = states.output(_call(what, arguments))
    assert output["Error"] == error
    assert f"(Service: {error.split('.', maxsplit=1)[0]}, Status Code: 4" in output["Cause"]


def test_null_members_are_absent(states: "States", bucket: str) -> None:
    """A member that is null is not sent."""
    arguments = {"Bucket": bucket, "Key": "a.json", "VersionId": None, "Range": "{% null %}"}
    assert "Body" in states.output(_call("s3:getObject", arguments))


def test_unreachable(states: "States", monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that does not answer is an error that can be caught."""
    arn = states.create(_call("s3:listBuckets", {}))
    monkeypatch.setenv("MOTO_PORT", "9")
    execution = states.client.start_execution(stateMachineArn=arn, input="{}")
    output = states.finish(execution["executionArn"])["output"]
    assert output["Error"] == "S3.SdkClientException"


@pytest.mark.parametrize(
    ("member", "name"),
    [
        ("executionArn", "ExecutionArn"),
        ("ETag", "ETag"),
        ("SSEDescription", "SseDescription"),
        ("VolumeSizeInGB", "VolumeSizeInGB"),
        ("S3Uri", "S3Uri"),
        ("MD5OfBody", "Md5OfBody"),
    ],
)
def test_member_names(member: str, name: str) -> None:
    """Members are spelt as the AWS SDK for Java spells them."""
    assert sdk_name(member) == name


@pytest.mark.parametrize(
    ("service", "name", "prefix"),
    [
        ("s3", "s3", "S3"),
        ("sfn", "stepfunctions", "Sfn"),
        ("sagemaker", "sagemaker", "SageMaker"),
        ("sagemakerruntime", "sagemaker-runtime", "SageMakerRuntime"),
        ("dynamodb", "dynamodb", "DynamoDb"),
        ("secretsmanager", "secretsmanager", "SecretsManager"),
        ("cloudwatchlogs", "logs", "CloudWatchLogs"),
        ("eventbridge", "events", "EventBridge"),
    ],
)
def test_services(service: str, name: str, prefix: str) -> None:
    """A service has one name in a state machine, one in botocore, one in its errors."""
    assert botocore_name(service) == name
    assert error_prefix(service) == prefix


def test_unknown_services() -> None:
    """What botocore does not know is not there."""
    assert botocore_name("nothing") is None
    assert operation_of("s3", "nothing") is None
    assert operation_of("nothing", "getObject") is None
