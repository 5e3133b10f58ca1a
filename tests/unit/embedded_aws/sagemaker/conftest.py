"""A SageMaker with S3 from moto, images made of a few lines of Python, and short limits."""

import io
import itertools
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from embedded_aws.faults import Faults
from embedded_aws.images import Images
from embedded_aws.processes import Children
from embedded_aws.sagemaker import Limits, SageMaker
from embedded_aws.sagemaker.process_runtime import ProcessRuntime
from embedded_aws.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROLE = "arn:aws:iam::123456789012:role/SageMaker"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/test/image:1"
_DEADLINE_SECONDS = 20.0
_numbers = itertools.count()

# Answers with the model's name, and does what the body says.
SERVE = """
import os, signal, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

if os.environ.get("EXIT"):
    sys.exit("no model")
name = (Path(os.environ["SAGEMAKER_BASE_DIR"]) / "model" / "name").read_text()

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *_):
        pass

    def do_GET(self):
        self.answer(int(os.environ.get("PING_STATUS", "200")), b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body == b"die":
            os.kill(os.getpid(), signal.SIGKILL)
        if body.startswith(b"sleep "):
            time.sleep(float(body.split()[1]))
        if body.startswith(b"until "):
            path = Path(body[6:].decode())
            path.with_suffix(".inside").touch()
            while not path.exists():
                time.sleep(0.01)
        status = int(body.split()[1]) if body.startswith(b"status ") else 200
        told = [name.encode(), body, self.headers["Content-Type"].encode()]
        told += [self.headers.get("Accept", "-").encode()]
        self.answer(status, b"|".join(told))

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "text/" + name)
        self.send_header("Content-Length", str(len(body)))
        attributes = self.headers.get("X-Amzn-SageMaker-Custom-Attributes")
        if attributes:
            self.send_header("X-Amzn-SageMaker-Custom-Attributes", attributes)
        self.end_headers()
        self.wfile.write(body)

class Server(ThreadingHTTPServer):
    request_queue_size = 128

print("serving", os.getpid(), flush=True)
Server(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""


@dataclass
class Watch:
    """A CloudWatch whose alarms are in the states that a test gives them."""

    alarms: dict[str, str] = field(default_factory=dict)
    data: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def alarm_state(self, name: str) -> str | None:
        """Give an alarm's state."""
        return self.alarms.get(name)

    def put(self, namespace: str, data: Sequence[dict[str, Any]]) -> None:
        """Keep metric data."""
        self.data += [(namespace, datum) for datum in data]


