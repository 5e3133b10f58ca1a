"""When a run starts: after quiet, on a marker, and although the run before it died unheard."""

import time

import pytest

from .stack import DEADLINE_SECONDS, Stack

pytestmark = pytest.mark.timeout(240)


def fates(stack: Stack, name: str) -> dict[str, str]:
    """Each object's name and status."""
    arrivals = stack.target.ledger.arrivals(name)
    return {one.key.rpartition("/")[2]: one.status for one in arrivals}


def until_waiting(stack: Stack, name: str, count: int) -> None:
    """Wait until so many objects wait, and the trigger has let go of the pipeline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        waiting = [one for one in fates(stack, name).values() if one == "WAITING"]
        if len(waiting) == count and stack.target.ledger.lock(name) is None:
            return
        time.sleep(0.05)
    raise AssertionError(fates(stack, name))


def test_quiet(stack: Stack) -> None:
    """Data that comes in two drops is one run, once nothing has come for some seconds."""
    name = "quiet"
    stack.publish(name, start={"quiet_seconds": 8, "at_latest_seconds": 60})
    stack.drop(name, "1,2\n", "a.csv")
    until_waiting(stack, name, 1)
    stack.drop(name, "3,4\n", "b.csv")
    until_waiting(stack, name, 2)
    assert stack.target.ledger.runs(name) == []
    run = stack.ended_run(name)
    assert (run["status"], run["data"]["objects"]) == ("DEPLOYED", 2)
    assert len(stack.target.ledger.runs(name)) == 1


def test_a_marker(stack: Stack) -> None:
    """Nothing starts without it, however often somebody looks; it is no data."""
    name = "marked"
    stack.publish(name, start={"marker": "_SUCCESS"})
    stack.drop(name, "1,2\n", "a.csv")
    until_waiting(stack, name, 1)
    stack.fire_schedule("SweepPipelines")
    stack.drop(name, "done\n", "day/_SUCCESS")
    run = stack.ended_run(name)
    assert (run["status"], run["data"]["objects"]) == ("DEPLOYED", 1)
    assert fates(stack, name) == {"a.csv": "USED", "_SUCCESS": "IGNORED"}


def test_a_holder_that_died_unheard_is_found_by_the_next_drop(stack: Stack) -> None:
    """No event told of its end, and no sweeper came: the trigger sees to it."""
    name = "unheard_end"
    stack.publish(name, train="hang")
    stack.drop(name, "1,2\n", "a.csv")
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (started := stack.started(name)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    stack.publish(name)
    stack.strike(kind="event", source="aws.states", match=started[0].run_id, then="dropped")
    stack.target.stepfunctions.stop_execution(executionArn=started[0].execution)
    stack.drop(name, "3,4\n", "b.csv")
    run = stack.ended_run(name, 2)
    assert stack.faults() == []
    assert (run["status"], run["data"]["objects"]) == ("DEPLOYED", 2)
    dead = stack.target.ledger.run(started[0].run_id)
    assert dead is not None
    assert (dead.status, dead.run_id != run["run_id"]) == ("FAILED", True)
