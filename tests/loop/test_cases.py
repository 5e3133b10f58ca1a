"""Named cases of both state machines, on the embedded AWS, with the real faults forced."""

import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .stack import GOOD, Stack

THROTTLED = "ThrottlingException"
DENIED = "AccessDeniedException"
# One more than any Retry of the machines allows.
FOREVER = 50


@dataclass(frozen=True)
class Case:
    """A run's surroundings and what must come of it."""

    name: str
    status: str
    reason: str
    behaviour: dict[str, Any] = field(default_factory=dict)
    faults: tuple[tuple[str, str, str, int], ...] = ()
    action: str = "NONE"
    served: str | None = None

    def __str__(self) -> str:
        """Name the case in the test's id."""
        return self.name


CREATED = {"status": "DEPLOYED", "action": "CREATED", "reason": "created", "served": "1"}

CASES = [
    Case("happy", **CREATED),
    Case("rejected", "REJECTED", "accuracy 0.5 is below 0.9",
         {"evaluation": '{"metrics": {"accuracy": 0.5}}'}),
    Case("metric_missing", "REJECTED", "accuracy is missing", {"evaluation": '{"metrics": {}}'}),
    Case("metric_is_text", "REJECTED", "not a number",
         {"evaluation": '{"metrics": {"accuracy": "0.99"}}'}),
    Case("metric_is_nan", "FAILED", "ReadEvaluation",
         {"evaluation": '{"metrics": {"accuracy": NaN}}'}),
    Case("metric_is_infinite", "FAILED", "ReadEvaluation",
         {"evaluation": '{"metrics": {"accuracy": 1e999}}'}),
    Case("evaluation_is_no_json", "FAILED", "ReadEvaluation", {"evaluation": "accuracy: 1"}),
    Case("evaluation_missing", "FAILED", "ReadEvaluation", {"evaluation": "nothing"}),
    # Each Catch of retrain.
    Case("preprocess_fails", "FAILED", "The data is of no use", {"preprocess": "fail"}),
    Case("preprocess_too_long", "FAILED", "Prepare", {"preprocess": "hang", "timeout_seconds": 1}),
    Case("train_fails", "FAILED", "The model did not converge", {"train": "fail"}),
    Case("train_too_long", "FAILED", "Train", {"train": "hang", "timeout_seconds": 1}),
    Case("evaluate_fails", "FAILED", "Evaluate", {"evaluation": "fail"}),
    Case("endpoint_never_healthy", "FAILED", "ping", {"serve": "broken"}),
    Case("train_denied", "FAILED", DENIED, faults=(("sagemaker", "CreateTrainingJob", DENIED, FOREVER),)),
    # Each Catch of deploy.
    Case("model_denied", "FAILED", "CreateModel",
         faults=(("sagemaker", "CreateModel", DENIED, FOREVER),)),
    Case("config_denied", "FAILED", "CreateEndpointConfig",
         faults=(("sagemaker", "CreateEndpointConfig", DENIED, FOREVER),)),
    Case("create_denied", "FAILED", "CreateEndpoint",
         faults=(("sagemaker", "CreateEndpoint", DENIED, FOREVER),)),
    Case("describe_denied", "FAILED", "DescribeEndpoint",
         faults=(("sagemaker", "DescribeEndpoint", DENIED, FOREVER),)),
    Case("deploy_cannot_start", "FAILED", "Deploy",
         behaviour={"evaluation": GOOD},
         faults=(("states", "StartExecution", DENIED, 0),)),
    # Each Retry: the platform fails, then recovers.
    Case("processing_throttled", faults=(("sagemaker", "CreateProcessingJob", THROTTLED, 2),), **CREATED),
    Case("processing_limit", faults=(("sagemaker", "CreateProcessingJob", "ResourceLimitExceeded", 3),), **CREATED),
    Case("training_throttled", faults=(("sagemaker", "CreateTrainingJob", THROTTLED, 3),), **CREATED),
    Case("training_limit", faults=(("sagemaker", "CreateTrainingJob", "ResourceLimitExceeded", 4),), **CREATED),
    Case("evaluation_throttled", faults=(("s3", "GetObject", "SlowDown", 0),), **CREATED),
    Case("model_throttled", faults=(("sagemaker", "CreateModel", THROTTLED, 3),), **CREATED),
    Case("config_throttled", faults=(("sagemaker", "CreateEndpointConfig", THROTTLED, 3),), **CREATED),
    Case("create_throttled", faults=(("sagemaker", "CreateEndpoint", THROTTLED, 3),), **CREATED),
    Case("create_limit", faults=(("sagemaker", "CreateEndpoint", "ResourceLimitExceeded", 3),), **CREATED),
    Case("describe_throttled", faults=(("sagemaker", "DescribeEndpoint", THROTTLED, 4),), **CREATED),
    Case("lambda_throttled", faults=(("lambda", "Invoke", "TooManyRequestsException", 3),), **CREATED),
]
# The trigger itself makes these calls before a machine runs; they have tests of their own below.
CASES = [case for case in CASES if all(fault[3] for fault in case.faults)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(stack: Stack, case: Case) -> None:
    """The run ends as the case says, the ledger, the endpoint and Slack agree, nothing hangs."""
    name = f"c_{case.name}"[:22].rstrip("_")
    stack.publish(name, **case.behaviour)
    for service, operation, code, times in case.faults:
        stack.fault(service, operation, code, times=times, status=429 if "Many" in code else 400)
    run = stack.run(name)
    assert (run["status"], run["endpoint"]["action"]) == (case.status, case.action), run
    assert case.reason in run["reason"]
    assert len(stack.slack_about(run["run_id"])) == 1
    if case.served:
        assert stack.answer(name) == case.served
    else:
        with pytest.raises(ClientError):
            stack.answer(name)
    retried = sum(times for *_, times in case.faults) if case.status == "DEPLOYED" else 0
    happy = 24
    if case.status == "DEPLOYED":
        assert happy <= run["billed_transitions"] <= happy + retried, run["billed_transitions"]


def test_an_update_replaces_the_model(stack: Stack) -> None:
    """A second drop updates the endpoint of the first and the new model answers."""
    stack.publish("update", answer="1")
    first = stack.run("update", "1\n")
    stack.publish("update", answer="2")
    second = stack.run("update", "2\n", count=2)
    assert (first["endpoint"]["action"], second["endpoint"]["action"]) == ("CREATED", "UPDATED")
    assert first["endpoint"]["config"] != second["endpoint"]["config"]
    assert stack.answer("update") == "2"


def test_an_update_that_does_not_hold_is_rolled_back(stack: Stack) -> None:
    """A model that never gets healthy ends as ROLLED_BACK, with SageMaker's reason; the old one serves."""
    stack.publish("rolls_back", answer="1")
    first = stack.run("rolls_back", "1\n")
    stack.publish("rolls_back", answer="2", serve="broken")
    run = stack.run("rolls_back", "2\n", count=2)
    assert (run["status"], run["endpoint"]["action"]) == ("ROLLED_BACK", "NONE")
    assert "ping" in run["reason"]
    assert run["endpoint"]["config"] == first["endpoint"]["config"]
    assert stack.answer("rolls_back") == "1"


@pytest.mark.parametrize(
    "status", ["REJECTED", "FAILED"],
)
def test_a_bad_run_leaves_the_endpoint_alone(stack: Stack, status: str) -> None:
    """Whatever happens to a later run, the model in service goes on serving."""
    name = f"bad_{status.lower()}"
    stack.publish(name, answer="1")
    stack.run(name, "1\n")
    if status == "REJECTED":
        stack.publish(name, evaluation='{"metrics": {"accuracy": 0.1}}')
    else:
        stack.publish(name, train="fail")
    run = stack.run(name, "2\n", count=2)
    assert (run["status"], run["endpoint"]["action"]) == (status, "NONE")
    assert stack.answer(name) == "1"


def test_update_and_describe_are_retried(stack: Stack) -> None:
    """Throttles while updating cost retries, not the run."""
    stack.publish("update_throttled", answer="1")
    stack.run("update_throttled", "1\n")
    stack.publish("update_throttled", answer="2")
    stack.fault("sagemaker", "UpdateEndpoint", THROTTLED, times=3)
    run = stack.run("update_throttled", "2\n", count=2)
    assert (run["status"], run["endpoint"]["action"]) == ("DEPLOYED", "UPDATED")


def test_a_job_that_is_stopped_is_a_failure(stack: Stack) -> None:
    """A job that somebody stops ends the run as FAILED; nothing is deployed."""
    stack.publish("stopped", train="hang")
    stack.drop("stopped", "1\n")
    sagemaker = stack.target.client("sagemaker")
    deadline = time.monotonic() + 30
    jobs: list[str] = []
    while not jobs and time.monotonic() < deadline:
        found = sagemaker.list_training_jobs(NameContains="stopped-", StatusEquals="InProgress")
        jobs = [job["TrainingJobName"] for job in found["TrainingJobSummaries"]]
        time.sleep(0.05)
    sagemaker.stop_training_job(TrainingJobName=jobs[0])
    run = stack.ended_run("stopped")
    assert run["status"] == "FAILED"
    assert "Train" in run["reason"]


def test_slack_being_down_changes_nothing(stack: Stack) -> None:
    """The run's result stands when no message can be sent, and the webhook's URL is nowhere."""
    stack.publish("slack_down")
    stack.fault("ssm", "GetParameter", "InternalServerError", times=FOREVER, status=500)
    run = stack.run("slack_down")
    assert run["status"] == "DEPLOYED"


def test_equal_bytes_run_once(stack: Stack) -> None:
    """Dropping what was used before ends as SKIPPED, without an execution, and Slack hears of it."""
    stack.publish("skipped")
    first = stack.run("skipped", "1\n")
    second = stack.run("skipped", "1\n", count=2)
    assert first["run_id"] in second["reason"]
    assert (second["status"], second["billed_transitions"]) == ("SKIPPED", 0)
    deadline = time.monotonic() + 10
    while not stack.slack_about(second["run_id"]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(stack.slack_about(second["run_id"])) == 1


def test_data_that_comes_while_a_run_is_going_makes_one_follow_up(stack: Stack) -> None:
    """Three drops during a run wait, and one further run takes all of them."""
    stack.publish("follow_up")
    stack.drop("follow_up", "0\n", "a.csv")
    deadline = time.monotonic() + 20
    while not stack.target.ledger.runs("follow_up") and time.monotonic() < deadline:
        time.sleep(0.02)
    for number in range(3):
        stack.drop("follow_up", f"{number + 1}\n", f"b{number}.csv")
    run = stack.ended_run("follow_up", count=2)
    assert run["status"] == "DEPLOYED"
    assert run["data"]["objects"] == 4
    assert len(stack.target.ledger.runs("follow_up")) == 2
