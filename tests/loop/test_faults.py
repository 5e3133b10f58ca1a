"""Faults strike the application where they are meant to: its functions, its events, its jobs."""

import pytest

from .stack import Stack

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("happens", [False, True])
def test_the_end_of_a_run_times_out(stack: Stack, *, happens: bool) -> None:
    """Step Functions sees the function error, tries again, and the run ends once."""
    name = f"late_finish_{'after' if happens else 'before'}"
    stack.publish(name)
    stack.strike(
        kind="function", function="FinishRun", then="timed_out", match=name, call=2, happens=happens
    )
    run = stack.run(name)
    assert run["status"] == "DEPLOYED"
    assert stack.faults() == []
    assert len(stack.target.ledger.runs(name)) == 1


def test_an_arrival_is_told_several_times(stack: Stack) -> None:
    """By EventBridge and once more by SQS: one run."""
    name = "told_several_times"
    stack.publish(name)
    stack.strike(kind="event", source="aws.s3", match=name, then="duplicated", copies=2)
    stack.strike(kind="message", queue="Incoming", match=name, seconds=2)
    run = stack.run(name)
    assert run["status"] == "DEPLOYED"
    assert stack.faults() == []
    assert len(stack.target.ledger.runs(name)) == 1


def test_a_training_job_is_stopped(stack: Stack) -> None:
    """The run fails with the job's status, and no endpoint comes of it."""
    name = "stopped_job"
    stack.publish(name, train="hang")
    stack.strike(kind="job", job="stopped-job", then="stopped", after=1)
    run = stack.run(name)
    assert (run["status"], run["endpoint"]["action"]) == ("FAILED", "NONE")
    assert stack.faults() == []