@dataclass
class Bench:
    """What a test works with."""

    sagemaker: SageMaker
    settings: Settings
    s3: "S3Client"
    bucket: str
    role: str = ROLE
    cloudwatch: Watch = field(default_factory=Watch)
    faults: Faults = field(default_factory=Faults)
    events: list[tuple[str, dict[str, Any], list[str]]] = field(default_factory=list)

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        """Call an operation."""
        return self.sagemaker.call(operation, request)

    def put(self, key: str, body: bytes | str) -> str:
        """Put an object; return its URI."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        return f"s3://{self.bucket}/{key}"

    def keys(self, prefix: str = "") -> list[str]:
        """List keys."""
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for entry in found.get("Contents", [])]

    def get(self, key: str) -> bytes:
        """Get an object."""
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def image(self, **programs: str) -> str:
        """Make an image of Python programs, by their names; return its URI."""
        folder = self.settings.state / "images" / "test" / "image" / "1"
        folder.mkdir(parents=True, exist_ok=True)
        for name, code in programs.items():
            path = folder / name
            path.write_text(f"#!/usr/bin/env python3\n{code}")
            path.chmod(0o755)
        return IMAGE

    def model(self, name: str, **container: Any) -> str:
        """Make a model, whose endpoint answers with its name, and an endpoint config for it."""
        data = self.model_data(name)
        primary = {"Image": self.image(serve=SERVE), "ModelDataUrl": data, **container}
        self.call("CreateModel", ModelName=name, PrimaryContainer=primary, ExecutionRoleArn=ROLE)
        self.config(name)
        return name

    def config(self, name: str, **variant: Any) -> None:
        """Make an endpoint config of a model, by the model's name."""
        instance = {} if variant else {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        given = {"VariantName": "main", "ModelName": name, **instance, **variant}
        self.call("CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=[given])

    def model_data(self, name: str) -> str:
        """Put a model.tar.gz that holds a name."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            member = tarfile.TarInfo("name")
            member.size = len(name)
            tar.addfile(member, io.BytesIO(name.encode()))
        return self.put(f"models/{name}/model.tar.gz", packed.getvalue())

    def endpoint(self, name: str, config: str) -> None:
        """Create an endpoint and wait until it serves."""
        self.call("CreateEndpoint", EndpointName=name, EndpointConfigName=config)
        self.wait_for_endpoint(name)

    def wait_for_endpoint(self, name: str, status: str = "InService") -> dict[str, Any]:
        """Wait for a status of an endpoint; return its description."""
        return self.wait("DescribeEndpoint", "EndpointStatus", {status}, EndpointName=name)

    def wait_for_job(self, kind: str, name: str) -> dict[str, Any]:
        """Wait for a job's end; return its description."""
        ends = {"Completed", "Failed", "Stopped"}
        asked = {f"{kind}JobName": name}
        return self.wait(f"Describe{kind}Job", f"{kind}JobStatus", ends, **asked)

    def wait(self, operation: str, field: str, wanted: set[str], **request: Any) -> dict[str, Any]:
        """Describe until a field has one of these values."""
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while True:
            description = self.call(operation, **request)
            if description.get(field) in wanted:
                return description
            assert time.monotonic() < deadline, description
            self.sagemaker.wait_for_change(0.5)

    def invoke(
        self, endpoint: str, body: bytes = b"x", headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Invoke an endpoint; return status and body."""
        given = {"Content-Type": "text/csv", **(headers or {})}
        answer = self.sagemaker.invoke_endpoint(endpoint, body, given)
        return answer.status, answer.body


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    """Serve S3, real HTTP from moto in this process."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()


@pytest.fixture(scope="session")
def s3(s3_port: int) -> "S3Client":
    """Make a client of S3."""
    session = boto3.Session("test", "test", region_name="us-east-1")
    return session.client("s3", endpoint_url=f"http://127.0.0.1:{s3_port}")


@pytest.fixture
def make_bench(tmp_path: Path, s3_port: int, s3: "S3Client") -> Iterator[Callable[..., Bench]]:
    """Make a Bench, with other limits if asked."""
    settings = Settings(state=tmp_path, port=s3_port)
    children = Children(settings)
    made: list[SageMaker] = []

    def make(**limits: float) -> Bench:
        events: list[tuple[str, dict[str, Any], list[str]]] = []

        def emit(source: str, kind: str, detail: dict[str, Any], resources: list[str]) -> None:
            assert source == "aws.sagemaker"
            events.append((kind, detail, resources))

        short = replace(Limits(stop_grace=5, serving_grace=5, ping_interval=0.02), **limits)
        cloudwatch, faults = Watch(), Faults()
        made.append(
            SageMaker(
                settings,
                emit,
                ProcessRuntime(settings, children, Images(settings.state / "images")),
                faults=faults,
                cloudwatch=cloudwatch,
                limits=short,
            )
        )
        bucket = f"bucket-{next(_numbers)}"
        s3.create_bucket(Bucket=bucket)
        return Bench(
            made[-1], settings, s3, bucket, cloudwatch=cloudwatch, faults=faults, events=events
        )

    yield make
    for sagemaker in made:
        sagemaker.stop()
    children.stop_all()


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    """Make a Bench."""
    return make_bench()


@pytest.fixture(autouse=True)
def no_thread_fails(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test whose threads raise: their errors would go unseen."""
    failures: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: failures.append(repr(args)))
    yield
    assert failures == []
