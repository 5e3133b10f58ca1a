"""Which errors Retry and Catch match, and what carries them on."""

from typing import TYPE_CHECKING, Any

import pytest

from embedded_aws.gaps.stepfunctions_errors import matches

if TYPE_CHECKING:
    from tests.unit.embedded_aws.gaps.stepfunctions.conftest import States

LIST = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:listBuckets"}


@pytest.mark.parametrize(
    ("pattern", "error", "expected"),
    [
        ("States.ALL", "Custom", True),
        ("States.ALL", "States.QueryEvaluationError", True),
        ("States.ALL", "States.DataLimitExceeded", False),
        ("States.ALL", "States.Runtime", False),
        ("States.DataLimitExceeded", "States.DataLimitExceeded", True),
        ("States.Runtime", "States.Runtime", False),
        ("States.TaskFailed", "Custom", True),
        ("States.TaskFailed", "States.TaskFailed", True),
        ("States.TaskFailed", "States.Timeout", False),
        ("States.Timeout", "States.HeartbeatTimeout", True),
        ("States.HeartbeatTimeout", "States.Timeout", False),
        ("Custom", "Other", False),
    ],
)
def test_matches(pattern: str, error: str, expected: bool) -> None:  # noqa: FBT001
    """An entry of ErrorEquals matches as the developer guide says."""
    assert matches(pattern, error) is expected


def _parallel(branch: dict[str, Any], catch: list[dict[str, Any]]) -> dict[str, Any]:
    slow = {"W": {"Type": "Wait", "Seconds": 60, "End": True}}
    return {
        "P": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": next(iter(branch)), "States": branch},
                {"StartAt": "W", "States": slow},
            ],
            "Catch": catch,
            "Next": "N",
        },
        "C": {"Type": "Succeed", "Output": "{% $states.input %}"},
        "N": {"Type": "Succeed"},
    }


@pytest.mark.parametrize(
    ("branch", "error"),
    [
        ({"F": {"Type": "Fail", "Error": "Own", "Cause": "why"}}, "Own"),
        ({"F": {**LIST, "Output": "{% $no %}", "End": True}}, "States.QueryEvaluationError"),
    ],
)
def test_a_branch_fails(states: "States", branch: dict[str, Any], error: str) -> None:
    """A branch's error, the States' own too, is caught; the other branch does not delay it."""
    catch = [{"ErrorEquals": [error], "Next": "C"}]
    assert states.output(_parallel(branch, catch))["Error"] == error


def test_runtime_is_not_caught(states: "States") -> None:
    """States.Runtime fails the execution whatever is caught."""
    bad = {**LIST, "Arguments": "{% 1 %}", "End": True}
    answer = states.run(_parallel({"F": bad}, [{"ErrorEquals": ["States.ALL"], "Next": "C"}]))
    assert (answer["status"], answer["error"]) == ("FAILED", "States.Runtime")


def test_no_choice(states: "States") -> None:
    """A Choice state without a match and without a Default fails with its own error."""
    choices = [{"Condition": "{% false %}", "Next": "N"}]
    machine = {"A": {"Type": "Choice", "Choices": choices}, "N": {"Type": "Succeed"}}
    answer = states.run(machine)
    assert (answer["status"], answer["error"]) == ("FAILED", "States.NoChoiceMatched")


@pytest.mark.parametrize(("number", "expected"), [(1, "rule"), (2, "default")])
def test_a_rule_that_leads_where_the_default_leads(
    states: "States", number: int, expected: str
) -> None:
    """The state's own Assign and Output belong to the default alone."""
    rule = {"Condition": "{% $states.input.n = 1 %}", "Output": "rule", "Next": "N"}
    machine = {
        "A": {"Type": "Choice", "Choices": [rule], "Output": "default", "Default": "N"},
        "N": {"Type": "Succeed"},
    }
    assert states.output(machine, {"n": number}) == expected


@pytest.mark.parametrize(("characters", "status"), [(262_142, "SUCCEEDED"), (262_143, "FAILED")])
def test_data_limit(states: "States", characters: int, status: str) -> None:
    """A state's output may have 262,144 bytes, quotes included, and not one more."""
    text = f"{{% $pad('', {characters}, 'x') %}}"
    answer = states.run({"A": {"Type": "Pass", "Output": text, "End": True}})
    assert answer["status"] == status
    if status == "FAILED":
        assert answer["error"] == "States.DataLimitExceeded"
