import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError
from dropforge_core.contracts import (
    EndpointChange,
    ExecutionEnd,
    Restore,
    RetrainInput,
    RunEnd,
)
from dropforge_core.errors import ServiceUnavailableError
from dropforge_core.flight import Flight
from dropforge_core.ledger import STARTING_SECONDS, Ledger
from dropforge_core.records import Lock, Run
from dropforge_core.restoring import restore_model
from dropforge_core.table import ConditionFailedError

from tests.unit.dropforge_core.sagemaker import artifact
from tests.unit.dropforge_core.stack import Stack, published
from tests.unit.dropforge_core.test_finishing import finisher
from tests.unit.dropforge_core.test_ledger import a_run
from tests.unit.dropforge_core.test_starting import Died, Interrupted, die, refuse

ORIGIN = a_run(1, status="DEPLOYED", model_data=artifact(a_run(1).run_id), metrics={"f1": 0.5})
RESTORE = Restore(
    run_id=ORIGIN.run_id,
    model_data=ORIGIN.model_data or "",
    reason=f"The model of {ORIGIN.run_id} was brought back.",
    metrics=ORIGIN.metrics,
)


@pytest.fixture(autouse=True)
def earlier(stack: Stack) -> None:
    """A pipeline that deployed a model with the version v1, and has v2 now."""
    stack.publish(version="v2")
    stack.ledger.put_run(ORIGIN)


class Refusing:
    """Step Functions that answers every start with an error, or with its caller's death."""

    def __init__(self, error: BaseException) -> None:
        """Raise this."""
        self.error = error

    @property
    def stepfunctions(self) -> Any:
        """A client with one operation."""
        return self

    def start_execution(self, **_: str) -> None:
        """Refuse."""
        raise self.error


def flight(stack: Stack, ledger: Ledger | None = None, clients: Any = None) -> Flight:
    """What starts rollbacks, perhaps with a ledger or with clients of its own."""
    return Flight(
        ledger=ledger or stack.ledger,
        clients=clients or stack.clients,
        state_machine=stack.state_machine,
        now=stack.clock.now,
        pause=stack.clock.advance,
    )


def go_back(stack: Stack, ledger: Ledger | None = None, clients: Any = None) -> Run:
    """Start the rollback as the tool does: whatever goes wrong, the lock is given up."""
    flying = flight(stack, ledger, clients)
    lock = flying.acquire("iris")
    assert lock is not None
    try:
        return restore_model(flying, lock, published(), ORIGIN, RESTORE)
    except Exception:
        stack.ledger.give_up(lock)
        raise


def lock_of(stack: Stack) -> Lock:
    """The pipeline's lock, which is there."""
    lock = stack.ledger.lock("iris")
    assert lock is not None
    return lock


def input_of(stack: Stack, run: Run) -> RetrainInput:
    """What a run's execution was started with."""
    execution = stack.clients.stepfunctions.describe_execution(executionArn=run.execution)
    return RetrainInput.read(json.loads(execution["input"]))


def test_a_rollback_is_a_run_of_its_own(stack: Stack) -> None:
    """It has the origin's data, version and metrics, its own id, and the pipeline's lock."""
    run = go_back(stack)
    assert run.run_id == "iris-20261121t052011-1a2b3c4d"
    assert stack.ledger.run(run.run_id) == run
    assert (run.kind, run.restores, run.status) == ("ROLLBACK", ORIGIN.run_id, "RUNNING")
    for same in ("data", "metrics", "manifest_hash", "version", "model_data"):
        assert getattr(run, same) == getattr(ORIGIN, same)
    assert run.started_at == run.first_event_at == "2026-11-21T05:20:11.000Z"
    assert (lock_of(stack).phase, lock_of(stack).run_id) == ("RUNNING", run.run_id)
    assert stack.executions() == [f"{run.run_id}-1"]
    assert input_of(stack, run) == RetrainInput(
        run_id=run.run_id,
        pipeline="iris",
        attempt=1,
        config=published(),
        data=ORIGIN.run_data,
        first_event_at=run.first_event_at,
        restore=RESTORE,
    )


def test_a_rollback_uses_no_data(stack: Stack) -> None:
    """The origin's set of contents stays the origin's, however the rollback ends."""
    stack.drop("a.csv", "first")
    (first,) = stack.starter().start_waiting("iris")
    stack.ledger.change_run(first.run_id, {"status": "DEPLOYED"})
    stack.ledger.release_run("iris", first.run_id)
    lock = flight(stack).acquire("iris")
    assert lock is not None
    stack.clock.advance(60)
    run = restore_model(flight(stack), lock, published(), first, RESTORE)
    used = stack.ledger.run_of_manifest("iris", run.manifest_hash)
    assert used is not None
    assert used.run_id == first.run_id


def test_data_that_came_meanwhile_is_the_follow_up(stack: Stack) -> None:
    """The end of a rollback is closed as any run's, and starts what waits."""
    run = go_back(stack)
    stack.drop("b.csv", "second", order=2)
    assert stack.starter().start_waiting("iris") == []
    end = RunEnd(
        run_id=run.run_id,
        pipeline="iris",
        attempt=1,
        execution=run.execution,
        status="DEPLOYED",
        data=run.run_data,
        first_event_at=run.first_event_at,
        reason="So it was.",
        metrics=ORIGIN.metrics,
        endpoint=EndpointChange(name="dropforge-iris", action="UPDATED", config="c"),
        model_data=RESTORE.model_data,
        restores=ORIGIN.run_id,
    )
    finished = finisher(stack).finish(end)
    closed = stack.ledger.run(run.run_id)
    assert closed is not None
    assert (closed.status, closed.restores) == ("DEPLOYED", ORIGIN.run_id)
    assert closed.model_data == RESTORE.model_data
    follow_up = stack.ledger.run(finished.follow_up or "")
    assert follow_up is not None
    assert (follow_up.kind, follow_up.version) == ("RETRAIN", "v2")
    assert stack.fates() == [("b.csv", "IN_RUN")]


