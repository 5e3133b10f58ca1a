"""The front door: what it sends where, and how it says no."""

import http.client
import io
import json
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Embedded


def invoke(embedded: Embedded, echo: str, say: str, **more: Any) -> dict[str, Any]:
    """Invoke the function through the API."""
    answer: dict[str, Any] = embedded.client("lambda").invoke(
        FunctionName=echo, Payload=json.dumps({"say": say}), **more
    )
    return answer


def test_invoke(embedded: Embedded, echo: str) -> None:
    """A synchronous invocation answers with the function's result and, when asked, its log."""
    answer = invoke(embedded, echo, "hello", LogType="Tail")
    assert json.loads(answer["Payload"].read()) == {"said": "hello"}
    assert answer["StatusCode"] == 200
    assert "FunctionError" not in answer
    assert answer["LogResult"]


def test_invoke_of_a_failing_function(embedded: Embedded, echo: str) -> None:
    """A function's error is a 200 with a header, as on AWS."""
    answer = invoke(embedded, echo, "fail")
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read())["errorMessage"] == "as asked"


def test_invoke_as_an_event(embedded: Embedded, echo: str) -> None:
    """An asynchronous invocation is taken at once."""
    assert invoke(embedded, echo, "later", InvocationType="Event")["StatusCode"] == 202


def test_dry_run(embedded: Embedded, echo: str) -> None:
    """A dry run says that the function is there, and runs nothing."""
    assert invoke(embedded, echo, "no", InvocationType="DryRun")["StatusCode"] == 204
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        invoke(embedded, "no-such-function", "no", InvocationType="DryRun")


def test_sagemaker_errors_are_aws_errors(embedded: Embedded) -> None:
    """An error of the SageMaker double arrives at boto3 with code and message."""
    with pytest.raises(ClientError) as caught:
        embedded.client("sagemaker").describe_endpoint(EndpointName="nobody")
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert caught.value.response["Error"]["Message"].startswith('Could not find endpoint "')


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "named"),
    [
        ("ses", "list_identities", {}, "ses:ListIdentities"),
        ("ec2", "describe_instances", {}, "ec2:DescribeInstances"),
        ("batch", "list_jobs", {"jobQueue": "q"}, "batch"),
        ("iam", "list_delegation_requests", {}, "iam:ListDelegationRequests"),
        ("ssm", "list_nodes", {}, "ssm:ListNodes"),
        ("s3", "get_bucket_abac", {"Bucket": "any"}, "s3:GetBucketAbac"),
        ("lambda", "invoke_async", {"FunctionName": "f", "InvokeArgs": b"{}"}, "lambda"),
        ("sagemaker-runtime", "invoke_endpoint_async", {"EndpointName": "e", "InputLocation": "s"},
         "sagemaker:InvokeEndpointAsync"),
    ],
)  # fmt: skip
def test_unsupported_calls_fail_loudly(
    embedded: Embedded, service: str, operation: str, arguments: dict[str, Any], named: str
) -> None:
    """A call that nothing here answers is a 501 that names it, in the service's own protocol."""
    with pytest.raises(ClientError) as caught:
        getattr(embedded.client(service), operation)(**arguments)
    assert caught.value.response["Error"]["Code"] == "NotImplemented"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert named in caught.value.response["Error"]["Message"]


def test_connections_stay_open(embedded: Embedded) -> None:
    """Several requests go over one connection, also after a body that nobody read."""
    place = urlsplit(embedded.endpoint_url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=10)
    for _ in range(3):
        connection.request("POST", "/_embedded/nothing", body=b"x" * 100_000)
        answer = connection.getresponse()
        assert (answer.status, answer.will_close) == (404, False)
        answer.read()
    connection.request("HEAD", "/no-such-bucket/key")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (404, b"")
    connection.request("GET", "/_embedded/status")
    assert json.loads(connection.getresponse().read())["endpoint_url"] == embedded.endpoint_url
    connection.close()


def test_big_objects_pass(embedded: Embedded) -> None:
    """An object of some megabytes, sent in parts or whole, comes back as it was."""
    s3 = embedded.client("s3")
    s3.create_bucket(Bucket="server-big")
    content = bytes(range(256)) * 50_000
    s3.put_object(Bucket="server-big", Key="whole", Body=content)
    s3.upload_fileobj(io.BytesIO(content), "server-big", "parts")
    for key in ("whole", "parts"):
        assert s3.get_object(Bucket="server-big", Key=key)["Body"].read() == content


def test_status(embedded: Embedded) -> None:
    """The status tells the process, its address and its memory."""
    with urllib.request.urlopen(f"{embedded.endpoint_url}/_embedded/status") as answer:  # noqa: S310
        status = json.load(answer)
    record = json.loads((embedded.state / "embedded.json").read_text())
    assert status["pid"] == record["pid"]
    assert status["max_rss"] > 0


@pytest.mark.parametrize(
    "headers",
    [{}, {"Transfer-Encoding": "chunked"}, {"Expect": "100-continue"}],
    ids=["plain", "chunked", "expect"],
)
def test_the_shortcut_to_endpoints_answers_as_the_long_way(
    embedded: Embedded, headers: dict[str, str]
) -> None:
    """What is not for the shortcut goes round it: the answer is the same, and the next one too."""
    place = urlsplit(embedded.endpoint_url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=10)
    scope = "AWS4-HMAC-SHA256 Credential=me/20261128/us-east-1/sagemaker/aws4_request, Signature=x"
    path = "/endpoints/nobody/invocations"
    for _ in range(2):
        body = iter([b"1", b",2"]) if "Transfer-Encoding" in headers else b"1,2"
        connection.request(
            "POST",
            path,
            body=body,
            headers={"Authorization": scope, **headers},
            encode_chunked="Transfer-Encoding" in headers,
        )
        answer = connection.getresponse()
        assert answer.status == 400
        assert answer.headers["x-amzn-ErrorType"] == "ValidationError"
        assert "nobody" in json.loads(answer.read())["message"]
    connection.close()
