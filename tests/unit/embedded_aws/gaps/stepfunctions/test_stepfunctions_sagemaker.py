"""SageMaker's `.sync`: the job is waited for, described, and stopped with its task."""

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from embedded_aws.gaps import stepfunctions_sagemaker

if TYPE_CHECKING:
    from tests.unit.embedded_aws.gaps.stepfunctions.conftest import States

CAUGHT = [{"ErrorEquals": ["States.ALL"], "Next": "C"}]


def _machine(kind: str, name: str, sync: str = ".sync", **fields: Any) -> dict[str, Any]:
    task = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::sagemaker:create{kind}Job{sync}",
        "Arguments": f"{{% $merge([{{'{kind}JobName': '{name}'}}, $states.input]) %}}",
        "Next": "C",
    }
    return {"A": task | fields, "C": {"Type": "Succeed"}}


@pytest.mark.parametrize("kind", ["Training", "Processing"])
def test_completed(states: "States", kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The description is the output, dates in milliseconds; the double wakes the wait for it."""
    monkeypatch.setattr(stepfunctions_sagemaker, "_LONGEST_WAIT_SECONDS", 30)
    name = f"done-{kind}"
    arn = states.start(_machine(kind, name), {"RoleArn": "r", "Tags": []})
    states.wait_for_event(arn, "TaskSubmitted")
    time.sleep(0.3)  # so that it waits
    begun = time.monotonic()
    states.jobs.finish(name, "Completed")
    output = states.finish(arn)["output"]
    assert time.monotonic() - begun < 15
    assert output[f"{kind}JobStatus"] == "Completed"
    assert output["CreationTime"] == 1500
    submitted = states.wait_for_event(arn, "TaskSubmitted")["taskSubmittedEventDetails"]
    assert submitted["resource"] == f"create{kind}Job.sync"
    assert submitted["resourceType"] == "sagemaker"
    assert f"{kind}JobArn" in submitted["output"]


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_failed(states: "States", status: str) -> None:
    """A job that failed or was stopped fails the task; the Cause is its description."""
    name = f"end-{status}"
    arn = states.start(_machine("Training", name, Catch=CAUGHT))
    states.jobs.finish(name, status)
    output = states.finish(arn)["output"]
    assert output["Error"] == "States.TaskFailed"
    assert json.loads(output["Cause"])["TrainingJobStatus"] == status


def test_a_long_description_is_cut(states: "States") -> None:
    """A cause has 32,768 characters at most; what is cut is no JSON any more."""
    arn = states.start(
        _machine("Training", "long", Catch=CAUGHT), {"RoleArn": "r" * 40_000, "Tags": []}
    )
    states.jobs.finish("long", "Failed")
    cause = states.finish(arn)["output"]["Cause"]
    assert len(cause) == 32_768
    with pytest.raises(ValueError, match="Unterminated string"):
        json.loads(cause)


def test_stopped_with_its_task(states: "States") -> None:
    """A task that times out stops its job."""
    name = "too-slow"
    arn = states.start(_machine("Processing", name, TimeoutSeconds=1, Catch=CAUGHT))
    assert states.finish(arn)["output"]["Error"] == "States.Timeout"
    deadline = time.monotonic() + 20
    while states.jobs.jobs[name]["ProcessingJobStatus"] != "Stopped":
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_stopped_with_its_execution(states: "States") -> None:
    """An execution that is stopped stops its job."""
    name = "unwanted"
    arn = states.start(_machine("Training", name))
    states.wait_for_event(arn, "TaskSubmitted")
    states.client.stop_execution(executionArn=arn)
    deadline = time.monotonic() + 20
    while states.jobs.jobs[name]["TrainingJobStatus"] != "Stopped":
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("twice", "SageMaker.ResourceInUseException"),
        ("refused", "SageMaker.AmazonSageMakerException"),
    ],
)
def test_api_errors(states: "States", name: str, error: str) -> None:
    """Errors of the API have the optimised integration's names, the message in the Cause."""
    states.jobs.jobs["twice"] = {}
    output = states.output(_machine("Training", name, Catch=CAUGHT))
    assert output["Error"] == error
    assert "exists" in output["Cause"] or "no such role" in output["Cause"]


def test_without_sync(states: "States") -> None:
    """Without `.sync` the answer of the call is the output."""
    output = states.output(_machine("Training", "alone", sync=""))
    assert output == {"TrainingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:job/alone"}


def test_unknown_member(states: "States") -> None:
    """A member that the API does not have, seen only when evaluated, fails the execution."""
    answer = states.run(_machine("Training", "odd"), {"Nonsense": 1})
    assert (answer["status"], answer["error"]) == ("FAILED", "States.Runtime")
    assert "'Nonsense' is not supported" in answer["cause"]
