"""Python environments of images that stand for containers on this machine.

An image's folder says in ``requirements.txt``, with hashes, what its programs import. What the
tool's own environment does not have in these versions is installed by uv into one of its own, once,
below ``.dropforge/environments/``; images with the same requirements share it.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import Requirement

from dropforge import output
from dropforge.errors import CommandError, InputError
from dropforge.project import Project

_DONE = ".complete"


def provide(project: Project, folder: Path) -> Path | None:
    """Return the environment of an image's folder; None when the tool's own will do.

    Raises:
        InputError: there is no uv to install it with.
        CommandError: it could not be installed; the message has uv's last words.
    """
    file = folder / "requirements.txt"
    if not file.is_file():
        return None
    text = file.read_text("utf-8")
    if all(_is_here(requirement) for requirement in _requirements(text)):
        return None
    key = hashlib.sha256(f"{sys.version}\0{text}".encode()).hexdigest()[:16]
    environments = project.own / "environments"
    environments.mkdir(parents=True, exist_ok=True)
    environment = environments / f"{folder.name}-{key}"
    # Two commands may want it at once; the lock is left when the process ends, however it does.
    with (environments / f"{environment.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (environment / _DONE).exists():
            _install(project, file, environment)
    return environment


def _install(project: Project, requirements: Path, environment: Path) -> None:
    where = project.relative(requirements)
    uv = _uv(project)
    output.say(f"Installing what {where} asks for, once; this may take some minutes.")
    shutil.rmtree(environment, ignore_errors=True)
    _run([uv, "venv", "--quiet", "--python", sys.executable, str(environment)], where)
    command = [uv, "pip", "install", "--quiet", "--python", str(environment / "bin" / "python")]
    _run([*command, "--require-hashes", "--requirement", str(requirements)], where)
    (environment / _DONE).touch()


def _run(command: list[str], where: str) -> None:
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    if ended.returncode:
        words = " ".join(ended.stderr.split())[-1000:]
        raise CommandError(f"What {where} asks for could not be installed: {words}")


def _uv(project: Project) -> str:
    """Find uv: whoever started us, the PATH, or where `make` put it."""
    own = project.root / ".tools" / "bin" / "uv"
    for found in (os.environ.get("UV"), shutil.which("uv"), str(own) if own.exists() else None):
        if found:
            return found
    raise InputError(
        "uv is missing, which installs what an image needs: `make setup` puts it here."
    )


def _requirements(text: str) -> list[Requirement]:
    lines = text.replace("\\\n", " ").splitlines()
    wanted = (line.partition(" --hash")[0].partition(" #")[0].strip() for line in lines)
    return [Requirement(line) for line in wanted if line and not line.startswith(("#", "-"))]


def _is_here(requirement: Requirement) -> bool:
    if requirement.marker and not requirement.marker.evaluate():
        return True
    try:
        return requirement.specifier.contains(version(requirement.name), prereleases=True)
    except PackageNotFoundError:
        return False
