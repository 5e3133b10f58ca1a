"""A stack whose jobs and endpoints are containers, and an engine that can be made to go away."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from dropforge import image
from dropforge.build import build
from dropforge.project import Project
from dropforge.target import Target, forget_user_configuration
from tests.loop.conftest import deployed, start_hurried
from tests.loop.stack import QUICK, ROOT, Stack

HURRIED = Path(__file__).parent / "hurried.py"
STOP_SECONDS = 30
# The engine's own command line, which finds no engine for as long as a file is there.
_SWITCH = """#!/bin/sh
[ -e {away} ] && export DOCKER_HOST=unix:///nowhere/engine.sock
exec {docker} "$@"
"""
# A server that nobody ever hears of, and no server at all.
_IMAGES = {
    "deaf": {"serve": "#!/bin/sh\nexec sleep 600\n"},
    "mute": {"train": "#!/bin/sh\n"},
}


@dataclass
class Contained(Stack):
    """The stack of the loop's tests, in an embedded AWS that uses the engine."""

    away: Path = Path()

    @contextmanager
    def without_engine(self) -> Iterator[None]:
        """Let no engine answer for a while."""
        self.away.touch()
        try:
            yield
        finally:
            self.away.unlink()


def make_project(root: Path) -> Project:
    """Make a project with the quick pipeline's container, and others that are of no use."""
    for name in ("template.yaml", "dropforge_jobs"):
        (root / name).symlink_to(ROOT / name)
    (root / "pipelines").mkdir()
    shutil.copytree(QUICK / "container", root / "containers/quick")
    for name, programs in _IMAGES.items():
        folder = root / "containers" / name
        folder.mkdir()
        copies = "".join(f"COPY {program} /opt/program/\n" for program in programs)
        (folder / "Dockerfile").write_text(
            f"ARG BASE=python:3.13-slim\nFROM ${{BASE}}\n{copies}ENV PATH=/opt/program:$PATH\n"
        )
        for program, script in programs.items():
            (folder / program).write_text(script)
            (folder / program).chmod(0o755)
    return Project(root, root / "state")


@contextmanager
def contained_stack(folder: Path, base: str) -> Iterator[Contained]:
    """Build the images, start the embedded AWS, deploy the stack; stop it at the end."""
    root, programs = folder / "project", folder / "bin"
    root.mkdir()
    programs.mkdir()
    project = make_project(root)
    away = folder / "away"
    switch = programs / "docker"
    switch.write_text(_SWITCH.format(away=away, docker=shutil.which("docker")))
    switch.chmod(0o755)
    for name in ("quick", *_IMAGES):
        image.build(project, name, base, None)
    built = build(Project(ROOT, ROOT / ".dropforge/local"))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED"):
            patch.setenv(name, "")
        forget_user_configuration()
        environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}
        process = start_hurried(
            project.state, "--runtime", "docker", program=HURRIED, environment=environment
        )
        try:
            yield Contained(project, _in_docker(deployed(project, built)), away=away)
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def _in_docker(target: Target) -> Target:
    target.runtime = "docker"
    return target


def mounted_small(folder: Path) -> subprocess.CompletedProcess[bytes]:
    """Put a file system of 64 kB over a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    size = ("-o", "size=64k")
    return subprocess.run(["mount", "-t", "tmpfs", *size, "none", str(folder)], check=True)
