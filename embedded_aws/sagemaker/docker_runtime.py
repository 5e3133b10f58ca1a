"""Real containers: the images of a container engine, run as SageMaker runs them.

/opt/ml is a folder of this machine, mounted. A job that asks for isolation has no network; an
endpoint's containers then are in one that leads nowhere, where only this machine reaches them.
CPUs and memory are those of the instance type, as far as this machine has them.
"""

import contextlib
import math
import secrets
import shutil
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from embedded_aws.engine import Engine, EngineError, client_environment
from embedded_aws.errors import AwsError
from embedded_aws.images import Images
from embedded_aws.processes import Children
from embedded_aws.sagemaker.instance_sizes import Size, size_of
from embedded_aws.sagemaker.runtime import ML, CannotStartError, Command, Needs, inside
from embedded_aws.settings import Settings

# "Use your own inference code with hosting services"; a chain's containers get others.
_PORT = 8080
_PORTS = 10
_BINDS_LABEL = "com.amazonaws.sagemaker.capabilities.accept-bind-to-port"
_CANNOT_INVOKE, _NOT_FOUND = 126, 127  # Docker's exit statuses
_KILLED = 137
# For the engine to end a container whose grace is over, and for its output to be read.
_END_SECONDS = 15.0


class DockerRuntime:
    """Makes such containers."""

    def __init__(
        self, settings: Settings, children: Children, images: Images, engine: Engine
    ) -> None:
        """Take images from `engine`, or those that `images` says stand in for them."""
        self.settings = settings
        self.children = children
        self.engine = engine
        self._images = images
        self._lock = threading.Lock()
        self._isolated = ""

    def check(self, image: str) -> None:
        """Raise AwsError when the engine has no such image."""
        self._find(image)

    def container(
        self, root: Path, image: str, needs: Needs, place: int | None = None
    ) -> "DockerContainer":
        """Make a container's folders; raises AwsError when there can be no container."""
        name, labels = self._find(image)
        if place is not None and labels.get(_BINDS_LABEL) != "true":
            message = f"Image {image} cannot be one of several: it has no label {_BINDS_LABEL}=true"
            raise AwsError("ValidationException", message)
        return DockerContainer(root, name, needs, place, self)

    def isolated_network(self) -> str:
        """Name the network that leads nowhere, making it first if need be."""
        with self._lock:
            if not self._isolated:
                self._isolated = self.engine.make_isolated_network()
            return self._isolated

    def _find(self, image: str) -> tuple[str, dict[str, str]]:
        """Find the name of an image in the engine, and its labels."""
        stand_in = self._images.name(image)
        for name in (image, stand_in):
            labels = self.engine.image_labels(name)
            if labels is not None:
                return name, labels
        raise AwsError(
            "ValidationException",
            f"Requested image {image} not found: the container engine has neither it nor"
            f" {stand_in}. What stands in for an image is told by the table {self._images.table}",
        )


