"""Containers as SageMaker runs them, and nothing of them left, however the embedded AWS ends."""

import io
import os
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dropforge import embedded, image
from dropforge.project import Project
from dropforge.target import Target, local_target
from tests.loop.conftest import start_hurried
from tests.loop.tool import processes_of

from .bases import ROOT
from .engine import left_behind
from .stack import HURRIED, STOP_SECONDS, make_project
from .tool import Tool, without_aws

ROLE = "arn:aws:iam::123456789012:role/SageMaker"
BUCKET = "bucket"
_SECONDS = 60.0


class Machine:
    """An embedded AWS with the docker runtime and nothing deployed in it."""

    def __init__(self, project: Project, image_name: str) -> None:
        """Start it."""
        self.project = project
        self.image = image_name
        self.process = start_hurried(project.state, "--runtime", "docker", program=HURRIED)
        found = embedded.find(project.state)
        assert found
        assert found.container_url
        self.address = found.container_url.removeprefix("http://")
        self.target: Target = local_target(found.endpoint_url, "none", found.region, "docker")
        self.sagemaker = self.target.client("sagemaker")
        self.target.s3.create_bucket(Bucket=BUCKET)
        self.target.s3.put_object(Bucket=BUCKET, Key="data/rows.csv", Body=b"1,2\n")

    def train(self, name: str, behaviour: str, answer: str = "", *, isolated: bool = False) -> None:
        """Start a training job."""
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/data/"}
        self.sagemaker.create_training_job(
            TrainingJobName=name,
            AlgorithmSpecification={"TrainingImage": self.image, "TrainingInputMode": "File"},
            HyperParameters={"behaviour": behaviour, "answer": answer},
            InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
            OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/models"},
            ResourceConfig={
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 1,
            },
            RoleArn=ROLE,
            StoppingCondition={"MaxRuntimeInSeconds": 600},
            EnableNetworkIsolation=isolated,
        )

    def ended(self, name: str) -> dict[str, Any]:
        """Wait for a training job's end."""
        return until(
            lambda: self.sagemaker.describe_training_job(TrainingJobName=name),
            lambda job: job["TrainingJobStatus"] != "InProgress",
        )

    def serve(self, name: str, containers: list[dict[str, str]], *, isolated: bool) -> None:
        """Make an endpoint of containers of the one image, and wait until it serves."""
        self.target.s3.put_object(Bucket=BUCKET, Key="model.tar.gz", Body=_model("1"))
        data = {"Image": self.image, "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}
        chain = [data | {"Environment": environment} for environment in containers]
        several = {"Containers": chain} if len(chain) > 1 else {"PrimaryContainer": chain[0]}
        self.sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=ROLE, EnableNetworkIsolation=isolated, **several
        )
        variant = {"VariantName": "main", "ModelName": name, "InstanceType": "ml.m5.large"}
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[variant | {"InitialInstanceCount": 1}]
        )
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        described = until(
            lambda: self.sagemaker.describe_endpoint(EndpointName=name),
            lambda endpoint: endpoint["EndpointStatus"] != "Creating",
        )
        assert described["EndpointStatus"] == "InService", described

    def ask(self, name: str, body: str) -> str:
        """Invoke an endpoint."""
        runtime = self.target.client("sagemaker-runtime")
        answer = runtime.invoke_endpoint(EndpointName=name, Body=body.encode())
        return str(answer["Body"].read().decode())

    def containers(self) -> list[str]:
        """List what it has in the engine."""
        return left_behind(self.project.state)

    def kill(self, *, warden: bool) -> None:
        """End it as a power cut does, with its warden or without."""
        if warden:
            for pid in wardens(self.project.state):
                os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait(STOP_SECONDS)


