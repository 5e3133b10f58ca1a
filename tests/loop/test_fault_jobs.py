"""Faults of jobs and of calls that create things: nothing is trained twice, or deployed."""

from typing import Any

import pytest

from .fault_book import Fault, Outcome, until
from .stack import Stack, endpoint_of

FAILED = Outcome(runs=("FAILED",), answer=None)
FOREVER = 50
pytestmark = pytest.mark.timeout(240)


def jobs(stack: Stack, name: str) -> list[str]:
    """List the kinds of a pipeline's jobs, which their names end with."""
    sagemaker, part = stack.target.client("sagemaker"), name.replace("_", "-")
    training = sagemaker.list_training_jobs(NameContains=f"{part}-2")["TrainingJobSummaries"]
    processing = sagemaker.list_processing_jobs(NameContains=f"{part}-2")["ProcessingJobSummaries"]
    names = [job["TrainingJobName"] for job in training]
    names += [job["ProcessingJobName"] for job in processing]
    return sorted(one.split("-")[-2] for one in names)


def reason(stack: Stack, name: str) -> str:
    """Return why a pipeline's newest run ended so; Slack says the same."""
    run = stack.target.ledger.runs(name)[0]
    (message,) = stack.slack_about(run.run_id)
    assert run.reason[:100].replace("&", "&amp;") in str(message).replace("\\n", "\n")
    return run.reason


@pytest.mark.fault(10)
@pytest.mark.parametrize("then", ["killed", "timed_out"])
def test_a_function_ends_in_mid_call(stack: Stack, fault: Fault, then: str) -> None:
    """Before and after its call had effect: it is tried again, and has no second effect."""
    name = f"f10_{then}"
    stack.publish(name)
    struck = [("CheckEndpoint", 1, False), ("FinishRun", 2, False), ("FinishRun", 4, True)]
    struck += [("AnswerEndpointWait", 1, True)]
    match = endpoint_of(name)  # all that is told to these functions names it
    for function, call, happens in struck:
        stack.strike(
            kind="function", function=function, then=then, match=match, call=call, happens=happens
        )
    stack.drop(name, "1\n")
    run = stack.ended_run(name)
    done = f"CheckEndpoint, AnswerEndpointWait and twice FinishRun {then} in mid-call"
    fault.check(stack, name, done, Outcome())
    assert run["status"] == "DEPLOYED"
    assert jobs(stack, name) == ["evaluate", "preprocess", "train"]


@pytest.mark.fault(15)
@pytest.mark.parametrize(
    ("cause", "behaviour", "strike", "says"),
    [
        ("JSON", {"train": "fail"}, None, "The model did not converge"),
        (
            "text",
            {},
            {"operation": "CreateTrainingJob", "code": "AccessDeniedException", "times": FOREVER},
            "This error was asked for",
        ),
        ("cut JSON", {"train": "fail", "padding": 40_000}, None, "(training job f15-cut-json-2"),
    ],
)
def test_training_fails(  # noqa: PLR0913, PLR0917 - a case has so many parts
    stack: Stack,
    fault: Fault,
    cause: str,
    behaviour: dict[str, Any],
    strike: dict[str, Any] | None,
    says: str,
) -> None:
    """However the cause comes: the run says what it can, and nothing is deployed."""
    name = f"f15_{cause.lower().replace(' ', '_')}"
    stack.publish(name, **behaviour)
    if strike:
        stack.strike(service="sagemaker", **strike)
    stack.drop(name, "1\n")
    stack.ended_run(name)
    stack.clear_faults()
    fault.check(stack, name, f"Training failed with a Cause that is {cause}", FAILED)
    assert says in reason(stack, name)
    assert reason(stack, name).startswith("Train")


@pytest.mark.fault(16)
@pytest.mark.parametrize(("then", "status"), [("stopped", "Stopped"), ("timed_out", "MaxRuntime")])
def test_a_job_is_stopped(stack: Stack, fault: Fault, then: str, status: str) -> None:
    """By somebody, or by SageMaker at its longest runtime: a failure, and no deployment."""
    name = f"f16_{then}"
    stack.publish(name, train="hang")
    stack.strike(kind="job", job=f"f16-{then.replace('_', '-')}", then=then, after=1)
    stack.drop(name, "1\n")
    stack.ended_run(name)
    fault.check(stack, name, f"The training job was {then.replace('_', ' ')}", FAILED)
    assert status in reason(stack, name)
    assert jobs(stack, name) == ["preprocess", "train"]


@pytest.mark.fault(17)
@pytest.mark.parametrize("code", ["ThrottlingException", "ResourceLimitExceeded"])
def test_throttled_for_a_while_and_for_ever(stack: Stack, fault: Fault, code: str) -> None:
    """Retries are bounded; after that the run is told as failed, and leaves nothing behind."""
    name = f"f17_{code[:8].lower()}"
    stack.publish(name)
    for operation in ("CreateTrainingJob", "CreateEndpoint"):
        stack.fault("sagemaker", operation, code, times=3)
    stack.drop(name, "1\n")
    stack.ended_run(name)
    fault.check(stack, name, f"CreateTrainingJob and CreateEndpoint: {code} 3 x each", Outcome())
    stack.fault("sagemaker", "CreateTrainingJob", code, times=FOREVER)
    stack.drop(name, "2\n")
    stack.ended_run(name, count=2)
    left = FOREVER - stack.faults()[0]["times"]
    stack.clear_faults()
    expected = Outcome(runs=("DEPLOYED", "FAILED"), executions=2, objects=("USED", "USED"), told=2)
    fault.check(stack, name, f"CreateTrainingJob: {code} for ever ({left} tries)", expected)
    assert left in {6, 7}
    assert code.removesuffix("Exception") in reason(stack, name)


