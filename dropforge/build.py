"""`sam build`, when something that goes into it has changed."""

import contextlib
import fcntl
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dropforge.content import digest, files_below
from dropforge.errors import CommandError
from dropforge.output import say
from dropforge.project import Project

_FILES = ("template.yaml", "samconfig.toml")
_FOLDERS = ("functions", "layers", "statemachine")
_ARCHITECTURES = {"aarch64": "arm64", "arm64": "arm64", "amd64": "x86_64", "x86_64": "x86_64"}
_TAIL_LINES = 8


@dataclass(frozen=True)
class Build:
    """What `sam build` made: the folder with its template, and the hash of what went in."""

    folder: Path
    sources: str
    architecture: str


def build(project: Project) -> Build:
    """Build the application unless the last build is of the same sources.

    Raises:
        CommandError: `sam` is not installed, or the build failed.
    """
    architecture = _architecture()
    sources = _sources(project, architecture)
    folder = project.own / "build"
    # In the folder itself: whatever clears the folder makes us build again.
    made_of = folder / ".sources"
    with _only_one(project):
        built = made_of.read_text() if made_of.exists() else None
        if built != sources:
            say("Building the application with sam build ...")
            _sam_build(project, folder, architecture)
            made_of.write_text(sources)
    return Build(folder, sources, architecture)


def sam_environment(project: Project) -> dict[str, str]:
    """Return an environment for `sam`: this interpreter first, no telemetry, no AWS account."""
    user = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    path = os.pathsep.join([str(_programs()), user.get("PATH", os.defpath)])
    return user | {
        "PATH": path,
        "SAM_CLI_TELEMETRY": "0",
        "__SAM_CLI_APP_DIR": str(project.own / "sam"),
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def find_sam() -> Path | None:
    """Find the `sam` of this environment; None when aws-sam-cli is not installed."""
    found = shutil.which("sam", path=str(_programs()))
    return Path(found) if found else None


def _programs() -> Path:
    return Path(sys.executable).parent


def _architecture() -> str:
    machine = platform.machine().lower()
    if machine not in _ARCHITECTURES:
        raise CommandError(f"Lambda has no architecture for a {machine} machine.")
    return _ARCHITECTURES[machine]


def _sources(project: Project, architecture: str) -> str:
    files = [path for name in _FILES if (path := project.root / name).is_file()]
    for name in _FOLDERS:
        if (project.root / name).is_dir():
            files += files_below(project.root / name)
    named = {str(path.relative_to(project.root)): path for path in files}
    return digest(named, architecture, platform.python_version())


def _sam_build(project: Project, folder: Path, architecture: str) -> None:
    sam = find_sam()
    if sam is None:
        raise CommandError("sam is not installed here: run 'uv sync', which installs aws-sam-cli.")
    done = subprocess.run(
        [
            *(str(sam), "build", "--cached"),
            *("--template-file", str(project.template)),
            *("--build-dir", str(folder)),
            *("--cache-dir", str(project.own / "build.cache")),
            *("--parameter-overrides", f"Architecture={architecture}"),
        ],
        cwd=project.root,
        env=sam_environment(project),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    log = project.own / "build.log"
    log.write_text(done.stdout)
    if done.returncode:
        last = " | ".join(line for line in done.stdout.splitlines()[-_TAIL_LINES:] if line.strip())
        raise CommandError(f"sam build failed; see {project.relative(log)}: {last}")


@contextlib.contextmanager
def _only_one(project: Project) -> Iterator[None]:
    project.own.mkdir(parents=True, exist_ok=True)
    with (project.own / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
