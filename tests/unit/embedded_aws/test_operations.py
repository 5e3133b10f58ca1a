"""Which operation a request calls."""

import io
from typing import Any

import pytest

from embedded_aws.operations import Protocol, operation_of, protocol_of, service_of


def environ(method: str, path: str, query: str = "", body: str = "", **more: str) -> dict[str, Any]:
    """Make a request as WSGI has it."""
    return {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "wsgi.input": io.BytesIO(body.encode()),
        **more,
    }


@pytest.mark.parametrize(
    ("service", "method", "path", "query", "operation"),
    [
        ("s3", "GET", "/", "", "ListBuckets"),
        ("s3", "GET", "/bucket", "", "ListObjects"),
        ("s3", "GET", "/bucket/", "list-type=2&prefix=a%2Fb", "ListObjectsV2"),
        ("s3", "PUT", "/bucket", "", "CreateBucket"),
        ("s3", "PUT", "/bucket", "publicAccessBlock", "PutPublicAccessBlock"),
        ("s3", "PUT", "/bucket/a/key", "", "PutObject"),
        ("s3", "GET", "/bucket/a/key", "versionId=1", "GetObject"),
        ("s3", "GET", "/bucket/a\nkey", "", "GetObject"),
        ("s3", "POST", "/bucket/key", "uploads", "CreateMultipartUpload"),
        ("s3", "PUT", "/bucket/key", "partNumber=1&uploadId=u", "UploadPart"),
        ("s3", "POST", "/bucket/key", "uploadId=u", "CompleteMultipartUpload"),
        ("s3", "PATCH", "/bucket/key", "", None),
        ("lambda", "GET", "/2015-03-31/functions/", "", "ListFunctions"),
        ("lambda", "POST", "/2015-03-31/functions/f/invocations", "", "Invoke"),
        ("sagemaker", "POST", "/endpoints/e/invocations", "", "InvokeEndpoint"),
    ],
)
def test_rest_operations(
    service: str, method: str, path: str, query: str, operation: str | None
) -> None:
    """Method, path and query tell the operation of a REST service."""
    assert operation_of(environ(method, path, query), service) == operation


def test_a_copy_is_told_by_its_header() -> None:
    """CopyObject and PutObject differ by a header only."""
    copy = environ("PUT", "/bucket/key", HTTP_X_AMZ_COPY_SOURCE="other/key")
    assert operation_of(copy, "s3") == "CopyObject"


def test_a_form_names_its_action_and_stays_readable() -> None:
    """The query protocol has the operation in the body, which the service reads again."""
    form = environ("POST", "/", body="Action=CreateStack&StackName=s", CONTENT_TYPE="")
    assert operation_of(form, "cloudformation") == "CreateStack"
    assert form["wsgi.input"].read() == b"Action=CreateStack&StackName=s"


def test_a_target_names_its_operation() -> None:
    """JSON services have the operation in a header."""
    target = environ("POST", "/", HTTP_X_AMZ_TARGET="AWSStepFunctions.StartExecution")
    assert operation_of(target, "states") == "StartExecution"


@pytest.mark.parametrize(
    ("more", "service"),
    [
        ({"HTTP_AUTHORIZATION": "AWS4-HMAC-SHA256 Credential=k/20260101/r/states/aws4_request, "
          "SignedHeaders=host"}, "states"),
        ({"QUERY_STRING": "X-Amz-Credential=k%2F20260101%2Fr%2Fs3%2Faws4_request"}, "s3"),
        ({}, "s3"),
    ],
)  # fmt: skip
def test_service(more: dict[str, str], service: str) -> None:
    """The signature names the service; what is not signed goes to S3."""
    assert service_of({"QUERY_STRING": "", **more}) == service


@pytest.mark.parametrize(
    ("service", "more", "protocol"),
    [
        ("s3", {}, Protocol.REST_XML),
        ("iam", {}, Protocol.QUERY),
        ("ec2", {"CONTENT_TYPE": "application/x-www-form-urlencoded; charset=utf-8"},
         Protocol.QUERY),
        ("states", {"HTTP_X_AMZ_TARGET": "AWSStepFunctions.X"}, Protocol.JSON),
        ("lambda", {}, Protocol.REST_JSON),
    ],
)  # fmt: skip
def test_protocol(service: str, more: dict[str, str], protocol: Protocol) -> None:
    """Errors are given in the protocol of the request, for services we do not know as well."""
    assert protocol_of(service, more) is protocol
