"""Lambda functions: their answers, their errors, and the service's errors."""

import json
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from tests.unit.embedded_aws.gaps.stepfunctions.conftest import States

ARN = "arn:aws:lambda:us-east-1:123456789012:function:own"


def _machine(resource: str, arguments: Any) -> dict[str, Any]:
    task = {
        "Type": "Task",
        "Resource": resource,
        "Arguments": arguments,
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C"}],
        "Next": "C",
    }
    return {"A": task, "C": {"Type": "Succeed"}}


INVOKE = _machine(
    "arn:aws:states:::lambda:invoke",
    {"FunctionName": "own", "Payload": {"x": "{% $states.input %}"}},
)


def test_invoke(states: "States") -> None:
    """The payload goes out and comes back as JSON, with the call's status and version."""
    states.functions["own"] = lambda event: Response(
        json.dumps([event]), headers={"X-Amz-Executed-Version": "$LATEST"}
    )
    output = states.output(INVOKE, {"é": None})
    assert output["Payload"] == [{"x": {"é": None}}]
    assert (output["StatusCode"], output["ExecutedVersion"]) == (200, "$LATEST")


@pytest.mark.parametrize("resource", ["arn:aws:states:::lambda:invoke", ARN])
@pytest.mark.parametrize(
    ("payload", "error"),
    [
        ({"errorType": "ValueError", "errorMessage": "no", "stackTrace": []}, "ValueError"),
        ({"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out"}, "Sandbox.Timedout"),
        ({"errorMessage": "gone"}, "Lambda.Unknown"),
    ],
)
def test_function_errors(
    states: "States", resource: str, payload: dict[str, Any], error: str
) -> None:
    """A function's error is named by its type; the Cause is what it answered."""
    states.functions["own"] = states.functions[ARN] = lambda _: Response(
        json.dumps(payload), headers={"X-Amz-Function-Error": "Unhandled"}
    )
    arguments = {"FunctionName": "own"} if "states" in resource else {}
    output = states.output(_machine(resource, arguments))
    assert output["Error"] == error
    text = json.dumps(payload, separators=(",", ":"))
    assert output["Cause"].endswith(text)
    assert output["Cause"] == text or error == "Lambda.Unknown"


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("ResourceNotFoundException", 404, "Lambda.ResourceNotFoundException"),
        ("TooManyRequestsException", 429, "Lambda.TooManyRequestsException"),
        ("ServiceException", 500, "Lambda.ServiceException"),
        ("SomethingElse", 400, "Lambda.AWSLambdaException"),
    ],
)
def test_service_errors(states: "States", code: str, status: int, error: str) -> None:
    """The Lambda service's own errors have its name before theirs."""
    states.functions["own"] = lambda _: Response(
        json.dumps({"message": "no"}), status, headers={"x-amzn-ErrorType": code}
    )
    output = states.output(INVOKE)
    assert output["Error"] == error
    assert f"Error Code: {code}" in output["Cause"]