@pytest.fixture(scope="module")
def quick(python_base: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Build the image of the quick pipeline."""
    root = tmp_path_factory.mktemp("quick")
    return image.build(make_project(root), "quick", python_base, None).name


@pytest.fixture
def machine(tmp_path: Path, quick: str) -> Iterator[Machine]:
    """Start an embedded AWS; nothing of it may be left at the end."""
    machine = Machine(Project(ROOT, tmp_path / "state"), quick)
    yield machine
    machine.process.terminate()
    machine.process.wait(STOP_SECONDS)
    assert machine.containers() == []


def until[T](look: Callable[[], T], is_right: Callable[[T], bool]) -> T:
    """Look until it is right."""
    deadline = time.monotonic() + _SECONDS
    while not is_right(seen := look()):
        assert time.monotonic() < deadline, seen
        time.sleep(0.1)
    return seen


def wardens(state: Path) -> list[int]:
    """List the wardens of an embedded AWS."""
    told = subprocess.run(
        ["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True
    ).stdout
    lines = [line.split(maxsplit=1) for line in told.splitlines()]
    return [int(pid) for pid, args in lines if "warden.py" in args and str(state) in args]


def _model(answer: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("answer")
        member.size = len(answer)
        archive.addfile(member, io.BytesIO(answer.encode()))
    return packed.getvalue()


def test_network_isolation(machine: Machine) -> None:
    """A job calls who it likes, unless it is isolated; so does an endpoint. Both are served."""
    machine.train("open", "call", machine.address)
    machine.train("shut", "call", machine.address, isolated=True)
    assert machine.ended("open")["TrainingJobStatus"] == "Completed"
    shut = machine.ended("shut")
    assert shut["TrainingJobStatus"] == "Failed"
    log = machine.project.state / "logs/aws/sagemaker/TrainingJobs/shut/algo-1.log"
    assert "unreachable" in log.read_text()
    for name, isolated, answer in (("open", False, "reached"), ("shut", True, "No route")):
        machine.serve(name, [{"BEHAVIOUR": "calling"}], isolated=isolated)
        assert answer in machine.ask(name, machine.address)


def test_a_chain_of_containers(machine: Machine) -> None:
    """Each is told its own port; a request passes one after the other."""
    machine.serve("chain", [{"BEHAVIOUR": "append"}] * 2, isolated=False)
    assert machine.ask("chain", "x") == "x|1|1"


def test_a_job_is_stopped(machine: Machine) -> None:
    """The container is gone when the job is."""
    machine.train("long", "hang")
    until(machine.containers, bool)
    machine.sagemaker.stop_training_job(TrainingJobName="long")
    ended = until(
        lambda: machine.sagemaker.describe_training_job(TrainingJobName="long"),
        lambda job: job["TrainingJobStatus"] not in {"InProgress", "Stopping"},
    )
    assert ended["TrainingJobStatus"] == "Stopped"
    assert machine.containers() == []


def test_killed_in_mid_training_the_warden_removes_the_container(machine: Machine) -> None:
    """Nobody has to clean up."""
    machine.train("long", "hang")
    until(machine.containers, bool)
    machine.kill(warden=False)
    assert until(machine.containers, lambda left: not left) == []


def test_killed_with_its_warden_the_next_stop_removes_the_container(machine: Machine) -> None:
    """`local down` finds nothing that runs, and cleans up."""
    machine.train("long", "hang")
    until(machine.containers, bool)
    machine.kill(warden=True)
    assert machine.containers()
    done = Tool(ROOT, machine.project.state)("local", "down")
    assert done.returncode == 0
    assert machine.containers() == []


def test_killed_with_its_warden_the_next_start_removes_the_container(machine: Machine) -> None:
    """With whatever runtime it starts."""
    machine.train("long", "hang")
    until(machine.containers, bool)
    machine.kill(warden=True)
    assert machine.containers()
    (machine.project.state / "embedded.json").unlink()
    process = start_hurried(machine.project.state, program=HURRIED)
    try:
        assert machine.containers() == []
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def test_without_an_engine_nothing_starts(tmp_path: Path) -> None:
    """`local up` says why."""
    nowhere = {"DOCKER_HOST": "unix:///nowhere/engine.sock"}
    tool = Tool(ROOT, tmp_path / "state", without_aws() | nowhere)
    done = tool("local", "up", "--runtime", "docker")
    assert done.returncode == 1
    assert "Cannot connect to the Docker daemon" in done.stderr
    assert processes_of(tool.state) == []
