"""Runs that are started without new data: by hand, by a schedule, by a drift alarm."""

import json
from typing import Any

import pytest

from .stack import Stack
from .tool import Tool

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def tool(stack: Stack) -> Tool:
    """The command line, for the stack that all tests here share."""
    return Tool(stack.project.root, stack.project.state)


def test_retrain_makes_a_run_of_what_there_is(stack: Stack, tool: Tool) -> None:
    """With a changed pipeline, which it publishes; the data is the same and not SKIPPED for it."""
    stack.publish("again", answer="1")
    first = stack.run("again")
    path = stack.project.pipelines / "again/pipeline.yaml"
    path.write_text(path.read_text("utf-8").replace("answer: '1'", "answer: '2'"), "utf-8")
    run: dict[str, Any] = tool.document("retrain", "again", "--wait")
    assert (run["status"], run["causes"]) == ("DEPLOYED", ["PERSON"])
    assert run["data"]["objects"] == first["data"]["objects"]
    assert run["manifest_hash"] == first["manifest_hash"]
    assert stack.answer("again") == "2"
    assert len(stack.target.ledger.runs("again")) == 2


def test_retrain_during_a_run_is_one_follow_up_with_the_data_that_waits(
    stack: Stack, tool: Tool
) -> None:
    """Asked twice while a run is going, and something is dropped: one more run, for all of it."""
    stack.publish("busy_retrain")
    stack.strike(kind="job", job="busy-retrain", then="killed", seconds=30)
    stack.drop("busy_retrain", "1,2\n")
    asked = [tool.document("retrain", "busy_retrain") for _ in range(2)]
    assert {one["pipeline"] for one in asked} == {"busy_retrain"}
    stack.drop("busy_retrain", "3,4\n", "more.csv")
    stack.clear_faults()
    newest = stack.ended_run("busy_retrain", count=2)
    runs = stack.target.ledger.runs("busy_retrain")
    assert len(runs) == 2
    taken = [stack.target.ledger.request("busy_retrain", one["request_id"]) for one in asked]
    assert {one.run_id for one in taken if one} <= {run.run_id for run in runs}
    assert newest["data"]["objects"] == 2


def test_retrain_without_any_data_says_so(stack: Stack, tool: Tool) -> None:
    """Exit 1: SKIPPED, without an execution or an endpoint; Slack says why."""
    stack.publish("no_data")
    run = tool.document("retrain", "no_data", "--wait", status=1)
    assert (run["status"], run["execution"]) == ("SKIPPED", "")
    assert run["reason"].startswith("There is no data to learn from")
    (message,) = stack.slack_about(run["run_id"])
    assert "There is no data to learn from" in json.dumps(message)


def test_retrain_of_nothing_is_wrong_use(tool: Tool) -> None:
    """A pipeline that is nowhere: exit 2, one line."""
    for name in ("nowhere", "../iris"):
        done = tool("retrain", name)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1
