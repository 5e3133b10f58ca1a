from dataclasses import replace
from typing import Any

import pytest
from dropforge_core.records import Run

from dropforge import stop
from dropforge.errors import CommandError, InputError
from dropforge.holding import open_flight
from dropforge.target import Target
from tests.unit.dropforge_core.sagemaker import FakeSageMaker
from tests.unit.dropforge_core.test_ledger import a_run


@pytest.fixture
def jobs(sagemaker: FakeSageMaker, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What SageMaker is asked to stop; it has all of it."""
    asked: list[str] = []

    def note(**job: str) -> None:
        asked.extend(job.values())

    for operation in ("stop_processing_job", "stop_training_job"):
        monkeypatch.setattr(sagemaker, operation, note, raising=False)
    return asked


def going(target: Target, **changes: Any) -> Run:
    """Record a run, as one whose execution goes on."""
    flight = open_flight(target)
    run = a_run(1, **changes)
    run = replace(run, execution=flight.execution(run.run_id, run.attempt))
    flight.start(run, "{}")
    target.ledger.put_run(run)
    return run


def test_the_execution_and_its_jobs_are_stopped(target: Target, jobs: list[str]) -> None:
    """Those of this attempt; what people are told of it is for the loop's tests."""
    run = going(target, attempt=2)
    assert stop.stop(target, run.run_id, "No more.") == run
    found = target.stepfunctions.describe_execution(executionArn=run.execution)
    assert found["status"] == "ABORTED"
    name = run.run_id.replace("_", "-")
    assert jobs == [
        f"{name}-preprocess-2-3",
        f"{name}-preprocess-2-2",
        f"{name}-preprocess-2",
        f"{name}-evaluate-2",
        f"{name}-evaluate-2-2",
        f"{name}-train-2",
    ]


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        ("DEPLOYED", "it ended DEPLOYED"),
        ("FAILED", "it ended FAILED"),
        ("WAITING_FOR_APPROVAL", "--reject"),
    ],
)
def test_what_does_not_go_on_is_not_stopped(
    target: Target, jobs: list[str], status: Any, problem: str
) -> None:
    """Nothing is asked of anybody."""
    run = going(target, status=status)
    with pytest.raises(InputError, match=problem):
        stop.stop(target, run.run_id, None)
    assert jobs == []


def test_a_run_that_is_only_being_started(target: Target, jobs: list[str]) -> None:
    """Its execution is not there yet: it would start after all."""
    run = replace(a_run(1), execution=open_flight(target).execution(a_run(1).run_id, 1))
    target.ledger.put_run(run)
    with pytest.raises(CommandError, match="only being started"):
        stop.stop(target, run.run_id, None)
    assert jobs == []


def test_a_comment_has_its_limit(target: Target) -> None:
    """Step Functions' own is longer; people read it."""
    with pytest.raises(InputError, match="at most 1024"):
        stop.stop(target, a_run(1).run_id, "x" * 1025)
