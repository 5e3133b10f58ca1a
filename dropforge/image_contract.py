"""`dropforge image test`: does a built image keep SageMaker's contract with containers?

Source: developer guide, "Use your own training algorithms", "Use your own inference code with
hosting services" and "Build your own processing container". What an image is for, what it learns
from and what it is asked is in its folder's `contract.yaml`.
"""

import contextlib
import http.client
import json
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from dropforge import images, output
from dropforge.engine import docker, has_image
from dropforge.errors import CommandError, InputError
from dropforge.images import Image
from dropforge.project import Project

FILE = "contract.yaml"
_CODE = "processing/input/code/contract.py"
_GOOD = "good"  # where what was trained lies
_TRAIN_SECONDS = 300.0
_PING_SECONDS = 30.0
_STOP_SECONDS = 30
_KILLED = 137
_PORT = 8080
_OK = 200


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Training(_Part):
    """What the image learns from."""

    hyperparameters: dict[str, str]
    channel: str
    file: str  # the name of the file in the channel
    data: str
    bad_data: str  # from which nothing can be learned


class Serving(_Part):
    """What the image is asked, and answers."""

    model: dict[str, bytes] = {}  # files, of an image that serves what others trained
    environment: dict[str, str] = {}
    content_type: str
    request: str
    answer: str


class Contract(_Part):
    """What an image is for, and tested with."""

    train: Training | None = None
    serve: Serving | None = None
    process: str | None = None  # a script that writes into /opt/ml/processing/output

    @model_validator(mode="after")
    def _is_for_something(self) -> Self:
        if self.train is None and self.serve is None and self.process is None:
            raise ValueError("train, serve or process: it is for none of them")
        if self.serve and (self.train is None) is not bool(self.serve.model):
            raise ValueError("what is served is either trained here or given as serve.model")
        return self


@dataclass(frozen=True)
class Check:
    """What was looked at, and what is wrong with it, if anything is."""

    name: str
    problem: str
    seconds: float

    def document(self) -> dict[str, Any]:
        """Return what `--json` prints of it."""
        return {"check": self.name, "problem": self.problem or None, "seconds": self.seconds}


def check(project: Project, name: str) -> list[Check]:
    """Run the image of containers/NAME as SageMaker does, and look at what it does.

    Raises:
        InputError: it was not built, or its contract.yaml is missing or wrong.
    """
    image = images.of_folder(project, name)
    contract = _read(project, image)
    if not has_image(image.name):
        raise InputError(f"{image.name} was not built: dropforge image build {name}")
    # What the container's root wrote we may perhaps not remove.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as made:
        folder = Path(made)
        checks: list[Check] = []
        if contract.process is not None:
            checks += _processing(folder / "processed", image, contract.process)
        if contract.train:
            checks += _training(folder, image, contract.train)
        if contract.serve:
            checks += _serving(folder / _GOOD, image, contract.serve)
        return checks


def write(checks: list[Check]) -> None:
    """Print a table for people."""
    rows = [(one.name, one.problem or "ok", f"{one.seconds:.1f} s") for one in checks]
    output.write_table(("check", "", ""), rows)


def _read(project: Project, image: Image) -> Contract:
    path = image.folder / FILE
    where = project.relative(path)
    try:
        return Contract.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except FileNotFoundError as err:
        message = f"{where}: is missing: it says what the image is to be tested with."
        raise InputError(message) from err
    except (yaml.YAMLError, ValidationError) as err:
        raise InputError(f"{where}: {err}") from err


def _processing(folder: Path, image: Image, script: str) -> Iterator[Check]:
    code, written = folder / _CODE, folder / "processing/output"
    code.parent.mkdir(parents=True)
    written.mkdir()
    code.write_text(script, "utf-8")
    yield _timed("a processing job's script ends with 0", lambda: _process(image, folder))
    yield _timed("it writes its output", lambda: _expect_files(written))


def _process(image: Image, folder: Path) -> str:
    entrypoint = ("--entrypoint", "python3")
    docker("run", "--rm", *_mount(folder), *entrypoint, image.name, f"/opt/ml/{_CODE}")
    return ""


def _training(folder: Path, image: Image, contract: Training) -> Iterator[Check]:
    good, bad = folder / _GOOD, folder / "bad"
    yield _timed(
        "train ends with 0, given hyperparameters as text",
        lambda: _train(image, _ml(good, contract, contract.data), fails=False),
    )
    yield _timed("train writes a model", lambda: _expect_files(good / "model"))
    yield _timed(
        "train ends otherwise on bad data",
        lambda: _train(image, _ml(bad, contract, contract.bad_data), fails=True),
    )
    yield _timed("train says why in output/failure", lambda: _expect_text(bad / "output/failure"))


