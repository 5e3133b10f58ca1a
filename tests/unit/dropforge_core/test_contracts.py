import pytest
from dropforge_core.contracts import EndpointState, EndpointWait, RetrainInput, RunEnd
from dropforge_core.errors import InvalidInputError
from pydantic import ValidationError

from tests.unit.dropforge_core.stack import published


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
    start = RetrainInput(run_id="r", pipeline="iris", attempt=1, config=published())
    assert RetrainInput.read(start.dump()) == start


@pytest.mark.parametrize("status", ["RUNNING", "WAITING_FOR_APPROVAL", "deployed"])
def test_a_run_ends_in_an_end(status: str) -> None:
    """A status in which a run is not over does not end it."""
    event = {
        "run_id": "r",
        "pipeline": "iris",
        "attempt": 1,
        "execution": "arn",
        "status": status,
        "endpoint": {"name": "e", "action": "NONE"},
    }
    with pytest.raises(InvalidInputError, match="status"):
        RunEnd.read(event)