class DockerContainer:
    """One container of SageMaker's: a container of the engine's for each program it starts."""

    def __init__(
        self, root: Path, image: str, needs: Needs, place: int | None, runtime: DockerRuntime
    ) -> None:
        """Make the folders; raises AwsError when nobody knows the size of the machine."""
        self.root = root
        self._image = image
        self._isolated = needs.isolated
        self._size = size_of(needs)
        self._place = place
        self._runtime = runtime
        self._serving = ""
        inside(root, ML).mkdir(parents=True)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the program that serves."""
        networks = self._runtime.engine.inspect(self._serving)["NetworkSettings"]["Networks"]
        [network] = networks.values()
        return network["IPAddress"], self._port

    def start(self, command: Command, environment: Mapping[str, str], log: Path) -> "DockerProgram":
        """Start a program; raises CannotStartError when the image has none of that name."""
        network = "none" if self._isolated else "bridge"
        return self._run(command, environment, log, network)

    def serve(self, environment: Mapping[str, str], log: Path) -> "DockerProgram":
        """Start the image's `serve`."""
        network = self._runtime.isolated_network() if self._isolated else "bridge"
        ports = {
            "SAGEMAKER_BIND_TO_PORT": str(self._port),
            "SAGEMAKER_SAFE_PORT_RANGE": f"{self._port + 1}-{self._port + _PORTS - 1}",
        }
        given = {**environment, **({} if self._place is None else ports)}
        program = self._run(Command(["serve"]), given, log, network)
        self._serving = program.name
        return program

    def remove(self) -> None:
        """Remove the files, also those that the container's root made and we may not remove."""
        shutil.rmtree(self.root, ignore_errors=True)
        if not self.root.exists():
            return
        with contextlib.suppress(EngineError):
            self._runtime.engine.run(
                *("run", "--rm", "--label", self._runtime.engine.label, "--network", "none"),
                *("--user", "0", "--mount", self._mount, "--entrypoint", "chmod"),
                *(self._image, "-R", "a+rwX", str(ML)),
            )
        shutil.rmtree(self.root, ignore_errors=True)

    @property
    def _port(self) -> int:
        return _PORT + _PORTS * (self._place or 0)

    @property
    def _mount(self) -> str:
        return f"type=bind,source={inside(self.root, ML)},target={ML}"

    def _run(
        self, command: Command, environment: Mapping[str, str], log: Path, network: str
    ) -> "DockerProgram":
        settings = self._runtime.settings
        # An isolated container has no credentials either: "Run containers in internet-free mode".
        clients = (
            {"AWS_REGION": settings.region, "AWS_DEFAULT_REGION": settings.region}
            if self._isolated
            else settings.client_variables()
        )
        variables = {**clients, **environment}
        first, *rest = command.entrypoint or [""]
        name = f"embedded-aws-{secrets.token_hex(6)}"
        self._runtime.engine.run(
            *("create", "--name", name, "--label", self._runtime.engine.label),
            *("--network", network, "--mount", self._mount),
            *_limits(self._size, self._runtime.engine),
            # SageMaker sends SIGTERM, whatever the image asks for. We read the log as JSON files.
            *("--stop-signal", "SIGTERM", "--log-driver", "json-file"),
            *(part for variable in variables.items() for part in ("--env", "=".join(variable))),
            *(("--entrypoint", first) if first else ()),
            *(self._image, *rest, *command.arguments),
        )
        program = DockerProgram(name, self._runtime)
        program.start(log)
        return program


class DockerProgram:
    """A container of the engine's; thread safe."""

    def __init__(self, name: str, runtime: DockerRuntime) -> None:
        """Take a container that was made and not started."""
        self.name = name
        self._engine = runtime.engine
        self._children = runtime.children
        self._lock = threading.Lock()
        self._status: int | None = None
        self._follower: subprocess.Popen[bytes]

    def start(self, log: Path) -> None:
        """Start it, and follow what it says; raises CannotStartError or EngineError."""
        try:
            self._engine.run("start", self.name)
        except EngineError as err:
            status = self._remove()
            if status in (_CANNOT_INVOKE, _NOT_FOUND):
                raise CannotStartError(err.message) from err
            raise
        self._follower = self._children.start(
            ["docker", "logs", "--follow", self.name],
            env=client_environment(),
            cwd=log.parent,
            output=log,
        )

    def has_ended(self) -> bool:
        """Say whether it has ended."""
        return self._follower.poll() is not None

    def wait(self) -> None:
        """Wait until it has ended."""
        self._follower.wait()

    def stop(self, grace_seconds: float) -> int:
        """End it and remove it; return its exit status."""
        with self._lock:
            if self._status is None:
                if not self.has_ended():
                    self._end(grace_seconds)
                self._status = self._remove()
        return self._status

    def kill(self) -> None:
        """Kill it."""
        with contextlib.suppress(EngineError):
            self._engine.run("kill", self.name)

    def _end(self, grace_seconds: float) -> None:
        grace = math.ceil(grace_seconds)
        with contextlib.suppress(EngineError):
            self._engine.run("stop", "-t", str(grace), self.name, seconds=grace + _END_SECONDS)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._follower.wait(_END_SECONDS)
        self._children.kill(self._follower)

    def _remove(self) -> int:
        """Remove it from the engine; return its exit status, that of a kill when it has none."""
        try:
            state = self._engine.inspect(self.name)["State"]
            self._engine.run("rm", "--force", "--volumes", self.name)
        except EngineError:
            return _KILLED
        return _KILLED if state["Running"] else int(state["ExitCode"])


def _limits(size: Size, engine: Engine) -> list[str]:
    cpus = min(size.cpus, engine.cpus)
    memory = min(size.memory_mb * 1024 * 1024, engine.memory_bytes)
    return ["--cpus", str(cpus), "--memory", str(memory), "--memory-swap", str(memory)]
