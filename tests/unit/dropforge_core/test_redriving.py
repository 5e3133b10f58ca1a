import json
from dataclasses import replace

import pytest
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError
from dropforge_core.contracts import RetrainInput
from dropforge_core.flight import Flight
from dropforge_core.ledger import STARTING_SECONDS
from dropforge_core.records import Lock, Run
from dropforge_core.redriving import redrive_run, retake_data
from dropforge_core.table import ConditionFailedError

from tests.unit.dropforge_core.stack import Stack, published
from tests.unit.dropforge_core.test_restoring import Refusing
from tests.unit.dropforge_core.test_starting import Died, Interrupted, die


def failed_run(stack: Stack) -> Run:
    """Let a run of one object fail."""
    stack.publish()
    stack.drop("a.csv", "first")
    (run,) = stack.starter().start_waiting("iris")
    stack.end(run, "FAILED")
    found = stack.ledger.run(run.run_id)
    assert found is not None
    return found


def flight_of(stack: Stack, *, clients: object = None) -> Flight:
    """Return what launches runs, perhaps by other clients."""
    return Flight(
        ledger=stack.ledger,
        clients=clients or stack.clients,  # type: ignore[arg-type]
        state_machine=stack.state_machine,
        now=stack.clock.now,
        pause=stack.clock.advance,
    )


def held(stack: Stack) -> Lock:
    """Take the pipeline's lock."""
    lock = flight_of(stack).acquire("iris")
    assert lock is not None
    return lock


def test_it_is_the_same_run_with_one_attempt_more(stack: Stack) -> None:
    """Id, manifest and data stay; what the first attempt ended as is remembered."""
    run = failed_run(stack)
    again = redrive_run(flight_of(stack), held(stack), run, published(version="v2"), None)
    assert (again.run_id, again.manifest_hash, again.attempt) == (run.run_id, run.manifest_hash, 2)
    assert (again.status, again.version, again.ended_at) == ("RUNNING", "v2", None)
    assert again.run_data == run.run_data
    assert stack.executions() == [f"{run.run_id}-1", f"{run.run_id}-2"]
    assert stack.ledger.run(run.run_id) == again
    (earlier,) = again.earlier_attempts
    assert (earlier["attempt"], earlier["version"]) == (1, "v1")
    assert earlier["execution"] == run.execution
    assert stack.fates() == [("a.csv", "IN_RUN")]
    stack.end(again, "DEPLOYED")
    assert stack.fates() == [("a.csv", "USED")]
    assert stack.ledger.lock("iris") is None


def test_only_the_last_attempt_ends_the_run(stack: Stack) -> None:
    """What is told of the first one, late or again, closes nothing and releases nothing."""
    run = failed_run(stack)
    again = redrive_run(flight_of(stack), held(stack), run, published(), None)
    assert stack.end(run, "FAILED").closed is False
    lock = stack.ledger.lock("iris")
    assert lock is not None
    assert (lock.phase, lock.run_id) == ("RUNNING", run.run_id)
    assert stack.end(again, "REJECTED").closed is True
    assert stack.fates() == [("a.csv", "SET_ASIDE")]


def test_it_starts_nothing_when_the_run_is_not_as_it_was(stack: Stack) -> None:
    """Somebody else has redriven it, or it never failed: nothing has happened."""
    run = failed_run(stack)
    lock = held(stack)
    for other in (replace(run, attempt=2), replace(run, attempt=5)):
        with pytest.raises(ConditionFailedError):
            redrive_run(flight_of(stack), lock, other, published(), None)
    assert stack.ledger.run(run.run_id) == run
    assert stack.executions() == [f"{run.run_id}-1"]


def test_a_refused_start_is_forgotten(stack: Stack) -> None:
    """The run is as it was, its data too, and the pipeline free."""
    run = failed_run(stack)
    error = ClientError({"Error": {"Code": "AccessDeniedException"}}, "StartExecution")
    with pytest.raises(ClientError):
        redrive_run(flight_of(stack, clients=Refusing(error)), held(stack), run, published(), None)
    assert stack.ledger.run(run.run_id) == run
    assert stack.fates() == [("a.csv", "USED")]
    assert stack.ledger.lock("iris") is None


@pytest.mark.parametrize(
    "error", [Died(), ConnectTimeoutError(endpoint_url="x")], ids=["died", "lost"]
)
def test_a_start_that_may_have_happened_goes_on(stack: Stack, error: BaseException) -> None:
    """With whoever takes the lock next: the same execution, the same input, the same data."""
    run = failed_run(stack)
    lock = held(stack)
    with pytest.raises((Died, BotoCoreError)):
        redrive_run(flight_of(stack, clients=Refusing(error)), lock, run, published(), None)
    stack.clock.advance(STARTING_SECONDS + 1)
    (again,) = stack.starter().start_waiting("iris")
    assert (again.run_id, again.attempt) == (run.run_id, 2)
    assert stack.executions()[-1] == f"{run.run_id}-2"
    execution = stack.clients.stepfunctions.describe_execution(executionArn=again.execution)
    assert RetrainInput.read(json.loads(execution["input"])).attempt == 2
    assert stack.fates() == [("a.csv", "IN_RUN")]


def test_a_death_before_the_data_is_taken_loses_none(stack: Stack) -> None:
    """The next one takes it: a rejected attempt is to set aside what it was the first to read."""
    run = failed_run(stack)
    lock = held(stack)
    flight = replace(flight_of(stack), ledger=Interrupted(stack, "arrivals", die))
    with pytest.raises(Died):
        redrive_run(flight, lock, run, published(), None)
    assert stack.fates() == [("a.csv", "USED")]
    stack.clock.advance(STARTING_SECONDS + 1)
    (again,) = stack.starter().start_waiting("iris")
    assert stack.fates() == [("a.csv", "IN_RUN")]
    stack.end(again, "REJECTED")
    assert stack.fates() == [("a.csv", "SET_ASIDE")]


def test_a_first_attempt_takes_nothing_back(stack: Stack) -> None:
    """Nor does a redrive touch what another run has used."""
    run = failed_run(stack)
    retake_data(stack.ledger, run)
    assert stack.fates() == [("a.csv", "USED")]
