"""Whatever an execution waits for, its end wakes it."""

import datetime as dt
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from tests.unit.embedded_aws.gaps.stepfunctions.conftest import States

SLOW = "arn:aws:states:::lambda:invoke"
RETRY = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 60, "MaxAttempts": 3}]


def _slowly(_: Any) -> Response:
    time.sleep(6)
    return Response("1", content_type="application/json")


def _task(**fields: Any) -> dict[str, Any]:
    fields = {"Arguments": {"FunctionName": "slow"}, "End": True} | fields
    return {"A": {"Type": "Task", "Resource": SLOW, **fields}}


MACHINES = {
    "a wait": {"A": {"Type": "Wait", "Seconds": 60, "End": True}},
    "a retry": _task(
        Resource="arn:aws:states:::aws-sdk:s3:getObject",
        Arguments={"Bucket": "none", "Key": "none"},
        Retry=RETRY,
    ),
    "a call": _task(),
    "a token": _task(Resource=f"{SLOW}.waitForTaskToken", Arguments={"FunctionName": "quick"}),
    "a job": _task(
        Resource="arn:aws:states:::sagemaker:createTrainingJob.sync",
        Arguments={"TrainingJobName": "{% $uuid() %}"},
    ),
    "a branch": {
        "P": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 60, "End": True}}},
                {"StartAt": "B", "States": {"B": {"Type": "Pass", "End": True}}},
            ],
            "End": True,
        }
    },
}


@pytest.mark.parametrize("name", MACHINES)
def test_stop(states: "States", name: str) -> None:
    """StopExecution ends an execution at once, with its error and cause, whatever it waits for."""
    states.functions |= {"slow": _slowly, "quick": lambda _: Response("1")}
    arn = states.start(MACHINES[name])
    time.sleep(0.15)
    begun = time.monotonic()
    states.client.stop_execution(executionArn=arn, error="Enough", cause="of it")
    answer = states.client.describe_execution(executionArn=arn)
    assert time.monotonic() - begun < 5
    assert (answer["status"], answer["error"], answer["cause"]) == ("ABORTED", "Enough", "of it")
    assert answer["stopDate"] >= answer["startDate"]
    last = states.events(arn)[-1]
    assert last["executionAbortedEventDetails"] == {"error": "Enough", "cause": "of it"}


@pytest.mark.parametrize("name", ["a wait", "a call", "a branch"])
def test_time_out(states: "States", name: str) -> None:
    """A machine's TimeoutSeconds ends it; that is the last event of its history."""
    states.functions["slow"] = _slowly
    arn = states.start(MACHINES[name], TimeoutSeconds=1)
    assert states.finish(arn)["status"] == "TIMED_OUT"
    assert states.events(arn)[-1]["type"] == "ExecutionTimedOut"


def test_nothing_after_the_end(states: "States") -> None:
    """The answer of a call that was under way does not enter the history."""

    def late(_: Any) -> Response:
        time.sleep(0.5)
        return Response("1")

    states.functions["late"] = late
    arn = states.start(_task(Arguments={"FunctionName": "late"}))
    states.wait_for_event(arn, "TaskStarted")
    states.client.stop_execution(executionArn=arn)
    time.sleep(0.7)
    assert states.events(arn)[-1]["type"] == "ExecutionAborted"


def test_task_timeout(states: "States") -> None:
    """A Task's TimeoutSeconds raises States.Timeout, which can be caught."""
    states.functions["slow"] = _slowly
    caught = [{"ErrorEquals": ["States.Timeout"], "Next": "C"}]
    machine = _task(TimeoutSeconds=1, Catch=caught) | {"C": {"Type": "Succeed"}}
    begun = time.monotonic()
    assert states.output(machine)["Error"] == "States.Timeout"
    assert time.monotonic() - begun < 5


def test_wait_until(states: "States") -> None:
    """A Wait state's timestamp may have an offset and fractions, and is no local time."""
    moment = dt.datetime.now(dt.timezone(dt.timedelta(hours=5))) + dt.timedelta(seconds=0.4)
    begun = time.monotonic()
    states.output({"A": {"Type": "Wait", "Timestamp": moment.isoformat(), "End": True}})
    assert 0.2 < time.monotonic() - begun < 20


def test_stopping_an_ended_execution(states: "States") -> None:
    """StopExecution leaves an ended execution as it is."""
    arn = states.start({"A": {"Type": "Succeed"}})
    states.finish(arn)
    states.client.stop_execution(executionArn=arn)
    assert states.finish(arn)["status"] == "SUCCEEDED"


def test_overhead(states: "States") -> None:
    """Twenty states, each with an expression and a variable, follow each other without a wait."""
    machine: dict[str, Any] = {
        f"S{number}": {
            "Type": "Pass",
            "Assign": {"n": "{% $states.context.State.Name %}"},
            "Output": {"n": "{% $states.input %}"} if number == 0 else "{% $n %}",
            "Next": f"S{number + 1}",
        }
        for number in range(20)
    }
    machine["S0"]["Assign"] = {"n": "none"}
    machine["S20"] = {"Type": "Succeed", "Output": "{% $n %}"}
    arn = states.create(machine)
    begun = time.monotonic()
    execution = states.client.start_execution(stateMachineArn=arn, input=json.dumps({}))
    assert states.finish(execution["executionArn"])["output"] == "S19"
    assert time.monotonic() - begun < 5