@pytest.mark.parametrize("failure", [die, refuse])
def test_before_it_is_recorded_nothing_has_happened(
    stack: Stack, failure: Callable[[], None]
) -> None:
    """Whoever comes next starts afresh."""
    with pytest.raises((Died, ClientError)):
        go_back(stack, Interrupted(stack, "open_run", failure))
    stack.clock.advance(STARTING_SECONDS + 1)
    assert [run.run_id for run in stack.ledger.runs("iris")] == [ORIGIN.run_id]
    assert go_back(stack).status == "RUNNING"


@pytest.mark.parametrize("step", ["start", "hand_to_run"])
def test_a_dead_start_goes_on_as_the_same_rollback(stack: Stack, step: str) -> None:
    """Killed before or after StartExecution: the trigger starts that very execution, once.

    With the input of then: neither the published version nor the data that waits gets into it.
    """
    ledger = Interrupted(stack, "hand_to_run", die) if step == "hand_to_run" else None
    with pytest.raises(Died):
        go_back(stack, ledger, Refusing(Died()) if step == "start" else None)
    recorded = stack.ledger.runs("iris")[0]
    stack.drop("b.csv", "second", order=2)
    with pytest.raises(ServiceUnavailableError):
        stack.starter().start_waiting("iris")
    stack.clock.advance(STARTING_SECONDS + 1)

    assert stack.starter().start_waiting("iris") == [recorded]

    assert stack.executions() == [f"{recorded.run_id}-1"]
    assert input_of(stack, recorded).restore == RESTORE
    assert input_of(stack, recorded).config == published(version="v1")
    assert lock_of(stack).phase == "RUNNING"
    assert stack.fates() == [("b.csv", "WAITING")]


def test_a_refused_start_never_was(stack: Stack) -> None:
    """Who was told that it failed must not see it happen later: no run, and the lock is free."""
    with pytest.raises(ClientError):
        go_back(stack, clients=Refusing(refusal("AccessDeniedException")))
    assert [run.run_id for run in stack.ledger.runs("iris")] == [ORIGIN.run_id]
    assert stack.ledger.lock("iris") is None


@pytest.mark.parametrize("error", ["ThrottlingException", None])
def test_a_start_whose_answer_is_lost_goes_on(stack: Stack, error: str | None) -> None:
    """It may have been started: the next one finds out, by starting the same."""
    lost: Exception = ConnectTimeoutError(endpoint_url="states")
    with pytest.raises((BotoCoreError, ClientError)):
        go_back(stack, clients=Refusing(refusal(error) if error else lost))
    (run,) = stack.starter().start_waiting("iris")
    assert (run.kind, stack.executions()) == ("ROLLBACK", [f"{run.run_id}-1"])


def refusal(code: str) -> ClientError:
    """What AWS answers."""
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "StartExecution")


def test_an_old_holder_forgets_nothing_of_another(stack: Stack) -> None:
    """A refused starter whose lock was taken over leaves the run to the one who has it now."""
    slow = flight(stack)
    lock = slow.acquire("iris")
    assert lock is not None
    run = a_run(9, kind="ROLLBACK", restores=ORIGIN.run_id)
    stack.ledger.open_run(lock, run, "{}")
    stack.clock.advance(STARTING_SECONDS + 1)
    other = slow.acquire("iris")
    assert other is not None
    stack.ledger.cancel_run(lock, run.run_id)
    assert stack.ledger.run(run.run_id) == run
    assert lock_of(stack) == replace(other, run_id=run.run_id, execution_input="{}")


def test_a_lock_is_held_on_to(stack: Stack) -> None:
    """Renewed in time it is nobody else's; once lost, its holder is told."""
    flying = flight(stack)
    lock = flying.acquire("iris")
    assert lock is not None
    for _ in range(3):
        stack.clock.advance(STARTING_SECONDS)
        flying.renew(lock)
        assert stack.ledger.acquire("iris", "another", int(stack.clock.now().timestamp())) is None
    stack.clock.advance(STARTING_SECONDS + 1)
    assert flying.acquire("iris") is not None
    with pytest.raises(ConditionFailedError):
        flying.renew(lock)


def test_a_rollback_that_died_is_told_as_one(stack: Stack) -> None:
    """Its message names the run whose model was to come back; the record keeps the artifact."""
    run = go_back(stack)
    death = {"executionArn": run.execution, "name": f"{run.run_id}-1", "status": "ABORTED"}
    assert finisher(stack).bury(ExecutionEnd.read(death)).closed
    (told,) = stack.clients.told
    assert RunEnd.read(json.loads(told["Payload"])).restores == ORIGIN.run_id
    closed = stack.ledger.run(run.run_id)
    assert closed is not None
    assert (closed.status, closed.model_data) == ("FAILED", RESTORE.model_data)
