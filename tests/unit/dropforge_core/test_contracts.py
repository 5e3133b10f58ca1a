import pytest
from dropforge_core.contracts import (
    EndpointState,
    EndpointWait,
    RetrainInput,
    RunData,
    RunEnd,
    RunNews,
)
from dropforge_core.errors import InvalidInputError
from dropforge_core.published import JobMachine
from pydantic import ValidationError

from tests.unit.dropforge_core.stack import published

DATA = RunData(objects=2, bytes=4608, manifest="s3://data/runs/r/manifest.json")
NEWS = {
    "run_id": "r",
    "pipeline": "iris",
    "attempt": 1,
    "execution": "arn",
    "data": DATA.dump(),
    "first_event_at": "2026-11-21T05:20:11.000Z",
    "endpoint": {"name": "e", "action": "NONE"},
}


def test_a_mistake_is_named_and_its_value_is_not() -> None:
    """Reading what does not fit names the fields; a task token is never quoted."""
    event = {"endpoint": "dropforge-iris", "task_token": ["SECRET"], "extra": "SECRET"}
    with pytest.raises(InvalidInputError) as raised:
        EndpointWait.read(event)
    assert "task_token" in str(raised.value)
    assert "extra" in str(raised.value)
    assert "SECRET" not in str(raised.value)


def test_nothing_null_travels() -> None:
    """JSONata has no use for a null that means absent."""
    state = EndpointState(endpoint="e", exists=False, status="Missing", updatable=False)
    assert "config" not in state.dump()
    assert EndpointState.read(state.dump()) == state


def test_a_contract_is_frozen() -> None:
    """What passes between states is not changed on the way."""
    state = EndpointState(endpoint="e", exists=False, status="Missing", updatable=False)
    with pytest.raises(ValidationError, match="frozen"):
        state.status = "InService"  # type: ignore[misc]


def test_the_retrain_input_survives_the_journey() -> None:
    """What starts an execution is read back the same."""
    start = RetrainInput(
        run_id="r",
        pipeline="iris",
        attempt=1,
        data=DATA,
        first_event_at="2026-11-21T05:20:11.000Z",
        config=published(),
    )
    assert RetrainInput.read(start.dump()) == start


@pytest.mark.parametrize("status", ["RUNNING", "WAITING_FOR_APPROVAL", "deployed"])
def test_a_run_ends_in_an_end(status: str) -> None:
    """A status in which a run is not over does not end it."""
    with pytest.raises(InvalidInputError, match="status"):
        RunEnd.read(NEWS | {"status": status})


@pytest.mark.parametrize("status", ["RUNNING", "WAITING_FOR_APPROVAL", "DEPLOYED"])
def test_whatever_a_run_does_can_be_told(status: str) -> None:
    """NotifyMetrics takes what FinishRun does not."""
    assert RunNews.read(NEWS | {"status": status}).status == status


def test_what_machines_and_costs_nobody_knows_is_left_out() -> None:
    """The state machine merges a job's times with its machine as it was published."""
    machine = JobMachine(instance_type="ml.m5.large", instance_count=1, volume_gb=10)
    job = {"step": "Train", "seconds": 1.5} | machine.dump()
    assert "hourly_usd" not in job
    assert RunNews.read(NEWS | {"status": "RUNNING", "jobs": [job]}).jobs[0].dump() == job
