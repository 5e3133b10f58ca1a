"""Each change of an execution's status is an event."""

import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.embedded_aws.gaps.stepfunctions.conftest import States


def _emitted(states: "States", arn: str, count: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 20
    while True:
        found = [event for event in states.emitted if event[3] == [arn]]
        if len(found) >= count:
            assert {event[:2] for event in found} == {
                ("aws.states", "Step Functions Execution Status Change")
            }
            return [event[2] for event in found]
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("machine", "status", "error"),
    [
        ({"A": {"Type": "Succeed"}}, "SUCCEEDED", None),
        ({"A": {"Type": "Fail", "Error": "Own", "Cause": "c"}}, "FAILED", "Own"),
        ({"A": {"Type": "Wait", "Seconds": 9, "End": True}}, "TIMED_OUT", None),
    ],
)
def test_events(states: "States", machine: dict[str, Any], status: str, error: str | None) -> None:
    """First RUNNING, then the end, with dates in milliseconds, input and output."""
    arn = states.start(machine, {"x": 1}, TimeoutSeconds=1)
    answer = states.finish(arn)
    running, ended = _emitted(states, arn, 2)
    assert (running["status"], ended["status"]) == ("RUNNING", status)
    assert running["stopDate"] is None
    assert ended["stopDate"] == int(answer["stopDate"].timestamp() * 1000)
    assert running["startDate"] == ended["startDate"] > 1e12
    assert ended["input"] == '{"x": 1}'
    assert ended["output"] == ('{"x": 1}' if status == "SUCCEEDED" else None)
    assert ended["error"] == error


def test_stopped(states: "States") -> None:
    """A stopped execution tells ABORTED, its error and its cause."""
    arn = states.start({"A": {"Type": "Wait", "Seconds": 9, "End": True}})
    states.client.stop_execution(executionArn=arn, error="E", cause="c")
    ended = _emitted(states, arn, 2)[-1]
    assert (ended["status"], ended["error"], ended["cause"]) == ("ABORTED", "E", "c")
