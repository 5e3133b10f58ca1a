"""Child processes: how they start, how they stop, and that none outlives us."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from embedded_aws.processes import Children
from embedded_aws.settings import Settings

PATH = f"{Path(sys.executable).parent}:/usr/bin:/bin"
# A child with a grandchild in its group and another that has left the group, as PySpark's does.
FAMILY = """
import os, subprocess, sys, time
near = subprocess.Popen(["sleep", "60"])
far = subprocess.Popen(["sleep", "60"], process_group=0)
print(os.getpid(), near.pid, far.pid, flush=True)
time.sleep(60)
"""
PARENT = """
import pathlib, sys, time
from embedded_aws.processes import Children
from embedded_aws.settings import Settings
folder = pathlib.Path(sys.argv[1])
children = Children(Settings(folder, 0))
env = {"PATH": sys.argv[2]}
children.start([sys.executable, "-c", sys.argv[3]], env=env, cwd=folder, output=folder / "pids")
time.sleep(60)
"""


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for a condition, at most so long."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """Say whether a process runs; one that has ended and waits for its parent does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False)
    return bool(state.stdout.strip()) and not state.stdout.strip().startswith(b"Z")


def family(folder: Path) -> list[int]:
    """Give the ids of the family of processes once all are there."""
    pids = folder / "pids"
    wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 3)
    return [int(pid) for pid in pids.read_text().split()]


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    """Give the means to start children, and stop them all at the end."""
    children = Children(Settings(tmp_path, 0))
    yield children
    children.stop_all()


def test_a_child_gets_the_given_environment_and_no_more(children: Children, tmp_path: Path) -> None:
    """Nothing of our own environment leaks into a child, and its output is kept."""
    output = tmp_path / "output"
    process = children.start(
        ["env"], env={"PATH": PATH, "ONLY": "this"}, cwd=tmp_path, output=output
    )
    assert process.wait(10) == 0
    names = {line.partition("=")[0] for line in output.read_text().splitlines()}
    assert names - {"PWD", "SHLVL", "_", "OLDPWD"} == {"PATH", "ONLY"}


def test_a_program_that_is_not_there_is_named(children: Children, tmp_path: Path) -> None:
    """A missing program is an error at once, not a child that ends with 127."""
    with pytest.raises(FileNotFoundError, match="no-such-program"):
        children.start(["no-such-program"], env={"PATH": PATH}, cwd=tmp_path)


def test_stop_ends_the_whole_family(children: Children, tmp_path: Path) -> None:
    """Stopping a child also ends its grandchildren, even one that has left the group."""
    process = children.start(
        [sys.executable, "-c", FAMILY],
        env={"PATH": PATH},
        cwd=tmp_path,
        output=tmp_path / "pids",
    )
    pids = family(tmp_path)
    assert children.stop(process, grace_seconds=5) == -signal.SIGTERM
    wait_until(lambda: not any(is_running(pid) for pid in pids))


def test_kill_ends_the_whole_family_without_a_warning(children: Children, tmp_path: Path) -> None:
    """The signal is SIGKILL; a child that has ended already is no error."""
    process = children.start(
        [sys.executable, "-c", FAMILY],
        env={"PATH": PATH},
        cwd=tmp_path,
        output=tmp_path / "pids",
    )
    pids = family(tmp_path)
    for _ in range(2):
        children.kill(process)
        assert process.wait(0) == -signal.SIGKILL
    wait_until(lambda: not any(is_running(pid) for pid in pids))


def test_stop_kills_what_ignores_the_signal(children: Children, tmp_path: Path) -> None:
    """A child that ignores SIGTERM is killed after its grace."""
    process = children.start(
        ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"],
        env={"PATH": PATH},
        cwd=tmp_path,
        output=tmp_path / "output",
    )
    wait_until(lambda: (tmp_path / "output").read_text() == "ready\n")
    assert children.stop(process, grace_seconds=0.2) == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits address space")
def test_memory_is_limited(children: Children, tmp_path: Path) -> None:
    """A child that asks for more than its limit gets a MemoryError."""
    output = tmp_path / "output"
    process = children.start(
        [sys.executable, "-c", "bytearray(1 << 30)"],
        env={"PATH": PATH},
        cwd=tmp_path,
        output=output,
        memory_bytes=512 << 20,
    )
    assert process.wait(10) == 1
    assert "MemoryError" in output.read_text()


def test_a_command_is_run_when_we_are_gone(tmp_path: Path) -> None:
    """The warden runs it, with arguments as they are."""
    children = Children(Settings(tmp_path, 0), ["/bin/sh", "-c", 'touch "$0"', "a b"])
    assert not (tmp_path / "a b").exists()
    children.stop_all()
    assert (tmp_path / "a b").exists()


def test_nothing_starts_after_the_end(tmp_path: Path) -> None:
    """Once all are stopped, starting another is refused."""
    children = Children(Settings(tmp_path, 0))
    children.stop_all()
    with pytest.raises(RuntimeError, match="stopping"):
        children.start(["true"], env={"PATH": PATH}, cwd=tmp_path)


def test_a_killed_parent_leaves_no_child_behind(tmp_path: Path) -> None:
    """When the process that started them is killed, children and grandchildren end."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), PATH, FAMILY],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    pids = family(tmp_path)
    assert all(is_running(pid) for pid in pids)
    parent.kill()
    parent.wait(10)
    wait_until(lambda: not any(is_running(pid) for pid in pids))
