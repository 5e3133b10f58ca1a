"""A run that is dead and holds its pipeline: the trigger has it closed, by whoever ends runs."""

import json

import pytest
from dropforge_core.contracts import ExecutionEnd
from dropforge_core.ledger import STARTING_SECONDS
from dropforge_core.records import Run

from tests.unit.dropforge_core.stack import FINISH, Stack
from tests.unit.dropforge_core.test_finishing import end_of
from tests.unit.dropforge_core.test_starting import Interrupted


def started(stack: Stack) -> Run:
    """Start a run, and let new data come."""
    stack.publish()
    stack.drop("a.csv", "first")
    (run,) = stack.starter().start_waiting("iris")
    stack.clock.advance(1)
    stack.drop("b.csv", "second", order=2)
    return run


def stopped(stack: Stack, run: Run) -> None:
    """Stop a run's execution; nobody hears of it."""
    stack.clients.stepfunctions.stop_execution(executionArn=run.execution, cause="unheard")


def told(stack: Stack) -> ExecutionEnd:
    """Return what FinishRun was told, once."""
    (request,) = [one for one in stack.clients.told if one["FunctionName"] == FINISH]
    assert request["InvocationType"] == "Event"
    stack.clients.told.clear()
    return ExecutionEnd.read(json.loads(request["Payload"])["detail"])


def test_a_run_that_goes_on_is_left_alone(stack: Stack) -> None:
    """Nobody is told anything."""
    started(stack)
    assert stack.starter().start_waiting("iris") == []
    assert stack.clients.told == []


def test_a_dead_holder_is_closed_and_its_data_and_the_new_run(stack: Stack) -> None:
    """The trigger is refused the lock, sees why, and FinishRun starts what waits."""
    run = started(stack)
    stopped(stack, run)
    assert stack.starter().start_waiting("iris") == []
    finished = stack.finisher().bury(told(stack))
    assert finished.closed
    dead, follow_up = stack.ledger.run(run.run_id), stack.ledger.run(finished.follow_up or "")
    assert dead is not None
    assert follow_up is not None
    assert (dead.status, follow_up.data["objects"]) == ("FAILED", 2)
    assert "ABORTED" in dead.reason


def test_an_execution_that_cannot_be_seen_yet_is_not_dead(stack: Stack) -> None:
    """Describe lags behind; only after longer than any start takes is there none."""
    run = started(stack)
    gone = run.execution.replace(":dropforge-retrain:", ":never-made:")
    stack.ledger.change_run(run.run_id, {"execution": gone})
    assert stack.starter().start_waiting("iris") == []
    assert stack.clients.told == []
    stack.clock.advance(STARTING_SECONDS)
    assert stack.starter().start_waiting("iris") == []
    assert told(stack).status == "ABORTED"


def test_a_holder_that_ends_while_the_trigger_looks(stack: Stack) -> None:
    """Its own end takes what waits; that FinishRun is told as well changes nothing."""
    run = started(stack)

    def end() -> None:
        stack.end(run, "DEPLOYED")
        stopped(stack, run)

    # After the lock was refused, before its holder's run is read.
    assert stack.starter(Interrupted(stack, "run", end)).start_waiting("iris") == []
    follow_up, first = stack.ledger.runs("iris")
    assert not stack.finisher().bury(told(stack)).closed
    assert (first.run_id, follow_up.status) == (run.run_id, "RUNNING")
    assert stack.ledger.run(run.run_id).status == "DEPLOYED"  # type: ignore[union-attr]
    lock = stack.ledger.lock("iris")
    assert lock is not None
    assert lock.run_id == follow_up.run_id
    assert len(stack.executions()) == 2


def test_a_holder_that_dies_after_it_gave_the_pipeline_back(stack: Stack) -> None:
    """FinishRun died between the release and the look for what waits: the trigger starts it."""
    run = started(stack)

    class Died(BaseException):
        pass

    def die() -> None:
        raise Died

    finisher = stack.finisher()
    object.__setattr__(finisher.approvals, "look", lambda _: die())
    with pytest.raises(Died):
        finisher.finish(end_of(run))
    stopped(stack, run)
    (follow_up,) = stack.starter().start_waiting("iris")
    assert follow_up.data["objects"] == 2


@pytest.mark.parametrize("first", ["trigger", "finish"])
def test_finish_and_trigger_race(stack: Stack, first: str) -> None:
    """Whoever comes first after the release starts the follow-up, the other finds it going."""
    run = started(stack)
    begun: list[Run] = []

    def rival() -> None:
        begun.extend(stack.starter().start_waiting("iris"))

    # The trigger is at work as the run's end releases the lock: just before, or just after.
    step = "release_run" if first == "finish" else "acquire"
    finisher = stack.finisher(Interrupted(stack, step, rival))
    finished = finisher.finish(end_of(run))
    going = [one for one in stack.ledger.runs("iris") if one.status == "RUNNING"]
    assert len(going) == 1
    assert len(stack.executions()) == 2
    if first == "trigger":
        assert begun == going
        assert finished.follow_up is None
    else:
        assert begun == []
        assert finished.follow_up == going[0].run_id
    assert stack.fates() == [("a.csv", "USED"), ("b.csv", "IN_RUN")]
