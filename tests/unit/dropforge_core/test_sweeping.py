from dropforge_core.ledger import STARTING_SECONDS
from dropforge_core.sweeping import Sweeper

from tests.unit.dropforge_core.stack import Stack
from tests.unit.dropforge_core.test_finishing import finisher, started


def sweeper(stack: Stack) -> Sweeper:
    """A sweeper of a stack."""
    return Sweeper(finisher=finisher(stack))


def test_what_is_in_order_is_left_alone(stack: Stack) -> None:
    """A run that is going goes on, and an idle pipeline stays idle."""
    run = started(stack)
    swept = sweeper(stack).sweep("iris")
    assert (swept.closed, swept.answered, swept.started) == ((), (), ())
    lock = stack.ledger.lock("iris")
    assert lock is not None
    assert lock.run_id == run.run_id
    assert sweeper(stack).sweep("idle").started == ()


def test_a_run_that_died_unheard_is_closed_and_its_pipeline_goes_on(stack: Stack) -> None:
    """FAILED, told once, and what waits gets its run; a second sweep finds nothing."""
    run = started(stack)
    stack.clock.advance(60)
    stack.drop("b.csv", "second", order=2)
    stack.clients.stepfunctions.stop_execution(executionArn=run.execution, cause="unheard")
    swept = sweeper(stack).sweep("iris")
    assert swept.closed == (run.run_id,)
    closed = stack.ledger.run(run.run_id)
    assert closed is not None
    assert closed.status == "FAILED"
    newer = stack.ledger.runs("iris")[0]
    assert (newer.status, newer.run_id != run.run_id) == ("RUNNING", True)
    assert len(stack.clients.told) == 1
    again = sweeper(stack).sweep("iris")
    assert (again.closed, again.started) == ((), ())


def test_a_run_without_an_execution_is_closed(stack: Stack) -> None:
    """Whoever deleted the state machine, or restored the table, left a run that nobody ends."""
    run = started(stack)
    gone = run.execution.replace(":dropforge-retrain:", ":never-made:")
    stack.ledger.change_run(run.run_id, {"execution": gone})
    assert sweeper(stack).sweep("iris").closed == (), "it may have begun a moment ago"
    stack.clock.advance(STARTING_SECONDS)
    assert sweeper(stack).sweep("iris").closed == (run.run_id,)
    closed = stack.ledger.run(run.run_id)
    assert closed is not None
    assert (closed.status, closed.billed_transitions) == ("FAILED", 2)
    assert "There is no such execution" in closed.reason


def test_data_that_waits_without_a_run_is_taken(stack: Stack) -> None:
    """Whoever should have started its run died before."""
    stack.publish()
    stack.drop("a.csv", "first")
    (run_id,) = sweeper(stack).sweep("iris").started
    assert stack.ledger.runs("iris")[0].run_id == run_id


def test_a_dead_starters_lock_is_taken_over(stack: Stack) -> None:
    """Once it is older than any function lives."""
    stack.publish()
    stack.drop("a.csv", "first")
    assert stack.ledger.acquire("iris", "dead", int(stack.clock.now().timestamp())) is not None
    stack.clock.advance(301)
    assert len(sweeper(stack).sweep("iris").started) == 1