def _serving(folder: Path, image: Image, contract: Serving) -> Iterator[Check]:
    for name, content in contract.model.items():
        path = folder / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    with _container(image, folder, contract.environment) as (name, port):
        yield _timed("serve answers /ping within 30 s", lambda: _ping(port))
        yield _timed("serve predicts", lambda: _predict(port, contract))
        yield _timed("somebody else than root answers", lambda: _expect_user(name))
        yield _timed("serve ends on SIGTERM within 30 s", lambda: _stop(name))


def _timed(name: str, look: Callable[[], str]) -> Check:
    """Look; what is found is a problem's words, or nothing."""
    began = time.monotonic()
    try:
        problem = look()
    except CommandError as err:
        problem = str(err)
    return Check(name, problem, round(time.monotonic() - began, 3))


def _ml(folder: Path, contract: Training, data: str) -> Path:
    """Make a training job's /opt/ml."""
    config, channel = folder / "input/config", folder / "input/data" / contract.channel
    for each in (config, channel, folder / "model", folder / "output"):
        each.mkdir(parents=True)
    (channel / contract.file).write_text(data, "utf-8")
    channels = {contract.channel: {"TrainingInputMode": "File"}}
    resources = {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "eth0"}
    documents = {
        "hyperparameters": contract.hyperparameters,
        "inputdataconfig": channels,
        "resourceconfig": resources,
    }
    for name, document in documents.items():
        (config / f"{name}.json").write_text(json.dumps(document))
    return folder


def _train(image: Image, folder: Path, *, fails: bool) -> str:
    try:
        docker("run", "--rm", *_mount(folder), image.name, "train", timeout=_TRAIN_SECONDS)
    except CommandError as err:
        return "" if fails else str(err)
    return "it ended with 0" if fails else ""


def _expect_files(folder: Path) -> str:
    return "" if any(path.is_file() for path in folder.rglob("*")) else "there is none"


def _expect_text(path: Path) -> str:
    return "" if path.is_file() and path.read_text("utf-8").strip() else "it does not"


@contextlib.contextmanager
def _container(
    image: Image, folder: Path, environment: dict[str, str]
) -> Iterator[tuple[str, int]]:
    """Start `serve`; give the container's name and its port on this machine."""
    name = f"dropforge-test-{secrets.token_hex(4)}"
    options = [part for item in environment.items() for part in ("--env", "=".join(item))]
    options += ["--publish", f"127.0.0.1::{_PORT}", *_mount(folder)]
    try:
        docker("run", "--detach", "--name", name, *options, image.name, "serve")
        yield name, int(docker("port", name, str(_PORT)).rpartition(":")[2])
    finally:
        with contextlib.suppress(CommandError):
            docker("rm", "--force", "--volumes", name)


def _mount(folder: Path) -> tuple[str, str]:
    return "--mount", f"type=bind,source={folder},target=/opt/ml"


def _ping(port: int) -> str:
    deadline = time.monotonic() + _PING_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if _ask(port, "GET", "/ping")[0] == _OK:
                return ""
        time.sleep(0.1)
    return "it does not"


def _predict(port: int, contract: Serving) -> str:
    body, kind = contract.request.encode(), {"Content-Type": contract.content_type}
    try:
        status, said = _ask(port, "POST", "/invocations", body, kind)
    except (OSError, http.client.HTTPException) as err:
        return f"it does not answer: {err}"
    if status != _OK or said.strip() != contract.answer.strip():
        return f"it answers {status} {said!r}, not {contract.answer!r}"
    return ""


def _ask(
    port: int, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PING_SECONDS)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")


def _expect_user(name: str) -> str:
    told = docker("top", name, "-eo", "pid,uid").splitlines()[1:]
    users = {line.split()[1] for line in told}
    return "" if users - {"0"} else "all its processes are root's"


def _stop(name: str) -> str:
    if docker("inspect", "--format", "{{.State.Running}}", name) != "true":
        return "it had ended before"
    docker("stop", "-t", str(_STOP_SECONDS), name, timeout=2 * _STOP_SECONDS)
    status = int(docker("inspect", "--format", "{{.State.ExitCode}}", name))
    return f"it had to be killed after {_STOP_SECONDS} s" if status == _KILLED else ""
