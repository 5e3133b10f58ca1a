"""The command line as a user has it, and the processes that it leaves."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dropforge.build import build
from dropforge.project import Project
from dropforge.target import local_target

from .stack import QUICK, ROOT, Stack

_GONE_SECONDS = 10.0
_APPLICATION = (
    *("template.yaml", "samconfig.toml", "functions", "layers", "statemachine", "dropforge_jobs"),
)


@dataclass(frozen=True)
class Tool:
    """The command line, with an embedded AWS of its own and nothing of AWS in the environment."""

    root: Path
    state: Path

    @property
    def rows(self) -> Path:
        """A file to drop, in the quick tool's project."""
        return self.root / "rows.csv"

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command."""
        with self.start(*arguments) as command:
            try:
                out, err = command.communicate(timeout=200)
            except BaseException:
                command.kill()
                raise
        return subprocess.CompletedProcess(command.args, command.returncode, out, err)

    def document(self, *arguments: str, status: int = 0) -> Any:
        """Run a command with --json; return the one document that it printed."""
        done = self(*arguments, "--json")
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout)

    def up(self) -> Stack:
        """Start the embedded AWS unless it is up; return the stack in it."""
        endpoint_url = self.document("local", "up")["endpoint_url"]
        project = Project(self.root, self.state)
        return Stack(project, local_target(endpoint_url, "dropforge", "us-east-1"))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command."""
        return subprocess.Popen(
            [sys.executable, "-m", "dropforge.cli", *arguments],
            cwd=self.root,
            env={"PATH": "/usr/bin:/bin", "DROPFORGE_STATE": str(self.state)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@contextmanager
def quick_tool(folder: Path) -> Iterator[Tool]:
    """Give the command line inside a project of its own: our application, the quick pipelines.

    At the end its embedded AWS is stopped, and nothing of it is left.
    """
    root = folder / "project"
    (root / "pipelines").mkdir(parents=True)
    shutil.copytree(QUICK / "container", root / "containers/quick")
    for name in _APPLICATION:
        (root / name).symlink_to(ROOT / name)
    # A copy saves making it again; were it shared, one made here would name this folder's files.
    built = build(Project(ROOT, ROOT / ".dropforge/local"))
    shutil.copytree(built.folder, root / ".dropforge/build")
    (root / "rows.csv").write_text("1,2,3\n")
    tool = Tool(root, folder / "state")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED"):
            # Opening a local target sets these; let them be as they were afterwards.
            patch.setenv(name, "")
        yield tool
    assert tool("local", "down").returncode == 0
    assert until_gone(tool.state) == []


def processes_of(state: Path) -> list[str]:
    """List what runs for a state folder, by command line; the caller itself does not count.

    A process belongs to it when its command, its working directory or its environment names the
    folder. Without /proc nobody can tell, and that is no pass.
    """
    proc = Path("/proc")
    assert (proc / "self/environ").exists(), "processes cannot be looked at: there is no /proc"
    found = []
    for path in proc.glob("[0-9]*"):
        if path.name == str(os.getpid()):
            continue
        try:
            command = (path / "cmdline").read_bytes()
            told = command + os.fsencode((path / "cwd").readlink())
            told += (path / "environ").read_bytes()
        except OSError:
            # It has ended, or it is another user's.
            continue
        if os.fsencode(state) in told:
            found.append(command.replace(b"\0", b" ").decode())
    return found


def until_gone(state: Path) -> list[str]:
    """Wait a while until no process of a state folder is left; return those that are."""
    deadline = time.monotonic() + _GONE_SECONDS
    while (left := processes_of(state)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left
