"""Task tokens: answers, heartbeats, retries, and tokens that are late or unknown."""

import json
import queue
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from tests.unit.embedded_aws.gaps.stepfunctions.conftest import States


def _waiting(**fields: Any) -> dict[str, Any]:
    return {
        "A": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Arguments": {
                "FunctionName": "ask",
                "Payload": {"token": "{% $states.context.Task.Token %}"},
            },
            "Output": "{% $states.result %}",
            "Next": "C",
            **fields,
        },
        "C": {"Type": "Succeed"},
    }


def _refusals(states: "States", token: str) -> list[str]:
    """Codes of the errors that the three answers to a token get."""
    codes = []
    for send, more in (
        (states.client.send_task_success, {"output": "1"}),
        (states.client.send_task_failure, {}),
        (states.client.send_task_heartbeat, {}),
    ):
        with pytest.raises(ClientError) as refusal:
            send(taskToken=token, **more)
        codes.append(str(refusal.value.response["Error"]["Code"]))
    return codes


CAUGHT = [{"ErrorEquals": ["States.ALL"], "Next": "C"}]


@pytest.fixture
def tokens(states: "States") -> queue.Queue[str]:
    """Tokens that the function `ask` was given."""
    given: queue.Queue[str] = queue.Queue()

    def ask(event: dict[str, str]) -> Response:
        given.put(event["token"])
        return Response("null")

    states.functions["ask"] = ask
    return given


def test_success(states: "States", tokens: queue.Queue[str]) -> None:
    """An answer resumes the execution at once and is the task's result."""
    arn = states.start(_waiting())
    token = tokens.get(timeout=10)
    states.wait_for_event(arn, "TaskSubmitted")
    begun = time.time()
    states.client.send_task_success(taskToken=token, output=json.dumps({"é": [1, None]}))
    assert states.finish(arn)["output"] == {"é": [1, None]}
    succeeded = states.wait_for_event(arn, "TaskSucceeded")["timestamp"].timestamp()
    assert succeeded - begun < 0.2  # a few ms on an idle machine; moto looks every 500 ms
    kinds = [event["type"] for event in states.events(arn)]
    assert kinds[2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]


@pytest.mark.parametrize("error", ["Custom", "States.Timeout"])
def test_failure(states: "States", tokens: queue.Queue[str], error: str) -> None:
    """A failure's error and cause are caught."""
    arn = states.start(_waiting(Catch=CAUGHT))
    states.client.send_task_failure(taskToken=tokens.get(timeout=10), error=error, cause="why")
    assert states.finish(arn)["output"] == {"Error": error, "Cause": "why"}


def test_new_token_at_each_retry(states: "States", tokens: queue.Queue[str]) -> None:
    """Each attempt has its own token; the one of an earlier attempt is too late."""
    retry = [{"ErrorEquals": ["Again"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    arn = states.start(_waiting(Retry=retry))
    first = tokens.get(timeout=10)
    states.client.send_task_failure(taskToken=first, error="Again")
    second = tokens.get(timeout=10)
    assert first != second
    with pytest.raises(ClientError, match="TaskTimedOut"):
        states.client.send_task_success(taskToken=first, output="1")
    states.client.send_task_success(taskToken=second, output="2")
    assert states.finish(arn)["output"] == 2


def test_timeout_and_late_answer(states: "States", tokens: queue.Queue[str]) -> None:
    """A wait that times out raises States.Timeout; an answer is too late then and afterwards."""
    arn = states.start(_waiting(TimeoutSeconds=1, Catch=CAUGHT))
    assert states.finish(arn)["output"]["Error"] == "States.Timeout"
    token = tokens.get(timeout=10)
    assert _refusals(states, token) == ["TaskTimedOut"] * 3


@pytest.mark.parametrize("name", ["States.HeartbeatTimeout", "States.Timeout"])
def test_missed_heartbeat(states: "States", tokens: queue.Queue[str], name: str) -> None:
    """Heartbeats keep a wait alive; a missed one can be caught by both of its names."""
    catch = [{"ErrorEquals": [name], "Next": "C"}]
    arn = states.start(_waiting(HeartbeatSeconds=1, Catch=catch))
    token = tokens.get(timeout=10)
    for _ in range(3):
        time.sleep(0.5)
        states.client.send_task_heartbeat(taskToken=token)
    assert states.client.describe_execution(executionArn=arn)["status"] == "RUNNING"
    assert states.finish(arn)["output"]["Error"] == "States.HeartbeatTimeout"
    assert (
        "timeoutInSeconds"
        not in (states.wait_for_event(arn, "TaskScheduled")["taskScheduledEventDetails"])
    )


def test_unknown_token(states: "States", tokens: queue.Queue[str]) -> None:
    """A token that never was is invalid, also while executions start, run and have ended."""
    arn = states.start(_waiting())
    assert _refusals(states, "no") == ["InvalidToken"] * 3
    states.client.send_task_success(taskToken=tokens.get(timeout=10), output="1")
    states.finish(arn)


def test_output_that_is_no_json(states: "States", tokens: queue.Queue[str]) -> None:
    """An output that is no JSON is refused, and the task still waits."""
    arn = states.start(_waiting())
    token = tokens.get(timeout=10)
    with pytest.raises(ClientError, match="InvalidOutput"):
        states.client.send_task_success(taskToken=token, output="{")
    states.client.send_task_success(taskToken=token, output="3")
    assert states.finish(arn)["output"] == 3
