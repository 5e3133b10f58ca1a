import os
import socket
import threading
import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from dropforge import embedded
from dropforge.embedded import Embedded
from dropforge.errors import InputError, UnreachableError
from dropforge.options import Options, Where
from dropforge.project import Project
from dropforge.target import Target, explain, local_target, open_target


def test_nothing_of_the_users_aws_reaches_local_calls(
    target: Target, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither profiles nor endpoints, regions or proxies from the environment."""
    config = tmp_path / "config"
    config.write_text("[profile mine]\nregion = eu-west-1\n")
    leaks = {
        "AWS_PROFILE": "nowhere",
        "AWS_ACCESS_KEY_ID": "AKIDMINE",
        "AWS_SESSION_TOKEN": "mine",
        "AWS_REGION": "eu-west-1",
        "AWS_CONFIG_FILE": str(config),
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }
    for name, value in leaks.items():
        monkeypatch.setenv(name, value)
    assert target.endpoint_url is not None
    opened = local_target(target.endpoint_url, "df", "us-east-1")
    assert opened.account == "123456789012"
    assert opened.s3.head_bucket(Bucket="df-data")["BucketRegion"] == "us-east-1"
    assert opened.s3.meta.region_name == "us-east-1"
    assert not any(value in os.environ.values() for value in ("AKIDMINE", "nowhere", "mine"))


def test_a_stack_that_is_not_there_cannot_be_reached(target: Target) -> None:
    """The message says what to do, for the embedded AWS and for AWS."""
    other = local_target(str(target.endpoint_url), "nope", "us-east-1")
    with pytest.raises(UnreachableError, match="no stack 'nope': deploy it with 'dropforge local"):
        other.output("LedgerTableName")
    with pytest.raises(UnreachableError, match="has no output Nothing"):
        target.output("Nothing")


def test_an_embedded_aws_that_is_not_up_cannot_be_reached(project: Project) -> None:
    """The message says how to start it; --profile makes no sense there."""
    assert project.root.exists()
    with pytest.raises(UnreachableError, match="dropforge local up"):
        open_target(Options())
    with pytest.raises(InputError, match="--profile"):
        open_target(Options(profile="mine"))


def test_an_embedded_aws_is_in_one_region(
    project: Project, monkeypatch: pytest.MonkeyPatch, target: Target
) -> None:
    """Its own is fine to name; another would be ignored, so it is refused."""
    found = Embedded(1, str(target.endpoint_url), "us-east-1", "process")
    monkeypatch.setattr(embedded, "find", lambda state: found if state == project.state else None)
    monkeypatch.setenv("DROPFORGE_STATE", str(project.state))
    assert open_target(Options(region="us-east-1")).region == "us-east-1"
    with pytest.raises(InputError, match="--region: the embedded AWS is in us-east-1"):
        open_target(Options(region="eu-west-1"))


def test_an_embedded_aws_that_has_gone_is_noticed_soon(target: Target) -> None:
    """boto3's own ten attempts for DynamoDB would keep a person waiting for half a minute."""
    gone = local_target("http://127.0.0.1:9", target.stack, "us-east-1")
    began = time.monotonic()
    with pytest.raises(EndpointConnectionError):
        gone.client("dynamodb").list_tables()
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("body", [b"", b'{"executions": []'])
def test_an_answer_that_was_cut_off_is_none(body: bytes) -> None:
    """Botocore does not hold an answer against its length: it would find no executions."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                while b"{" not in connection.recv(1 << 16):
                    pass
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n" + body)

        answering = threading.Thread(target=answer)
        answering.start()
        with pytest.raises(UnreachableError, match="answer to ListExecutions was cut off"):
            local_target(url, "df", "us-east-1").stepfunctions.list_executions()
        answering.join()


def test_on_aws_the_users_own_configuration_counts(
    moto_url: str, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same code, with boto3's own credentials, region and endpoint."""
    assert target.stack == "df"
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDMINE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "mine")
    opened = open_target(Options(target=Where.AWS, stack="df", region="us-east-1"))
    assert not opened.is_local
    assert opened.output("DataBucketName") == "df-data"
    missing = open_target(Options(target=Where.AWS, stack="nope", region="us-east-1"))
    with pytest.raises(UnreachableError, match=r"no stack 'nope' in us-east-1.*sam deploy"):
        missing.output("DataBucketName")


@pytest.mark.parametrize(
    ("err", "status"),
    [
        (NoCredentialsError(), 3),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:9"), 3),
        (ClientError({"Error": {"Code": "ExpiredToken", "Message": "old"}}, "GetItem"), 3),
        (ClientError({"Error": {"Code": "ThrottlingException", "Message": "no"}}, "GetItem"), 1),
    ],
)
def test_errors_of_aws_become_one_line_and_a_status(err: ClientError, status: int) -> None:
    """Whether the target cannot be reached at all, or only this call failed."""
    known = explain(err)
    assert known.status == status
    assert "\n" not in str(known)