def lose(stack: Stack, operation: str, match: str = "") -> None:
    """Let the next call of an operation have its effect, and its answer be lost."""
    stack.strike(
        service="sagemaker",
        operation=operation,
        by="states",
        match=match,
        happens=True,
        breaks=True,
    )


@pytest.mark.fault(18)
def test_every_create_answer_is_lost(stack: Stack, fault: Fault) -> None:
    """What was created is found and adopted: one run, no second job, and the endpoint serves."""
    name = "f18_lost"
    stack.publish(name)
    lose(stack, "CreateProcessingJob", "-preprocess-")
    lose(stack, "CreateProcessingJob", "-evaluate-")
    for operation in ("CreateTrainingJob", "CreateModel", "CreateEndpointConfig", "CreateEndpoint"):
        lose(stack, operation)
    stack.drop(name, "1\n")
    run = stack.ended_run(name)
    assert run["status"] == "DEPLOYED", run["reason"]
    done = "The answers of all six Create calls of a first deployment were lost"
    fault.check(stack, name, done, Outcome())
    assert jobs(stack, name) == ["evaluate", "preprocess", "train"]
    assert [job["step"] for job in run["jobs"]] == ["Preprocess", "Train", "Evaluate"]
    assert run["endpoint"]["action"] == "CREATED"

    stack.publish(name, answer="2")
    lose(stack, "UpdateEndpoint")
    stack.drop(name, "2\n")
    assert stack.ended_run(name, count=2)["endpoint"]["action"] == "UPDATED"
    two = Outcome(runs=("DEPLOYED",) * 2, executions=2, objects=("USED",) * 2, answer="2", told=2)
    fault.check(stack, name, "The answer of UpdateEndpoint was lost", two)

    stack.publish(name, answer="3")
    stack.force(name, status="Failed", failure_reason="The disk is full.")
    lose(stack, "DeleteEndpoint")
    stack.drop(name, "3\n")
    assert stack.ended_run(name, count=3)["endpoint"]["action"] == "CREATED"
    three = Outcome(runs=("DEPLOYED",) * 3, executions=3, objects=("USED",) * 3, answer="3", told=3)
    fault.check(stack, name, "The answer of DeleteEndpoint was lost", three)


@pytest.mark.fault(18)
def test_a_job_of_another_has_the_name(stack: Stack, fault: Fault) -> None:
    """It is neither adopted nor trained over: the run fails, and says why."""
    name = "f18_taken"
    stack.publish(name)
    stack.drop(name, "1\n")
    first = stack.ended_run(name)["run_id"].replace("_", "-")
    sagemaker = stack.target.client("sagemaker")
    theirs = sagemaker.describe_training_job(TrainingJobName=f"{first}-train-1")
    # Our call is held until theirs was made.
    stack.strike(service="sagemaker", operation="CreateTrainingJob", by="states", seconds=3)
    stack.drop(name, "2\n")
    until(lambda: len(stack.target.ledger.runs(name)) == 2)
    second = stack.target.ledger.runs(name)[0].run_id.replace("_", "-")
    sagemaker.create_training_job(
        TrainingJobName=f"{second}-train-1",
        OutputDataConfig={"S3OutputPath": "s3://another-stack/runs"},
        **{
            part: theirs[part]
            for part in (
                *("AlgorithmSpecification", "RoleArn", "HyperParameters", "InputDataConfig"),
                *("ResourceConfig", "StoppingCondition"),
            )
        },
    )
    stack.ended_run(name, count=2)
    expected = Outcome(runs=("DEPLOYED", "FAILED"), executions=2, objects=("USED",) * 2, told=2)
    fault.check(stack, name, "Another's training job had the run's name", expected)
    assert "is taken by a job that does not write to" in reason(stack, name)


@pytest.mark.fault(18)
@pytest.mark.parametrize("operation", ["CreateModel", "CreateEndpointConfig", "CreateTrainingJob"])
def test_what_was_never_created_is_not_adopted(stack: Stack, fault: Fault, operation: str) -> None:
    """The name is said to be used and nothing is there: the run fails for the first reason."""
    name = f"f18_{operation[6:].lower()}"
    stack.publish(name)
    code = "ResourceInUse" if operation == "CreateTrainingJob" else "ValidationException"
    stack.fault("sagemaker", operation, code, times=FOREVER)
    stack.drop(name, "1\n")
    stack.ended_run(name)
    stack.clear_faults()
    fault.check(stack, name, f"{operation}: {code}, but nothing has that name", FAILED)
    assert endpoint_of(name) not in str(stack.target.client("sagemaker").list_endpoints())
