from typing import Any

import pytest
from botocore.stub import Stubber
from dropforge_core.errors import InvalidInputError

from tests.unit.dropforge_core.stack import Stack


def registry(stack: Stack, package: str, status: str) -> Stubber:
    """A registry that answers once."""
    stub = Stubber(stack.clients.sagemaker)
    described = {
        "ModelPackageName": "dropforge-iris",
        "ModelPackageArn": package,
        "CreationTime": 1,
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": []},
        "ModelApprovalStatus": status,
    }
    stub.add_response("describe_model_package", described)
    return stub


def waiting(functions: Any, stack: Stack, sample: Any) -> str:
    """Let a run wait as the event `wait` says; return its id."""
    stack.publish()
    stack.drop("a.csv", "first")
    (run,) = stack.starter().start_waiting("iris")
    event = sample("answer_approval.wait") | {"run_id": run.run_id}
    with registry(stack, event["model_package"], "PendingManualApproval"):
        answer = functions.invoke("answer_approval", event)
    assert answer == {"answered": [], "waiting": [run.run_id]}
    return run.run_id


def test_a_decision_answers_the_run_that_waits(
    functions: Any, stack: Stack, sample: Any, output: Any
) -> None:
    """The registry's event makes the function look at the registry."""
    run_id = waiting(functions, stack, sample)
    package = sample("answer_approval.wait")["model_package"]
    tokens = Stubber(stack.clients.stepfunctions)
    tokens.add_response("send_task_success", {})
    with registry(stack, package, "Approved"), tokens:
        answer = functions.invoke("answer_approval", sample("answer_approval.approved"))
    assert answer == {"answered": [run_id], "waiting": []}
    lines, counted = output()
    assert counted == {"ApprovalAnswered": 1, "ApprovalPending": 0}
    assert sample("answer_approval.wait")["task_token"] not in str(lines)


def test_nobody_waits(functions: Any, sample: Any) -> None:
    """The registry is not even asked."""
    answer = functions.invoke("answer_approval", sample("answer_approval.approved"))
    assert answer == {"answered": [], "waiting": []}


@pytest.mark.filterwarnings("ignore:No application metrics")
@pytest.mark.parametrize("event", [{}, {"run_id": "x"}])
def test_wrong_input_is_the_callers_fault(functions: Any, event: dict[str, Any]) -> None:
    """Input that fits no contract is refused."""
    with pytest.raises(InvalidInputError):
        functions.invoke("answer_approval", event)
