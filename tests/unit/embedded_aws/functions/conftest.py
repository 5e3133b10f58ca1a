"""Functions on moto's records, with real processes; the records are made over HTTP, as users do."""

import functools
import importlib.util
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from embedded_aws.faults import Faults
from embedded_aws.functions import Functions
from embedded_aws.functions.records import RUNTIME
from embedded_aws.processes import Children
from embedded_aws.settings import Settings


@pytest.fixture(scope="session")
def moto_port() -> Iterator[int]:
    """Port of a moto server in this process."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()


@pytest.fixture
def settings(moto_port: int, tmp_path: Path) -> Iterator[Settings]:
    """Settings of an embedded AWS without records."""
    from moto.moto_api._internal.models import moto_api_backend  # noqa: PLC0415

    yield Settings(state=tmp_path, port=moto_port)
    moto_api_backend.reset()


@pytest.fixture
def faults() -> Faults:
    """The faults that the functions may suffer."""
    return Faults()


@pytest.fixture
def functions(
    settings: Settings, faults: Faults, request: pytest.FixtureRequest
) -> Iterator[Functions]:
    """The object under test; its parameter chooses the runtime interface client."""
    plain = getattr(request, "param", None) == "plain"
    if not plain and importlib.util.find_spec("awslambdaric") is None:
        pytest.skip("AWS's runtime interface client is not installed")
    children = Children(settings)
    functions = Functions(settings, children, faults, plain_client=plain)
    yield functions
    functions.stop()
    children.stop_all()


@pytest.fixture(scope="session")
def aws(moto_port: int) -> Callable[[str], Any]:
    """Makes boto3 clients of the embedded AWS, one per service."""

    @functools.cache
    def client(service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=f"http://127.0.0.1:{moto_port}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106
        )

    return client


def zipped(files: dict[str, str]) -> bytes:
    """A zip file of text files."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


@pytest.fixture
def deploy(aws: Callable[[str], Any], functions: Functions) -> Callable[..., str]:
    """Creates a function from the source of its only module, and gives its ARN."""
    assert functions  # it must be there before the records are made
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = aws("iam").create_role(RoleName="test", AssumeRolePolicyDocument=policy)["Role"]["Arn"]

    def create(source: str, name: str = "under-test", **options: Any) -> str:
        configuration = {
            "Runtime": RUNTIME,
            "Handler": "app.lambda_handler",
            "Timeout": 5,
            "Code": {"ZipFile": zipped({"app.py": source})},
        } | options
        function = aws("lambda").create_function(FunctionName=name, Role=role, **configuration)
        return str(function["FunctionArn"])

    return create


@pytest.fixture
def layer(aws: Callable[[str], Any]) -> Callable[[dict[str, str]], str]:
    """Publishes a layer of the given files."""

    def publish(files: dict[str, str]) -> str:
        content = {"ZipFile": zipped(files)}
        version = aws("lambda").publish_layer_version(LayerName="layer", Content=content)
        return str(version["LayerVersionArn"])

    return publish


@pytest.fixture
def is_gone() -> Callable[[int], bool]:
    """Whether a process has ended and was reaped."""

    def check(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False

    return check
