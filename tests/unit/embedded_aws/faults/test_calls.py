"""Faults of calls: refused, cut off or late, before or after they have had their effect."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.conftest import Embedded
from tests.unit.embedded_aws.conftest import Force, Pending

ROLE = "arn:aws:iam::123456789012:role/states"


@pytest.mark.parametrize(
    ("service", "operation", "method", "arguments"),
    [
        ("s3", "ListBuckets", "list_buckets", {}),
        ("sts", "GetCallerIdentity", "get_caller_identity", {}),
        ("stepfunctions", "ListStateMachines", "list_state_machines", {}),
        ("dynamodb", "ListTables", "list_tables", {}),
        ("sqs", "ListQueues", "list_queues", {}),
        ("cloudwatch", "DescribeAlarms", "describe_alarms", {}),
        ("lambda", "ListFunctions", "list_functions", {}),
        ("sagemaker", "ListEndpoints", "list_endpoints", {}),
        ("sagemaker-runtime", "InvokeEndpoint", "invoke_endpoint",
         {"EndpointName": "e", "Body": b""}),
    ],
)  # fmt: skip
def test_an_error_comes_as_often_as_asked(  # noqa: PLR0913, PLR0917
    embedded: Embedded,
    force: Force,
    pending: Pending,
    service: str,
    operation: str,
    method: str,
    arguments: dict[str, Any],
) -> None:
    """In every protocol it arrives as code, message and status, then is over."""
    force(
        service=service,
        operation=operation,
        code="ThrottlingException",
        message="Rate <exceeded>",
        status=429,
        times=2,
    )
    call = getattr(embedded.client(service), method)
    for _ in range(2):
        with pytest.raises(ClientError) as caught:
            call(**arguments)
        assert caught.value.response["Error"]["Code"] == "ThrottlingException"
        assert caught.value.response["Error"]["Message"] == "Rate <exceeded>"
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert pending() == []


@pytest.fixture
def bucket(embedded: Embedded, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a bucket for this test, which is not there."""
    name = request.node.originalname.replace("_", "-")[:63].strip("-")
    yield name
    if name in buckets(embedded):
        embedded.client("s3").delete_bucket(Bucket=name)


def buckets(embedded: Embedded) -> set[str]:
    """Name the buckets that there are."""
    return {bucket["Name"] for bucket in embedded.client("s3").list_buckets()["Buckets"]}


def test_an_error_comes_before_anything_happens(
    embedded: Embedded, force: Force, bucket: str
) -> None:
    """What a refused call asked for was not done, and other operations are not touched."""
    force(service="s3", operation="CreateBucket", code="SlowDown", status=503)
    assert bucket not in buckets(embedded)
    with pytest.raises(ClientError, match="SlowDown"):
        embedded.client("s3").create_bucket(Bucket=bucket)
    assert bucket not in buckets(embedded)
    embedded.client("s3").create_bucket(Bucket=bucket)


@pytest.mark.parametrize("happens", [False, True])
def test_a_connection_is_cut(
    embedded: Embedded, force: Force, bucket: str, *, happens: bool
) -> None:
    """The caller sees it closed without an answer, before or after the call had its effect."""
    force(service="s3", operation="CreateBucket", breaks=True, happens=happens)
    with pytest.raises(ConnectionClosedError):
        embedded.client("s3").create_bucket(Bucket=bucket)
    assert (bucket in buckets(embedded)) == happens


def test_an_answer_is_lost(embedded: Embedded, force: Force) -> None:
    """The caller sees an error although the call happened: a second create finds the first."""
    force(
        service="sagemaker",
        operation="CreateModelPackageGroup",
        code="InternalFailure",
        status=500,
        happens=True,
    )
    client = embedded.client("sagemaker")
    with pytest.raises(ClientError, match="InternalFailure"):
        client.create_model_package_group(ModelPackageGroupName="lost-answer")
    with pytest.raises(ClientError, match="already exists"):
        client.create_model_package_group(ModelPackageGroupName="lost-answer")


def test_boto3_tries_again_after_a_cut(embedded: Embedded, force: Force, bucket: str) -> None:
    """A client that retries gets the second answer: the fault is one of the connection."""
    force(service="s3", operation="CreateBucket", breaks=True)
    client = boto3.client(
        "s3",
        endpoint_url=embedded.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106
        config=Config(retries={"mode": "standard", "total_max_attempts": 2}),
    )
    client.create_bucket(Bucket=bucket)
    assert bucket in buckets(embedded)


def test_an_answer_is_late(embedded: Embedded, force: Force, pending: Pending) -> None:
    """Others are answered meanwhile."""
    force(service="sqs", operation="ListQueues", seconds=0.5)
    began = time.monotonic()
    embedded.client("sqs").list_queues()
    assert 0.5 <= time.monotonic() - began < 5
    assert pending() == []


def test_some_calls_pass_before_it_strikes(
    embedded: Embedded, force: Force, pending: Pending
) -> None:
    """`after` counts the calls that are meant; the rest of them is listed."""
    fault = {"service": "sqs", "operation": "GetQueueUrl", "code": "Denied", "match": "meant"}
    force(**fault, after=2)
    client = embedded.client("sqs")
    for name in ("meant-1", "other", "meant-2"):
        with pytest.raises(client.exceptions.QueueDoesNotExist):
            client.get_queue_url(QueueName=name)
    assert pending() == [{"kind": "call", **fault, "after": 0, "times": 1}]
    with pytest.raises(ClientError, match="Denied"):
        client.get_queue_url(QueueName="meant-3")


def test_calls_are_told_apart_by_who_makes_them(
    embedded: Embedded, force: Force, pending: Pending
) -> None:
    """Step Functions' task is refused, our own call is not."""
    states = embedded.client("stepfunctions")
    definition = {
        "StartAt": "List",
        "States": {
            "List": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:sqs:listQueues",
                "End": True,
            }
        },
    }
    machine = states.create_state_machine(
        name="lists", definition=json.dumps(definition), roleArn=ROLE
    )
    force(service="sqs", operation="ListQueues", by="states", code="Throttled")
    embedded.client("sqs").list_queues()
    assert len(pending()) == 1
    execution = states.start_execution(stateMachineArn=machine["stateMachineArn"])
    deadline = time.monotonic() + 20
    while (ended := states.describe_execution(executionArn=execution["executionArn"]))[
        "status"
    ] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert ended["status"] == "FAILED"
    assert pending() == []


def test_slack_answers_as_asked(embedded: Embedded, force: Force) -> None:
    """Its webhook is a call like the others; headers come with the answer."""
    url = urlsplit((embedded.state / "slack-webhook").read_text())

    def post() -> tuple[int, bytes, str | None]:
        with closing(HTTPConnection(str(url.netloc), timeout=20)) as connection:
            connection.request("POST", url.path, json.dumps({"text": "for Slack's faults"}))
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers["Retry-After"]

    force(
        service="slack",
        operation="Post",
        code="rate_limited",
        status=429,
        headers={"Retry-After": "30"},
        match="for Slack's faults",
    )
    assert post() == (429, b"rate_limited", "30")
    assert post() == (200, b"ok", None)
