"""What runs the programs of jobs and endpoints: the seam between SageMaker and its containers.

`process_runtime.py` lets a folder stand for a container, `docker_runtime.py` runs real ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

ML = PurePosixPath("/opt/ml")


class CannotStartError(Exception):
    """The image has no such program, or none that can be started; the message says which."""


@dataclass(frozen=True)
class Needs:
    """What a job or a variant asks of the machine that its containers run on."""

    instance_type: str | None = None
    memory_mb: int | None = None  # of a serverless variant
    isolated: bool = False  # no network


@dataclass(frozen=True)
class Command:
    """What a container runs: an entrypoint instead of the image's own, and arguments."""

    arguments: Sequence[str] = ()
    entrypoint: Sequence[str] = ()


class Program(Protocol):
    """A program that runs in a container."""

    def has_ended(self) -> bool:
        """Say whether it has ended."""

    def wait(self) -> None:
        """Wait until it has ended."""

    def stop(self, grace_seconds: float) -> int:
        """End it and all that it started; return its exit status, 128 + n for signal n.

        SIGTERM first, SIGKILL after `grace_seconds`; one that has ended leaves nothing behind.
        """

    def kill(self) -> None:
        """Kill it and all that it started, without a warning."""


class Container(Protocol):
    """A container, for one program after the other."""

    @property
    def root(self) -> Path:
        """The folder that it has on this machine, with its /opt/ml and room for archives."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port at which the program listens that `serve` started."""

    def start(self, command: Command, environment: Mapping[str, str], log: Path) -> Program:
        """Start a program; raises CannotStartError, or AwsError when there can be no container."""

    def serve(self, environment: Mapping[str, str], log: Path) -> Program:
        """Start the image's `serve`, as `start` does."""

    def remove(self) -> None:
        """Remove the files, once no program runs."""


class Runtime(Protocol):
    """Where containers come from."""

    def check(self, image: str) -> None:
        """Raise AwsError when the image of this address is not here."""

    def container(
        self, root: Path, image: str, needs: Needs, place: int | None = None
    ) -> Container:
        """Make a container's folders; `place` counts it in a chain that serves, from 0.

        Raises AwsError when the image is not here, or the needs cannot be met.
        """


def inside(root: Path, path: str | PurePosixPath) -> Path:
    """Say where a path at or below a container's /opt/ml is on this machine."""
    return root / PurePosixPath(path).relative_to("/")


def below(parent: str, path: Any) -> bool:
    """Whether a path in a request is at or below a folder of the container, without detours."""
    if not isinstance(path, str) or "\0" in path:
        return False
    parts = PurePosixPath(path)
    return ".." not in parts.parts and parts.is_relative_to(parent)
