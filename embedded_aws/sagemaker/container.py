"""A folder that stands for a container: its file system, its environment, its command.

The image is a folder too: what its /opt/program holds, and in .venv, if it has one, its Python.
`root/opt/ml` is the container's /opt/ml, and `SAGEMAKER_BASE_DIR` tells programs so; arguments and
variables that name a path there are rewritten. Nothing of the embedded AWS's own environment gets
in.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from embedded_aws.sagemaker.platform import Platform
from embedded_aws.settings import Settings

ML = PurePosixPath("/opt/ml")
_PYTHON = re.compile(r"(.*/)?python(3(\.\d+)?)?")


class Container:
    """One container that has not been started yet, or has."""

    def __init__(self, root: Path, image: Path, platform: Platform) -> None:
        """Make the folders; `image` is the folder that stands for the image."""
        self.root = root
        self._image = image
        self._platform = platform
        self.path(ML).mkdir(parents=True)
        (root / "tmp").mkdir()

    def path(self, inside: str | PurePosixPath) -> Path:
        """Say where a path at or below the container's /opt/ml really is."""
        return self.root / PurePosixPath(inside).relative_to("/")

    def start(
        self, command: Sequence[str], environment: Mapping[str, str], log: Path
    ) -> subprocess.Popen[bytes]:
        """Start a program; raises FileNotFoundError when the image has none of that name."""
        return self._platform.children.start(
            self._command(command),
            env=self._environment(environment),
            cwd=self._image,
            output=log,
        )

    def remove(self) -> None:
        """Remove the container's files."""
        shutil.rmtree(self.root, ignore_errors=True)

    def _command(self, command: Sequence[str]) -> list[str]:
        program, *arguments = [self._rewritten(part) for part in command]
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
            **_aws_variables(self._platform.settings),
            **given,
            "SAGEMAKER_BASE_DIR": str(self.path(ML)),
        }

    def _rewritten(self, value: str) -> str:
        is_below = value == str(ML) or value.startswith(f"{ML}/")
        return str(self.root) + value if is_below else value


def below(parent: str, path: Any) -> bool:
    """Whether a path in a request is at or below a folder of the container, without detours."""
    if not isinstance(path, str) or "\0" in path:
        return False
    parts = PurePosixPath(path)
    return ".." not in parts.parts and parts.is_relative_to(parent)


def exit_status(return_code: int) -> int:
    """Give a process's end as Docker gives it: 128 + n for signal n."""
    return 128 - return_code if return_code < 0 else return_code


def _aws_variables(settings: Settings) -> dict[str, str]:
    # On AWS a job has its role's credentials; here any will do, and calls must come to us.
    return {
        "AWS_ACCESS_KEY_ID": "embedded",
        "AWS_SECRET_ACCESS_KEY": "embedded",
        "AWS_DEFAULT_REGION": settings.region,
        "AWS_REGION": settings.region,
        "AWS_ENDPOINT_URL": settings.endpoint_url,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
