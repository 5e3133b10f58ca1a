"""Attempts of a task: retries, what they see, and how they end."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from tests.unit.embedded_aws.gaps.stepfunctions.conftest import States


def _failing(times: int) -> Callable[[Any], Response]:
    left = [times]

    def answer(event: Any) -> Response:
        left[0] -= 1
        if left[0] >= 0:
            body = f'{{"errorType": "Flaky", "errorMessage": "{event}"}}'
            return Response(body, headers={"X-Amz-Function-Error": "Unhandled"})
        return Response(f'{{"seen": {event["count"]}}}')

    return answer


def _flaky(attempts: int) -> dict[str, Any]:
    retry = {
        "ErrorEquals": ["Flaky"],
        "IntervalSeconds": 1,
        "MaxAttempts": attempts,
        "BackoffRate": 100,
        "MaxDelaySeconds": 1,
        "JitterStrategy": "FULL",
    }
    return {
        "A": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {
                "FunctionName": "flaky",
                "Payload": {"count": "{% $states.context.State.RetryCount %}"},
            },
            "Retry": [retry],
            "Catch": [{"ErrorEquals": ["Flaky"], "Next": "C"}],
            "Output": "{% [$states.result.Payload, $exists($states.errorOutput)] %}",
            "End": True,
        },
        "C": {"Type": "Succeed", "Output": "{% $states.input.Error %}"},
    }


def test_retry(states: "States") -> None:
    """A retry evaluates the Arguments anew; the delay is jittered and capped."""
    states.functions["flaky"] = _failing(2)
    begun = time.monotonic()
    assert states.output(_flaky(2)) == [{"seen": 2}, False]
    assert time.monotonic() - begun < 20


def test_retries_run_out(states: "States") -> None:
    """When retries have run out, Catch has the error."""
    states.functions["flaky"] = _failing(9)
    assert states.output(_flaky(1)) == "Flaky"


def test_catch_assigns(states: "States") -> None:
    """A Catch with Assign and Output gives both; `$states.result` does not exist there."""
    caught = {
        "ErrorEquals": ["States.ALL"],
        "Assign": {"error": "{% $states.errorOutput.Error %}"},
        "Output": {"result": "{% $exists($states.result) %}", "was": "{% $states.input %}"},
        "Next": "C",
    }
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
        "Arguments": {"Bucket": "none", "Key": "none"},
        "Catch": [caught],
        "End": True,
    }
    after = {"Type": "Succeed", "Output": ["{% $error %}", "{% $states.input %}"]}
    found = states.output({"A": task, "C": after}, {"given": 1})
    assert found == ["S3.NoSuchBucketException", {"result": False, "was": {"given": 1}}]


def test_variables_of_branches(states: "States") -> None:
    """Branches see outer variables; what they assign themselves ends with them."""
    branch = {
        "X": {"Type": "Pass", "Assign": {"inner": "{% $outer + 1 %}"}, "Next": "Y"},
        "Y": {"Type": "Succeed", "Output": "{% $inner %}"},
    }
    found = states.output(
        {
            "A": {"Type": "Pass", "Assign": {"outer": 1}, "Next": "P"},
            "P": {
                "Type": "Parallel",
                "Branches": [{"StartAt": "X", "States": branch}] * 2,
                "Assign": {"both": "{% $states.result %}"},
                "Next": "C",
            },
            "C": {"Type": "Succeed", "Output": ["{% $both %}", "{% $exists($inner) %}"]},
        }
    )
    assert found == [[2, 2], False]
