"""Killing the trigger or the run's end at each of its AWS calls, one by one, changes nothing.

The retry is that of the messages' visibility timeout, or of Step Functions. Handlers, table, bucket
and queue are real, as in the histories.
"""

from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from .conftest import NewWorld
from .process import Strike
from .world import PIPELINE, World

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
# What the trigger and the run's end call at least: fewer, and the kills missed something.
FEWEST_CALLS = 12


def trigger(world: World) -> None:
    """Two objects came, one of them twice; the trigger is about to take them."""
    world.drop("a", "first")
    world.drop("b", "second")
    world.deliver(0, 2)
    world.deliver(0, 1)
    world.receive(10)


def follow_up(world: World) -> None:
    """A run's jobs have ended, and data has come meanwhile; FinishRun is about to close it."""
    trigger(world)
    world.step(world.processes[0], 1_000)
    world.wait(60)
    world.drop("a", "third")
    world.deliver(0, 1)
    world.receive(10)
    world.step(world.processes[0], 1_000)
    world.finish(world.machines[0], "DEPLOYED")


def rejected(world: World) -> None:
    """The model was judged too bad: what the run was the first to read is set aside."""
    trigger(world)
    world.step(world.processes[0], 1_000)
    world.finish(world.machines[0], "REJECTED")


def bury(world: World) -> None:
    """A run's execution was stopped, and data has come meanwhile; FinishRun is told."""
    trigger(world)
    world.step(world.processes[0], 1_000)
    world.wait(60)
    world.drop("c", "third")
    world.deliver(0, 1)
    world.stop(world.machines[0], heard=True)
    world.tell(0)


def outcome(world: World) -> dict[str, Any]:
    """Return what came of it in the end, but for times and names of runs."""
    arrivals = world.arrivals()
    runs = world.stack.ledger.runs(PIPELINE)
    order = {run.run_id: number for number, run in enumerate(reversed(runs))}
    return {
        "fates": sorted(
            (one.key, one.etag, one.status, order.get(one.run_id), one.reason.partition("iris-")[0])
            for one in arrivals
        ),
        "runs": [(run.status, run.data["objects"], run.attempt) for run in reversed(runs)],
        "executions": len(world.stack.executions()),
        "takers": Counter(len(takers) for takers in world.takers.values()),
        "lock": world.stack.ledger.lock(PIPELINE),
    }


@pytest.mark.parametrize("strike", [Strike.DIE_BEFORE, Strike.DIE_AFTER])
@pytest.mark.parametrize("begin", [trigger, follow_up, rejected, bury])
def test_a_kill_at_any_call_changes_nothing(
    new_world: NewWorld, begin: Callable[[World], None], strike: Strike
) -> None:
    """The outcome is the same as without the kill, without the sweeper where there are retries.

    Lambda tries an asynchronous invocation, as `bury` is, twice more within three minutes, and a
    dead starter keeps its lock for five: what was begun then is the sweeper's to go on with.
    """
    expected = None
    for number in count():
        world = new_world(None)
        begin(world)
        process = world.processes[0]
        if number:
            # It stops before its first call, and then makes one with each step.
            world.step(process, number)
            if process.is_over:
                break
            world.step(process, 1, strike)
        world.run_out(sweeping=False)
        if begin is bury:
            world.run_out(sweeping=True)
        else:
            assert not world.needs_sweeper
        found = outcome(world)
        expected = expected or found
        assert found == expected, f"killed at call {number}"
    assert number > FEWEST_CALLS
    assert expected is not None
    assert expected["lock"] is None
