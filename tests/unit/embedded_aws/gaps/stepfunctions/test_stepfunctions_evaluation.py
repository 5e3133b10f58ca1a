"""Evaluated values that AWS refuses fail the state with States.QueryEvaluationError."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.embedded_aws.gaps.stepfunctions.conftest import States

NEVER = {"Type": "Succeed"}
INVOKE = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:listBuckets"}


def _choice(condition: str) -> dict[str, Any]:
    choices = [{"Condition": condition, "Next": "N"}]
    return {"A": {"Type": "Choice", "Choices": choices, "Default": "N"}, "N": NEVER}


@pytest.mark.parametrize(
    "machine",
    [
        _choice("{% $states.input.missing %}"),
        _choice("{% 'yes' %}"),
        _choice("{% $states.input.missing > 1 %}"),
        _choice("{% 1 + 'a' = 2 %}"),
        {"A": {"Type": "Pass", "Output": "{% $states.input.missing %}", "End": True}},
        {"A": {"Type": "Pass", "Output": {"a": ["{% $nothing %}"]}, "End": True}},
        {"A": {"Type": "Pass", "Assign": {"x": "{% $nothing %}"}, "End": True}},
        {"A": {"Type": "Wait", "Seconds": "{% 'soon' %}", "End": True}},
        {"A": {"Type": "Wait", "Seconds": "{% 0.5 %}", "End": True}},
        {"A": {**INVOKE, "TimeoutSeconds": "{% 0 %}", "End": True}},
        {"A": {**INVOKE, "Arguments": "{% $nothing %}", "End": True}},
        {"A": {**INVOKE, "Output": "{% $nothing %}", "End": True}},
        {"A": {"Type": "Fail", "Error": "{% 1 %}"}},
    ],
)
def test_query_evaluation_error(states: "States", machine: dict[str, Any]) -> None:
    """The execution fails by that name; the history says so, and where."""
    arn = states.start(machine)
    answer = states.finish(arn)
    assert answer["status"] == "FAILED"
    assert answer["error"] == "States.QueryEvaluationError"
    assert "state 'A'" in answer["cause"]
    failures = [e for e in states.events(arn) if e["type"] == "EvaluationFailed"]
    assert [e["evaluationFailedEventDetails"]["state"] for e in failures] == ["A"]


@pytest.mark.parametrize("field", ["Arguments", "Output", "Assign"])
def test_catchable_in_a_task(states: "States", field: str) -> None:
    """A Task state catches what fails in its own fields, and assigns nothing then."""
    broken = {"x": "{% 1 + 'a' %}"} if field == "Assign" else "{% 1 + 'a' %}"
    caught = [
        {
            "ErrorEquals": ["States.QueryEvaluationError"],
            "Assign": {"error": "{% $states.errorOutput %}"},
            "Next": "B",
        }
    ]
    found = states.output(
        {
            "A": {**INVOKE, "Assign": {"x": 1}, field: broken, "Catch": caught, "Next": "N"},
            "B": {"Type": "Succeed", "Output": ["{% $error %}", "{% $exists($x) %}"]},
            "N": NEVER,
        }
    )
    assert found[0]["Error"] == "States.QueryEvaluationError"
    assert "T2002" in found[0]["Cause"]
    assert found[1] is False


def test_null_is_a_value(states: "States") -> None:
    """Null goes through Assign, Output and Arguments, and is not undefined."""
    found = states.output(
        {
            "A": {"Type": "Pass", "Assign": {"x": "{% null %}", "y": None}, "Next": "B"},
            "B": {"Type": "Pass", "Output": ["{% $x %}", "{% $exists($y) %}", None], "End": True},
        }
    )
    assert found == [None, True, None]


def test_output_sees_the_variables_of_before(states: "States") -> None:
    """Output and Assign of one state both see what was assigned before the state."""
    found = states.output(
        {
            "A": {"Type": "Pass", "Assign": {"x": 1}, "Next": "B"},
            "B": {
                "Type": "Pass",
                "Assign": {"x": "{% $x + 1 %}", "y": "{% $x %}"},
                "Output": "{% $x %}",
                "Next": "C",
            },
            "C": {"Type": "Succeed", "Output": ["{% $states.input %}", "{% $x %}", "{% $y %}"]},
        }
    )
    assert found == [1, 2, 1]
