"""The container engine of this machine, by its command line `docker`."""

import os
import shutil
import subprocess
from collections.abc import Sequence

from dropforge.errors import CommandError, UnreachableError

_TAIL_LINES = 8


def docker(*arguments: str, text: str = "", timeout: float | None = None) -> str:
    """Run a command of the engine, with `text` on its stdin; return what it prints.

    Raises:
        UnreachableError: there is no engine.
        CommandError: the engine refuses; the message has its last words.
    """
    done = _run(arguments, text=text, timeout=timeout)
    if done.returncode:
        _check_reached(done.stderr)
        words = [line for line in done.stderr.splitlines() if line.strip()][-_TAIL_LINES:]
        raise CommandError(f"docker {arguments[0]} failed: {' | '.join(words) or done.returncode}")
    return done.stdout.strip()


def has_image(name: str) -> bool:
    """Whether the engine has an image of this name.

    Raises:
        UnreachableError: there is no engine.
    """
    done = _run(("image", "inspect", name))
    if done.returncode:
        _check_reached(done.stderr)
    return done.returncode == 0


def _run(
    arguments: Sequence[str], *, text: str = "", timeout: float | None = None
) -> subprocess.CompletedProcess[str]:
    if shutil.which("docker") is None:
        raise UnreachableError("There is no container engine here: no program `docker`.")
    try:
        return subprocess.run(
            ["docker", *arguments],
            input=text,
            # No attestations: they make an OCI index of an image, which SageMaker does not take.
            env=os.environ | {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as err:
        raise CommandError(f"docker {arguments[0]} took longer than {timeout} s.") from err


def _check_reached(words: str) -> None:
    if "Cannot connect to the Docker daemon" in words or "failed to connect" in words:
        raise UnreachableError("No container engine answers: start Docker, or see DOCKER_HOST.")
