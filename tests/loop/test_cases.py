"""Named cases of both state machines, on the embedded AWS, with the real faults forced."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .stack import Stack

THROTTLED = "ThrottlingException"
LIMIT = "ResourceLimitExceeded"
DENIED = "AccessDeniedException"
# What starts of the nested machine have in their body.
DEPLOY = "stateMachine:dropforge-deploy"
# More than any Retry of the machines allows.
FOREVER = 50
# States that a first deployment enters, in both machines.
HAPPY_TRANSITIONS = 27


@dataclass(frozen=True)
class Fault:
    """The next `times` calls fail; `match` is in the call's path or body."""

    service: str
    operation: str
    code: str
    times: int
    match: str = ""


@dataclass(frozen=True)
class Case:
    """A run's surroundings and what must come of it."""

    name: str
    status: str
    reason: str
    behaviour: dict[str, Any] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()

    def __str__(self) -> str:
        """Name the case in the test's id."""
        return self.name


def failed(name: str, reason: str, *faults: Fault, **behaviour: Any) -> Case:
    """Make a case that must end as FAILED, with this text in its reason."""
    return Case(name, "FAILED", reason, behaviour, faults)


def rejected(name: str, reason: str, evaluation: str) -> Case:
    """Make a case that must end as REJECTED, with this text in its reason."""
    return Case(name, "REJECTED", reason, {"evaluation": evaluation})


def retried(name: str, *fault: Any) -> Case:
    """Make a case in which calls fail for a while, and the run is DEPLOYED all the same."""
    return Case(name, "DEPLOYED", "created", faults=(Fault(*fault),))


def denied(operation: str, service: str = "sagemaker", match: str = "") -> Fault:
    """Make the fault that no retry survives."""
    return Fault(service, operation, DENIED, FOREVER, match)


