"""Forced faults: the next calls of an operation answer with an error of choice."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from embedded_aws.errors import AwsError
from embedded_aws.faults import Faults
from tests.conftest import Embedded


def control(embedded: Embedded, method: str, fault: dict[str, Any] | None = None) -> Any:
    """Call the control endpoint of faults."""
    request = urllib.request.Request(  # noqa: S310
        f"{embedded.endpoint_url}/_embedded/faults",
        data=json.dumps(fault).encode() if fault else None,
        method=method,
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return json.load(answer)


@pytest.fixture(autouse=True)
def cleared(embedded: Embedded) -> Iterator[None]:
    """Leave no fault to other tests."""
    yield
    control(embedded, "DELETE")


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
def test_a_fault_comes_as_often_as_asked(
    embedded: Embedded, service: str, operation: str, method: str, arguments: dict[str, Any]
) -> None:
    """In every protocol the fault arrives as code, message and status, then is over."""
    control(
        embedded,
        "POST",
        {
            "service": service,
            "operation": operation,
            "code": "ThrottlingException",
            "message": "Rate <exceeded>",
            "status": 429,
            "times": 2,
        },
    )
    call = getattr(embedded.client(service), method)
    for _ in range(2):
        with pytest.raises(ClientError) as caught:
            call(**arguments)
        assert caught.value.response["Error"]["Code"] == "ThrottlingException"
        assert caught.value.response["Error"]["Message"] == "Rate <exceeded>"
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert control(embedded, "GET") == []


def test_a_fault_comes_before_anything_happens(embedded: Embedded) -> None:
    """What a faulted call asked for was not done, and other operations are not touched."""
    s3 = embedded.client("s3")
    fault = {"service": "s3", "operation": "CreateBucket", "code": "SlowDown", "status": 503}
    control(embedded, "POST", fault)
    assert "faulted" not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    with pytest.raises(ClientError, match="SlowDown"):
        s3.create_bucket(Bucket="faulted")
    assert "faulted" not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    s3.create_bucket(Bucket="faulted")


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"service": "s3"},
        {"service": "s3", "operation": "X", "code": "Y", "colour": "red"},
        {"service": "s3", "operation": "X", "code": "Y", "times": 0},
        {"service": "s3", "operation": "X", "code": "Y", "status": 200},
    ],
)
def test_what_is_no_fault_is_refused(request_: dict[str, Any]) -> None:
    """A fault that is incomplete, unknown or would change nothing is refused."""
    with pytest.raises(AwsError, match="not a fault"):
        Faults().add(request_)
