"""The pipeline's programs, run as jobs and containers run them: each by its own image's Python."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from dropforge_core.pipeline_config import PipelineConfig

from dropforge import environments
from dropforge.project import Project
from dropforge_jobs.rules import FILE

ROOT = Path(__file__).parents[4]
PIPELINE = ROOT / "pipelines" / "car_evaluation"
DATA = PIPELINE / "data" / "car.data"
CONFIG = PipelineConfig.model_validate(
    yaml.safe_load((PIPELINE / "pipeline.yaml").read_text("utf-8"))
)
START_SECONDS = 60.0


def python_of(image: str) -> str:
    """Return the Python of an image; what it needs is installed once."""
    folder = environments.provide(
        Project(ROOT, ROOT / ".dropforge/local"), ROOT / "containers" / image
    )
    return str(folder / "bin" / "python") if folder else sys.executable


def run_script(
    script: str, base: Path, *arguments: str, image: str = "car_evaluation", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run one of the pipeline's scripts as a job, with `base` for /opt/ml."""
    program = [str(ROOT / "containers/spark/smspark-submit")] if image == "spark" else []
    return subprocess.run(
        [python_of(image), *program, str(PIPELINE / script), *arguments],
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "SAGEMAKER_BASE_DIR": str(base),
            "HOME": str(base),
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def lay_out(base: Path, objects: Mapping[str, str]) -> Path:
    """Lay out what a preprocess job finds; return the folder of its outputs."""
    inputs = base / "processing" / "input"
    for name in ("data", "manifest", "code"):
        (inputs / name).mkdir(parents=True)
    (inputs / "code" / FILE).write_text(json.dumps(CONFIG.rules()), "utf-8")
    entries = []
    for name, content in objects.items():
        (inputs / "data" / name).write_text(content, "utf-8")
        size = len(content.encode())
        entry = {
            "key": f"incoming/car_evaluation/{name}",
            "path": name,
            "size": size,
            "etag": "x-1",
        }
        entries.append({**entry, "version_id": name, "new": True})
    document = {"run_id": "run", "prefix": "incoming/car_evaluation/", "objects": entries}
    (inputs / "manifest" / "manifest.json").write_text(json.dumps(document), "utf-8")
    return base / "processing" / "output"


def told(base: Path) -> Any:
    """Return what a preprocess job told of its data."""
    return json.loads((base / "output" / "message").read_text("utf-8").removeprefix("dropforge: "))


def preprocessed(
    base: Path,
    *changes: str,
    objects: Mapping[str, str] | None = None,
    image: str = "car_evaluation",
    allowed: Mapping[str, str] | None = None,
) -> Path:
    """Run the preprocess job, with the arguments of pipeline.yaml and some more.

    Args:
        base: what stands for /opt/ml.
        changes: arguments after those of pipeline.yaml.
        objects: what was dropped, by name; the real data if nothing is given.
        image: whose Python runs it.
        allowed: a value more that a column may hold.
    """
    output = lay_out(base, objects or {"car.data": DATA.read_text("utf-8")})
    rules = base / "processing" / "input" / "code" / FILE
    document = json.loads(rules.read_text("utf-8"))
    for column in document["columns"]:
        column["values"] += [
            value for name, value in (allowed or {}).items() if name == column["name"]
        ]
    rules.write_text(json.dumps(document), "utf-8")
    done = run_script("preprocess.py", base, *CONFIG.preprocess.arguments, *changes, image=image)
    assert done.returncode == 0, done.stdout + done.stderr
    return output


@dataclass(frozen=True)
class Trained:
    """What a run's jobs leave: the outputs of preprocess, the model's archive, train's log."""

    output: Path
    archive: Path
    log: str


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Preprocess the real data and train on it, as the pipeline does."""
    base = tmp_path_factory.mktemp("preprocess")
    output = preprocessed(base)
    job = tmp_path_factory.mktemp("train")
    config = job / "input" / "config"
    config.mkdir(parents=True)
    for channel in CONFIG.train.channels:
        shutil.copytree(output / channel, job / "input" / "data" / channel)
    channels = {name: {"ContentType": "text/csv"} for name in CONFIG.train.channels}
    parameters = {**CONFIG.train.hyperparameters, **told(base)["hyperparameters"]}
    for name, content in {
        "hyperparameters": parameters,
        "inputdataconfig": channels,
        "resourceconfig": {"hosts": ["algo-1"]},
    }.items():
        (config / f"{name}.json").write_text(json.dumps(content), "utf-8")
    image = ROOT / "containers" / "xgboost"
    done = subprocess.run(
        [python_of("xgboost"), str(image / "train")],
        env={"PYTHONPATH": str(image), "SAGEMAKER_BASE_DIR": str(job)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    archive = job / "model.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(job / "model" / "xgboost-model", "xgboost-model")
    return Trained(output, archive, done.stdout)


@dataclass(frozen=True)
class Reply:
    """A container's answer."""

    status: int
    kind: str
    body: str


class Container:
    """A container that serves."""

    def __init__(self, port: int) -> None:
        """Know where."""
        self._port = port

    def ask(
        self, body: str | bytes, kind: str = "text/csv", *, method: str = "POST", **headers: str
    ) -> Reply:
        """Send a request to /invocations."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        content = body.encode() if isinstance(body, str) else body
        connection.request(method, "/invocations", content, {"Content-Type": kind, **headers})
        answer = connection.getresponse()
        found = Reply(answer.status, answer.headers["Content-Type"], answer.read().decode())
        connection.close()
        return found

    def pings(self) -> bool:
        """Say whether it is up."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == http.HTTPStatus.OK
        except OSError:
            return False
        finally:
            connection.close()


@contextmanager
def serving(image: str, archive: Path, folder: Path, **variables: str) -> Iterator[Container]:
    """Serve an archive by an image's program."""
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "model", filter="data")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = ROOT / "containers" / image
    process = subprocess.Popen(
        [python_of(image), str(program / "serve")],
        env={
            "PYTHONPATH": str(program),
            "SAGEMAKER_BASE_DIR": str(folder),
            "SAGEMAKER_BIND_TO_PORT": str(port),
            **variables,
        },
    )
    container = Container(port)
    deadline = time.monotonic() + START_SECONDS
    try:
        while not container.pings():
            assert process.poll() is None, "the container ended"
            assert time.monotonic() < deadline, "the container did not start"
            time.sleep(0.1)
        yield container
    finally:
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(30) in (0, -signal.SIGTERM)


@dataclass(frozen=True)
class Chain:
    """The three containers of the endpoint."""

    front: Container
    middle: Container
    behind: Container

    def ask(self, body: str, kind: str = "text/csv", accept: str = "") -> Reply:
        """Pass a request through all three, as an endpoint does."""
        reply = Reply(http.HTTPStatus.OK, kind, body)
        for container in (self.front, self.middle, self.behind):
            headers = {"Accept": accept} if accept and container is self.behind else {}
            reply = container.ask(reply.body, reply.kind, **headers)
            if reply.status != http.HTTPStatus.OK:
                break
        return reply


@pytest.fixture(scope="session")
def chain(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Serve what was trained, by the containers of pipeline.yaml."""
    with ExitStack() as stack:
        containers = []
        for each in CONFIG.serve.containers:
            archive = trained.archive
            if each.model != "train":
                name = str(each.model).removeprefix("preprocess/")
                archive = trained.output / "models" / name / "model.tar.gz"
            folder = tmp_path_factory.mktemp(each.name)
            served = serving(each.image, archive, folder, **each.environment)
            containers.append(stack.enter_context(served))
        yield Chain(*containers)
