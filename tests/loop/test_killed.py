"""What is left when the embedded AWS ends in the middle of a run: nothing, and it starts again."""

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from dropforge import embedded

from .tool import Tool, processes_of, quick_tool, until_gone

# What runs in the middle of a run: the embedded AWS and its warden, warm functions, the endpoint
# of the run before, the job.
PROGRAMS = ("-m embedded_aws", "warden.py", "awslambdaric", "/serve", "/train")
NOTHING = {
    "running": False,
    "endpoint_url": None,
    "console_url": None,
    "stack": None,
    "pid": None,
    "runtime": None,
    "container_url": None,
}
pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    """The command line in a project of quick pipelines."""
    with quick_tool(tmp_path_factory.mktemp("killed")) as tool:
        yield tool


def kill(tool: Tool) -> None:
    """End the embedded AWS without a chance to tidy up."""
    found = embedded.find(tool.state)
    assert found
    os.kill(found.pid, signal.SIGKILL)


def down(tool: Tool) -> None:
    """Stop the embedded AWS as a user does."""
    assert tool.document("local", "down") == NOTHING


def until_all_run(tool: Tool) -> list[str]:
    """Wait until each kind of program runs; return all of them."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = processes_of(tool.state)
        if all(any(program in command for command in found) for program in PROGRAMS):
            return found
        time.sleep(0.1)
    raise AssertionError(f"not all of {PROGRAMS} run: {found}")


def end_in_mid_run(tool: Tool, name: str, end: Callable[[Tool], None]) -> None:
    """End it while an endpoint serves and a job trains: no process is left, who waits is told."""
    stack = tool.up()
    stack.publish(name)
    assert stack.run(name)["status"] == "DEPLOYED"
    stack.publish(name, train="hang")
    with tool.start("drop", name, str(tool.rows), "--wait") as waiting:
        until_all_run(tool)
        end(tool)
        out, err = waiting.communicate(timeout=60)
    assert (waiting.returncode, out) == (3, "")
    assert "cannot be reached" in err.splitlines()[-1]
    assert until_gone(tool.state) == []
    assert tool.document("local", "status") == NOTHING


def test_killed_in_mid_run_it_starts_again(tool: Tool) -> None:
    """After SIGKILL the next start is as good as the first: empty, and a drop is deployed."""
    end_in_mid_run(tool, "killed", kill)
    stack = tool.up()
    assert stack.target.ledger.pipelines() == []
    assert stack.slack() == []
    assert stack.target.client("sagemaker").list_endpoints()["Endpoints"] == []
    stack.publish("killed", answer="3")
    run = tool.document("drop", "killed", str(tool.rows), "--wait")
    assert (run["status"], run["endpoint"]["action"]) == ("DEPLOYED", "CREATED")
    assert stack.answer("killed") == "3"


def test_stopped_in_mid_run_it_leaves_nothing_behind(tool: Tool) -> None:
    """`local down` does not wait for the job, and ends it too."""
    end_in_mid_run(tool, "stopped", down)
