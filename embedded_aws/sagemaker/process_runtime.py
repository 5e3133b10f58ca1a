"""Containers without an engine: a folder stands for each one's file system, a process runs in it.

The image is a folder too: what its /opt/program holds, and in .venv, if it has one, its Python.
`root/opt/ml` is the container's /opt/ml, and `SAGEMAKER_BASE_DIR` tells programs so; arguments and
variables that name a path there are rewritten. Nothing of the embedded AWS's own environment gets
in.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from embedded_aws.images import Images
from embedded_aws.processes import Children
from embedded_aws.sagemaker.ports import Ports
from embedded_aws.sagemaker.runtime import ML, CannotStartError, Command, Needs, inside
from embedded_aws.settings import Settings

_PYTHON = re.compile(r"(.*/)?python(3(\.\d+)?)?")


class ProcessRuntime:
    """Makes such containers."""

    def __init__(self, settings: Settings, children: Children, images: Images) -> None:
        """Take images from `images`, and let `children` start the processes."""
        self.settings = settings
        self.children = children
        self.ports = Ports()
        self._images = images

    def check(self, image: str) -> None:
        """Raise AwsError when nothing stands for the image."""
        self._images.folder(image)

    def container(
        self, root: Path, image: str, needs: Needs, _place: int | None = None
    ) -> "ProcessContainer":
        """Make a container; raises AwsError when nothing stands for the image."""
        return ProcessContainer(root, self._images.folder(image), needs.memory_mb, self)


class ProcessContainer:
    """One container; `image` is the folder that stands for its image."""

    def __init__(
        self, root: Path, image: Path, memory_mb: int | None, runtime: ProcessRuntime
    ) -> None:
        """Make the folders."""
        self.root = root
        self._image = image
        self._data_bytes = memory_mb * 1024 * 1024 if memory_mb else None
        self._runtime = runtime
        self._ports: range | None = None
        inside(root, ML).mkdir(parents=True)
        (root / "tmp").mkdir()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the program that serves."""
        return "127.0.0.1", self._block.start

    def start(self, command: Command, environment: Mapping[str, str], log: Path) -> "Process":
        """Start a program; raises CannotStartError when the image has none of that name."""
        try:
            process = self._runtime.children.start(
                self._argv(command),
                env=self._environment(environment),
                cwd=self._image,
                output=log,
                data_bytes=self._data_bytes,
            )
        except FileNotFoundError as err:
            raise CannotStartError(str(err)) from err
        return Process(process, self._runtime.children)

    def serve(self, environment: Mapping[str, str], log: Path) -> "Process":
        """Start the program `serve` on a port of its own."""
        block = self._block
        ports = {
            "SAGEMAKER_BIND_TO_PORT": str(block.start),
            "SAGEMAKER_SAFE_PORT_RANGE": f"{block.start + 1}-{block[-1]}",
        }
        return self.start(Command(["serve"]), {**environment, **ports}, log)

    def remove(self) -> None:
        """Remove the container's files, and let others have its ports."""
        if self._ports:
            self._runtime.ports.give_back(self._ports)
            self._ports = None
        shutil.rmtree(self.root, ignore_errors=True)

    @property
    def _block(self) -> range:
        if self._ports is None:
            self._ports = self._runtime.ports.take()
        return self._ports

    def _argv(self, command: Command) -> list[str]:
        parts = [*command.entrypoint, *command.arguments]
        program, *arguments = [self._rewritten(part) for part in parts]
        return [str(self._python) if _PYTHON.fullmatch(program) else program, *arguments]

    @property
    def _python(self) -> Path:
        """The image's own Python, else the one that runs us and has what its programs import."""
        own = self._image / ".venv" / "bin" / "python3"
        return own if own.exists() else Path(sys.executable)

    def _environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        given = {name: self._rewritten(value) for name, value in environment.items()}
        search = [str(self._image), str(self._python.parent), "/usr/bin", "/bin"]
        return {
            "PATH": ":".join(search),
            "PYTHONPATH": str(self._image),
            "PYTHONUNBUFFERED": "1",
            "HOME": str(self.root),
            "TMPDIR": str(self.root / "tmp"),
            "LANG": "C.UTF-8",
            **self._runtime.settings.client_variables(),
            **given,
            "SAGEMAKER_BASE_DIR": str(inside(self.root, ML)),
        }

    def _rewritten(self, value: str) -> str:
        is_below = value == str(ML) or value.startswith(f"{ML}/")
        return str(self.root) + value if is_below else value


class Process:
    """A program of such a container."""

    def __init__(self, process: subprocess.Popen[bytes], children: Children) -> None:
        """Take a process that `children` started."""
        self._process = process
        self._children = children

    def has_ended(self) -> bool:
        """Say whether it has ended."""
        return self._process.poll() is not None

    def wait(self) -> None:
        """Wait until it has ended."""
        self._process.wait()

    def stop(self, grace_seconds: float) -> int:
        """End it and all that it started; give its exit status as Docker does."""
        status = self._children.stop(self._process, grace_seconds)
        return 128 - status if status < 0 else status

    def kill(self) -> None:
        """Kill it and all that it started."""
        self._children.kill(self._process)