CASES = [
    Case("happy", "DEPLOYED", "The endpoint was created with the new model."),
    # The judge.
    rejected("bad_metric", "accuracy 0.5 is below 0.9", '{"metrics": {"accuracy": 0.5}}'),
    rejected("metric_missing", "accuracy is missing", '{"metrics": {}}'),
    rejected("metric_is_text", "not a number", '{"metrics": {"accuracy": "0.99"}}'),
    failed("metric_is_nan", "ReadEvaluation", evaluation='{"metrics": {"accuracy": NaN}}'),
    failed("metric_is_infinite", "ReadEvaluation", evaluation='{"metrics": {"accuracy": 1e999}}'),
    failed("not_json", "ReadEvaluation", evaluation="accuracy: 1"),
    failed("evaluation_missing", "ReadEvaluation", evaluation="nothing"),
    # Each Catch of retrain.
    failed("preprocess_fails", "The data is of no use", preprocess="fail"),
    failed("preprocess_too_long", "Prepare", preprocess="hang", timeout_seconds=1),
    failed("train_fails", "The model did not converge", train="fail"),
    failed("train_too_long", "Train", train="hang", timeout_seconds=1),
    failed("train_denied", DENIED, denied("CreateTrainingJob")),
    failed("evaluate_fails", "Evaluate", evaluation="fail"),
    failed("judge_denied", "JudgeModel", denied("Invoke", "lambda", match="dropforge-JudgeModel")),
    failed("registry_denied", "RegisterModel", denied("CreateModelPackage")),
    failed("deploy_denied", "Deploy", denied("StartExecution", "states", match=DEPLOY)),
    failed("never_healthy", "ping", serve="broken"),
    # Each Catch of deploy.
    failed("model_denied", "CreateModel", denied("CreateModel")),
    failed("config_denied", "CreateEndpointConfig", denied("CreateEndpointConfig")),
    failed("create_denied", "CreateEndpoint", denied("CreateEndpoint")),
    failed("describe_denied", "DescribeEndpoint", denied("DescribeEndpoint")),
    # Each Retry: the platform fails, then recovers.
    retried("processing_throttled", "sagemaker", "CreateProcessingJob", THROTTLED, 2),
    retried("processing_limit", "sagemaker", "CreateProcessingJob", LIMIT, 3),
    retried("evaluate_throttled", "sagemaker", "CreateProcessingJob", THROTTLED, 2, "-evaluate-"),
    retried("training_throttled", "sagemaker", "CreateTrainingJob", THROTTLED, 3),
    retried("training_limit", "sagemaker", "CreateTrainingJob", LIMIT, 4),
    retried("reading_slowed", "s3", "GetObject", "SlowDown", 2, "/evaluate/evaluation.json"),
    retried("judge_refused", "lambda", "Invoke", "TooManyRequestsException", 3, "JudgeModel"),
    retried("registry_throttled", "sagemaker", "CreateModelPackage", THROTTLED, 3),
    retried("deploy_throttled", "states", "StartExecution", THROTTLED, 2, DEPLOY),
    retried("model_throttled", "sagemaker", "CreateModel", THROTTLED, 3),
    retried("config_throttled", "sagemaker", "CreateEndpointConfig", THROTTLED, 3),
    retried("create_throttled", "sagemaker", "CreateEndpoint", THROTTLED, 3),
    retried("create_limit", "sagemaker", "CreateEndpoint", LIMIT, 3),
    retried("check_refused", "lambda", "Invoke", "TooManyRequestsException", 3, "CheckEndpoint"),
    retried(
        "wait_refused", "lambda", "Invoke", "TooManyRequestsException", 2, "AnswerEndpointWait"
    ),
    retried("notify_refused", "lambda", "Invoke", "TooManyRequestsException", 3, "NotifyMetrics"),
    retried("finish_refused", "lambda", "Invoke", "TooManyRequestsException", 5, "FinishRun"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(stack: Stack, case: Case) -> None:
    """The run ends as the case says; ledger, endpoint and Slack agree; retries are counted."""
    name = f"c_{case.name}"
    stack.publish(name, **case.behaviour)
    for fault in case.faults:
        stack.fault(
            fault.service, fault.operation, fault.code, times=fault.times, match=fault.match
        )
    run = stack.run(name)
    deployed = case.status == "DEPLOYED"
    assert run["status"] == case.status, run["reason"]
    assert run["endpoint"]["action"] == ("CREATED" if deployed else "NONE")
    assert case.reason in run["reason"]
    assert len(stack.slack_about(run["run_id"])) == 1
    if deployed:
        assert stack.answer(name) == "1"
        # FinishRun counts before its own end: tries of its own that failed are in the history.
        assert run["billed_transitions"] == HAPPY_TRANSITIONS + sum(f.times for f in case.faults)
    else:
        with pytest.raises(ClientError):
            stack.answer(name)


def test_a_throttled_describe_costs_a_retry_not_the_run(stack: Stack) -> None:
    """CheckEndpoint takes a throttle for what it is, never for a missing endpoint."""
    stack.publish("describe_throttled")
    stack.fault("sagemaker", "DescribeEndpoint", THROTTLED, times=4)
    run = stack.run("describe_throttled")
    assert (run["status"], run["endpoint"]["action"]) == ("DEPLOYED", "CREATED")


def test_an_update_replaces_the_model(stack: Stack) -> None:
    """A second drop updates the endpoint of the first and the new model answers."""
    stack.publish("update", answer="1")
    first = stack.run("update", "1\n")
    stack.publish("update", answer="2")
    second = stack.run("update", "2\n", count=2)
    assert (first["endpoint"]["action"], second["endpoint"]["action"]) == ("CREATED", "UPDATED")
    assert first["endpoint"]["config"] != second["endpoint"]["config"]
    assert stack.answer("update") == "2"


def test_a_throttled_update_is_tried_again(stack: Stack) -> None:
    """Throttles while updating cost retries, not the run."""
    stack.publish("update_throttled", answer="1")
    stack.run("update_throttled", "1\n")
    stack.publish("update_throttled", answer="2")
    stack.fault("sagemaker", "UpdateEndpoint", THROTTLED, times=3)
    run = stack.run("update_throttled", "2\n", count=2)
    assert (run["status"], run["endpoint"]["action"]) == ("DEPLOYED", "UPDATED")


def test_an_update_that_is_denied_leaves_the_endpoint_alone(stack: Stack) -> None:
    """The Catch of UpdateEndpoint: the run fails and the old model serves."""
    stack.publish("update_denied", answer="1")
    stack.run("update_denied", "1\n")
    stack.publish("update_denied", answer="2")
    stack.fault("sagemaker", "UpdateEndpoint", DENIED, times=FOREVER)
    run = stack.run("update_denied", "2\n", count=2)
    assert run["status"] == "FAILED"
    assert "UpdateEndpoint" in run["reason"]
    assert stack.answer("update_denied") == "1"


def test_an_update_that_does_not_hold_is_rolled_back(stack: Stack) -> None:
    """A model that never gets healthy ends as ROLLED_BACK, and says why; the old one serves."""
    stack.publish("rolls_back", answer="1")
    first = stack.run("rolls_back", "1\n")
    stack.publish("rolls_back", answer="2", serve="broken")
    run = stack.run("rolls_back", "2\n", count=2)
    assert (run["status"], run["endpoint"]["action"]) == ("ROLLED_BACK", "NONE")
    assert "ping" in run["reason"]
    assert run["endpoint"]["config"] == first["endpoint"]["config"]
    assert stack.answer("rolls_back") == "1"


def test_a_lost_endpoint_event_costs_time_only(stack: Stack) -> None:
    """No event comes, and the wait's function fails: the level check sees the endpoint serve."""
    stack.publish("event_lost")
    # The event's call and the machine's own call alike: the token is never answered.
    stack.fault("lambda", "Invoke", DENIED, times=FOREVER, match="AnswerEndpointWait")
    run = stack.run("event_lost")
    assert (run["status"], run["endpoint"]["action"]) == ("DEPLOYED", "CREATED")


@pytest.mark.parametrize(
    ("status", "behaviour"),
    [("REJECTED", {"evaluation": '{"metrics": {"accuracy": 0.1}}'}), ("FAILED", {"train": "fail"})],
)
def test_a_bad_run_leaves_the_endpoint_alone(
    stack: Stack, status: str, behaviour: dict[str, str]
) -> None:
    """Whatever happens to a later run, the model in service goes on serving."""
    name = f"bad_{status.lower()}"
    stack.publish(name, answer="1")
    first = stack.run(name, "1\n")
    stack.publish(name, **behaviour)
    run = stack.run(name, "2\n", count=2)
    assert (run["status"], run["endpoint"]["action"]) == (status, "NONE")
    assert run["endpoint"]["config"] == first["endpoint"]["config"]
    assert stack.answer(name) == "1"


def test_a_job_that_is_stopped_is_a_failure(stack: Stack) -> None:
    """A job that somebody stops ends the run as FAILED; nothing is deployed."""
    stack.publish("stopped", train="hang")
    stack.drop("stopped", "1\n")
    sagemaker = stack.target.client("sagemaker")

    def training() -> list[str]:
        found = sagemaker.list_training_jobs(NameContains="stopped-", StatusEquals="InProgress")
        return [job["TrainingJobName"] for job in found["TrainingJobSummaries"]]

    sagemaker.stop_training_job(TrainingJobName=eventually(training)[0])
    run = stack.ended_run("stopped")
    assert run["status"] == "FAILED"
    assert "Train" in run["reason"]


def test_an_execution_that_is_stopped_is_a_failed_run(stack: Stack) -> None:
    """Its end is seen from outside: one message, the pipeline is free, and the next drop runs."""
    stack.publish("aborted", train="hang")
    stack.drop("aborted", "1\n")
    (running,) = eventually(lambda: stack.started("aborted"))
    stack.target.stepfunctions.stop_execution(executionArn=running.execution, cause="by hand")
    run = stack.ended_run("aborted")
    assert run["status"] == "FAILED"
    assert "by hand" in run["reason"]
    assert len(eventually(lambda: stack.slack_about(run["run_id"]))) == 1
    stack.publish("aborted")
    assert stack.run("aborted", "2\n", count=2)["status"] == "DEPLOYED"


def test_slack_being_down_changes_nothing(stack: Stack) -> None:
    """The run's result stands when no message can be sent."""
    stack.publish("slack_down")
    stack.fault("ssm", "GetParameter", "InternalServerError", times=FOREVER)
    run = stack.run("slack_down")
    assert run["status"] == "DEPLOYED"


def test_equal_bytes_run_once(stack: Stack) -> None:
    """Dropping what was used before ends as SKIPPED, without an execution; Slack hears of it."""
    stack.publish("skipped")
    first = stack.run("skipped", "1\n")
    second = stack.run("skipped", "1\n", count=2)
    assert first["run_id"] in second["reason"]
    assert (second["status"], second["billed_transitions"]) == ("SKIPPED", 0)
    assert len(eventually(lambda: stack.slack_about(second["run_id"]))) == 1


def test_data_that_comes_while_a_run_is_going_makes_one_follow_up(stack: Stack) -> None:
    """Three drops during a run wait, and one further run takes all of them."""
    stack.publish("follow_up")
    stack.drop("follow_up", "0\n", "a.csv")
    eventually(lambda: stack.target.ledger.runs("follow_up"))
    for number in range(3):
        stack.drop("follow_up", f"{number + 1}\n", f"b{number}.csv")
    run = stack.ended_run("follow_up", count=2)
    assert run["status"] == "DEPLOYED"
    assert run["data"]["objects"] == 4
    assert len(stack.target.ledger.runs("follow_up")) == 2


def eventually(look: Callable[[], list[Any]]) -> list[Any]:
    """Look until there is something, for a bounded time."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.02)
    message = "nothing was found in 30 s"
    raise AssertionError(message)
