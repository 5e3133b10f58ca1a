import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from dropforge_core.records import Lock, Run

from dropforge import origins, rollback
from dropforge.errors import CommandError, InputError
from dropforge.holding import open_flight
from dropforge.target import Target
from tests.unit.dropforge.deployments import CURRENT, History
from tests.unit.dropforge_core.test_ledger import a_run


@pytest.fixture
def runs(target: Target, history: History) -> list[Run]:
    """Two deployed models, of which the second serves."""
    target.ledger.publish(CURRENT, "s3://df-artifacts/pipelines/iris/v9/", "2026-11-21")
    return history("DEPLOYED", "DEPLOYED")


def lock_of(target: Target) -> Lock:
    """The pipeline's lock, which is there."""
    lock = target.ledger.lock("iris")
    assert lock is not None
    return lock


def interrupt(target: Target, run: Run, execution_input: str = "{}") -> Lock:
    """Leave the lock as a starter that died does."""
    lock = target.ledger.acquire("iris", "dead", 0)
    assert lock is not None
    target.ledger.open_run(lock, run, execution_input)
    return lock


def executions(target: Target) -> list[str]:
    """List the executions that were started."""
    machine = target.output("RetrainStateMachineArn")
    found = target.stepfunctions.list_executions(stateMachineArn=machine)["executions"]
    return [execution["name"] for execution in found]


def test_a_rollback_is_started(
    target: Target, runs: list[Run], capsys: pytest.CaptureFixture[str]
) -> None:
    """The run has the pipeline from now on."""
    run = rollback.start(target, "iris", None)
    assert (run.kind, run.restores) == ("ROLLBACK", runs[0].run_id)
    assert executions(target) == [f"{run.run_id}-1"]
    assert (lock_of(target).phase, lock_of(target).run_id) == ("RUNNING", run.run_id)
    assert f"Going back to the model of {runs[0].run_id}." in capsys.readouterr().err


@pytest.mark.parametrize("pipeline", ["rose", "../iris"])
def test_an_unknown_pipeline_is_bad_input(target: Target, pipeline: str) -> None:
    """Whether the name could be one or not."""
    with pytest.raises(InputError, match="is published in df"):
        rollback.start(target, pipeline, None)


@pytest.mark.usefixtures("runs")
def test_bad_input_leaves_the_pipeline_free(target: Target) -> None:
    """The lock was taken to look, and is given back."""
    with pytest.raises(InputError, match="is no run of this pipeline"):
        rollback.start(target, "iris", "rose")
    assert target.ledger.lock("iris") is None


@pytest.mark.usefixtures("runs")
def test_a_run_that_is_going_is_named(target: Target) -> None:
    """With what to do."""
    going = a_run(5)
    lock = interrupt(target, going)
    target.ledger.hand_to_run(lock, going.run_id)
    with pytest.raises(CommandError, match=f"The run {going.run_id} is going: wait") as raised:
        rollback.start(target, "iris", None)
    assert raised.value.status == 1
    assert executions(target) == []


@pytest.mark.usefixtures("runs")
def test_a_start_that_is_under_way_is_told(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's starter keeps the lock."""
    monkeypatch.setattr("dropforge_core.locking._PAUSE_SECONDS", 0.001)
    assert target.ledger.acquire("iris", "another", int(time.time()))
    with pytest.raises(CommandError, match=r"under way\. Try again in a moment"):
        rollback.start(target, "iris", None)


def test_an_interrupted_rollback_goes_on(
    target: Target, runs: list[Run], capsys: pytest.CaptureFixture[str]
) -> None:
    """The same command, or one that names the same run, goes on with it."""
    recorded = a_run(5, kind="ROLLBACK", restores=runs[0].run_id)
    interrupt(target, recorded)
    assert rollback.start(target, "iris", runs[0].run_id) == recorded
    assert executions(target) == [f"{recorded.run_id}-1"]
    assert lock_of(target).phase == "RUNNING"
    assert "whose start was interrupted" in capsys.readouterr().err


def test_another_rollback_than_the_interrupted_one_has_to_wait(
    target: Target, runs: list[Run]
) -> None:
    """The interrupted one goes on all the same."""
    recorded = a_run(5, kind="ROLLBACK", restores=runs[0].run_id)
    interrupt(target, recorded)
    with pytest.raises(CommandError, match=f"goes on now, as the run {recorded.run_id}"):
        rollback.start(target, "iris", runs[1].run_id)
    assert lock_of(target).phase == "RUNNING"


@pytest.mark.usefixtures("runs")
def test_an_interrupted_start_of_new_data_goes_first(target: Target) -> None:
    """Its messages come again; its lock is as free to take as before."""
    interrupt(target, a_run(5), execution_input="")
    with pytest.raises(CommandError, match=f"The start of the run {a_run(5).run_id} was interr"):
        rollback.start(target, "iris", None)
    assert executions(target) == []
    assert target.ledger.acquire("iris", "its own starter", int(time.time()))


def test_what_was_interrupted_and_has_ended_is_no_hindrance(
    target: Target, runs: list[Run]
) -> None:
    """The lock that it left is taken afresh."""
    ended = a_run(5)
    interrupt(target, ended)
    target.ledger.change_run(ended.run_id, {"status": "FAILED"})
    assert rollback.start(target, "iris", None).restores == runs[0].run_id


@pytest.mark.usefixtures("runs")
def test_a_lock_that_is_lost_is_told(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever took the pipeline meanwhile keeps it."""
    flight = open_flight(target)

    def slowly(*arguments: Any) -> Any:
        chosen = origins.choose(*arguments)
        target.ledger.renew(lock_of(target), 0)
        assert flight.acquire("iris")
        return chosen

    monkeypatch.setattr("dropforge.rollback.choose", slowly)
    with pytest.raises(CommandError, match="Another start of iris came in between: try again"):
        rollback.start(target, "iris", None)
    assert executions(target) == []


@pytest.mark.usefixtures("runs")
def test_whoever_presses_ctrl_c_leaves_the_pipeline_free(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the run is recorded nothing has happened: the next start need not wait."""

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dropforge.rollback.choose", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rollback.start(target, "iris", None)
    assert target.ledger.lock("iris") is None


@pytest.mark.usefixtures("runs")
def test_a_refused_start_leaves_nothing(target: Target) -> None:
    """No run, no lock, and AWS's own words."""
    target.stepfunctions.delete_state_machine(
        stateMachineArn=target.output("RetrainStateMachineArn")
    )
    with pytest.raises(ClientError, match="StateMachineDoesNotExist"):
        rollback.start(target, "iris", None)
    assert len(target.ledger.runs("iris")) == 2
    assert target.ledger.lock("iris") is None
