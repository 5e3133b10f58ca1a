"""Nested executions: waited for, named, stopped with their parent."""

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.embedded_aws.gaps.stepfunctions.conftest import States


def _parent(child: str, sync: str = ".sync:2", **fields: Any) -> dict[str, Any]:
    task = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::states:startExecution{sync}",
        "Arguments": {"StateMachineArn": child, "Input": {"given": "{% $states.input %}"}},
        "Next": "C",
    }
    return {"A": task | fields, "C": {"Type": "Succeed"}}


CAUGHT = [{"ErrorEquals": ["States.ALL"], "Next": "C"}]
SLOW = {"W": {"Type": "Wait", "Seconds": 60, "End": True}}


def _statuses(states: "States", machine: str) -> list[str]:
    found = states.client.list_executions(stateMachineArn=machine)["executions"]
    return [execution["status"] for execution in found]


@pytest.mark.parametrize("sync", [".sync:2", ".sync"])
def test_output(states: "States", sync: str) -> None:
    """The child's description is the output; with `:2` its input and output are read."""
    child = states.create({"A": {"Type": "Succeed", "Output": {"in": "{% $states.input %}"}}})
    begun = time.monotonic()
    output = states.output(_parent(child, sync), {"x": 1})
    assert time.monotonic() - begun < 10
    expected = {"in": {"given": {"x": 1}}}
    assert (output["Output"] if sync == ".sync:2" else json.loads(output["Output"])) == expected
    assert output["Status"] == "SUCCEEDED"
    assert output["StateMachineArn"] == child
    assert output["StopDate"] >= output["StartDate"] > 1e12


def test_names(states: "States") -> None:
    """Children without a name get different ones; one with a name keeps it."""
    child = states.create({"A": {"Type": "Succeed"}})
    names = {states.output(_parent(child))["Name"] for _ in range(2)}
    assert len(names) == 2
    named = {"StateMachineArn": child, "Name": "mine"}
    assert states.output(_parent(child, Arguments=named))["Name"] == "mine"


def test_failure(states: "States") -> None:
    """A child that fails fails the task; the Cause is the child's description."""
    child = states.create({"A": {"Type": "Fail", "Error": "Own", "Cause": "why"}})
    output = states.output(_parent(child, Catch=CAUGHT))
    assert output["Error"] == "States.TaskFailed"
    cause = json.loads(output["Cause"])
    assert (cause["Status"], cause["Error"], cause["Cause"]) == ("FAILED", "Own", "why")


def test_missing_machine(states: "States") -> None:
    """A machine that is not there is an error of the API."""
    missing = "arn:aws:states:us-east-1:123456789012:stateMachine:none"
    output = states.output(_parent(missing, Catch=CAUGHT))
    assert output["Error"] == "StepFunctions.StateMachineDoesNotExistException"


def test_stopped_with_its_parent(states: "States") -> None:
    """Stopping the parent stops the child."""
    child = states.create(SLOW)
    arn = states.start(_parent(child))
    states.wait_for_event(arn, "TaskSubmitted")
    states.client.stop_execution(executionArn=arn)
    _wait_for(lambda: _statuses(states, child) == ["ABORTED"])


def test_stopped_when_its_task_times_out(states: "States") -> None:
    """A task that times out stops its child."""
    child = states.create(SLOW)
    output = states.output(_parent(child, TimeoutSeconds=1, Catch=CAUGHT))
    assert output["Error"] == "States.Timeout"
    _wait_for(lambda: _statuses(states, child) == ["ABORTED"])


def test_stopped_child(states: "States") -> None:
    """A child that somebody stops fails the task at once."""
    child = states.create(SLOW)
    arn = states.start(_parent(child, Catch=CAUGHT))
    submitted = states.wait_for_event(arn, "TaskSubmitted")["taskSubmittedEventDetails"]
    inner = json.loads(submitted["output"])["ExecutionArn"]
    begun = time.monotonic()
    states.client.stop_execution(executionArn=inner, error="Enough")
    cause = json.loads(states.finish(arn)["output"]["Cause"])
    assert (cause["Status"], cause["Error"]) == ("ABORTED", "Enough")
    assert time.monotonic() - begun < 10


def _wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
