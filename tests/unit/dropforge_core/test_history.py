import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dropforge_core import history

START = datetime(2026, 11, 21, 5, 20, tzinfo=UTC)


class Recorder:
    """Writes events as GetExecutionHistory returns them, one second apart unless told."""

    def __init__(self) -> None:
        """Begin with no event."""
        self.events: list[dict[str, Any]] = []
        self.seconds = 0.0

    def add(self, kind: str, previous: int | None = None, **details: Any) -> int:
        """Add an event, after the one before unless told; return its id."""
        self.seconds += 1
        number = len(self.events) + 1
        event: dict[str, Any] = {
            "id": number,
            "type": kind,
            "previousEventId": number - 1 if previous is None else previous,
            "timestamp": START + timedelta(seconds=self.seconds),
        }
        if details:
            named = f"state{kind.rpartition('State')[2]}" if "State" in kind else kind
            event[f"{named[0].lower()}{named[1:]}EventDetails"] = details
        self.events.append(event)
        return number

    def task(self, name: str, *, previous: int | None = None, tries: int = 1, **end: Any) -> int:
        """Enter a task, schedule it so often, and leave it with output or with a caught error."""
        number = self.add("TaskStateEntered", previous, name=name)
        for left in reversed(range(tries)):
            number = self.add("TaskScheduled", number, resource="any")
            if left:
                number = self.add("TaskFailed", number, error="Throttled", cause="slow down")
        if "submitted" in end:
            number = self.add("TaskSubmitted", number, output=json.dumps(end["submitted"]))
        if "cause" in end:
            number = self.add("TaskFailed", number, error="States.TaskFailed", cause=end["cause"])
        else:
            number = self.add("TaskSucceeded", number, output=json.dumps(end.get("output", {})))
        return self.add("TaskStateExited", number, name=name)


def retrain() -> Recorder:
    """A whole run up to Finish: two branches, jobs, a retried Train, a deployment."""
    recorder = Recorder()
    recorder.add("ExecutionStarted", 0)
    recorder.add("PassStateEntered", 0, name="Begin")
    recorder.add("PassStateExited", name="Begin")
    recorder.add("ParallelStateEntered", name="Prepare")
    started = recorder.add("ParallelStateStarted")
    last = recorder.task("Preprocess", previous=started, output=job("Processing", 0, 30))
    recorder.task("CheckEndpoint", previous=started, output={"Payload": {}})
    recorder.add("ParallelStateSucceeded", last)
    recorder.add("ParallelStateExited", name="Prepare")
    recorder.task("Train", tries=3, output=job("Training", 40, 100))
    recorder.task("Judge", submitted={"ExecutionArn": "arn:judge"}, output={"Status": "OK"})
    recorder.add("ChoiceStateEntered", name="Decide")
    recorder.add("ChoiceStateExited", name="Decide")
    recorder.task("Deploy", submitted={"ExecutionArn": "arn:deploy"}, output={"Status": "OK"})
    recorder.task("Notify")
    recorder.add("TaskStateEntered", name="Finish")
    recorder.add("TaskScheduled", resource="any")
    return recorder


def judge() -> Recorder:
    """A whole execution of the machine that scores and decides."""
    recorder = Recorder()
    recorder.add("ExecutionStarted", 0)
    recorder.task("Evaluate", previous=0, output=job("Processing", 90, 120))
    recorder.task("ReadEvaluation")
    return recorder


def deploy() -> Recorder:
    """A whole execution of the machine that deploys, with a retry."""
    recorder = Recorder()
    recorder.add("ExecutionStarted", 0)
    recorder.add("PassStateEntered", 0, name="Begin")
    recorder.add("PassStateExited", name="Begin")
    recorder.task("CreateModel")
    recorder.add("ChoiceStateEntered", name="Decide")
    recorder.add("ChoiceStateExited", name="Decide")
    recorder.task("WaitForEndpoint", tries=2)
    recorder.add("SucceedStateEntered", name="Serving")
    recorder.add("SucceedStateExited", name="Serving")
    return recorder


def job(kind: str, start: float, end: float) -> dict[str, Any]:
    """A Describe answer; times in epoch milliseconds, as Step Functions gives them."""
    base = START.timestamp()
    return {
        f"{kind}JobName": "job",
        f"{kind}StartTime": int((base + start) * 1000),
        f"{kind}EndTime": int((base + end) * 1000),
    }


def whole() -> history.History:
    """The history of a whole run, read as FinishRun reads it."""
    recorded = {"arn:retrain": retrain(), "arn:judge": judge(), "arn:deploy": deploy()}
    return history.read(lambda arn: recorded[arn].events, "arn:retrain")


def alone(recorder: Recorder) -> history.History:
    """The history of an execution that started no other."""
    return history.History(events=recorder.events)


def test_steps_of_a_whole_run() -> None:
    """Tasks in order of entering, a nested machine's after what started it, Finish up to now."""
    now = retrain().events[-1]["timestamp"] + timedelta(seconds=2)
    steps = history.steps(whole(), now)
    assert [step["name"] for step in steps] == [
        "Preprocess",
        "CheckEndpoint",
        "Train",
        "Judge",
        "Judge.Evaluate",
        "Judge.ReadEvaluation",
        "Deploy",
        "Deploy.CreateModel",
        "Deploy.WaitForEndpoint",
        "Notify",
        "Finish",
    ]
    assert {step["status"] for step in steps} == {"SUCCEEDED"}
    seconds = {step["name"]: step["seconds"] for step in steps}
    assert seconds["Preprocess"] == 3, "not until the end of the parallel state"
    assert seconds["Train"] == 7, "with its retries"
    assert seconds["Judge"] == 4
    assert seconds["Finish"] == 3


def test_billed_transitions_of_a_whole_run() -> None:
    """States entered in all machines, retries, and the two states after Finish."""
    entered = 10  # Begin Prepare Preprocess CheckEndpoint Train Judge Decide Deploy Notify Finish
    retried = 2 + 1
    nested = 2 + 5
    assert history.billed_transitions(whole()) == entered + nested + retried + 2
    assert history.billed_transitions(alone(retrain())) == entered + 2 + 2


def test_a_failed_branch() -> None:
    """The failed task is FAILED, and its sibling, which was ended with it, ABORTED."""
    recorder = Recorder()
    recorder.add("ParallelStateEntered", 0, name="Prepare")
    started = recorder.add("ParallelStateStarted")
    other = recorder.add("TaskStateEntered", started, name="CheckEndpoint")
    recorder.add("TaskScheduled", other, resource="any")
    failing = recorder.add("TaskStateEntered", started, name="Preprocess")
    failing = recorder.add("TaskScheduled", failing, resource="any")
    cause = json.dumps(job("Processing", 0, 7))
    failing = recorder.add("TaskFailed", failing, error="States.TaskFailed", cause=cause)
    recorder.add("TaskStateAborted", other)
    recorder.add("ParallelStateFailed", failing)
    recorder.add("ParallelStateExited", name="Prepare")
    steps = history.steps(alone(recorder), START + timedelta(seconds=60))
    assert [(step["name"], step["status"]) for step in steps] == [
        ("CheckEndpoint", "ABORTED"),
        ("Preprocess", "FAILED"),
    ]
    assert steps[1]["seconds"] == 2
    assert history.job_seconds(alone(recorder)) == 7


def test_a_caught_failure_is_a_failed_step() -> None:
    """A task whose error was caught is left like any other, and is FAILED all the same."""
    recorder = Recorder()
    recorder.task("Train", previous=0, cause="boom")
    (step,) = history.steps(alone(recorder), START)
    assert step["status"] == "FAILED"


def test_a_task_that_could_not_be_scheduled_failed() -> None:
    """A task whose arguments could not be evaluated is FAILED and billed once."""
    recorder = Recorder()
    recorder.add("TaskStateEntered", 0, name="Train")
    recorder.add("EvaluationFailed", error="States.QueryEvaluationError", cause="no")
    recorder.add("TaskStateExited", name="Train")
    (step,) = history.steps(alone(recorder), START)
    assert step["status"] == "FAILED"
    assert history.billed_transitions(alone(recorder)) == 1 + 2


def test_a_retry_that_succeeds_is_a_success() -> None:
    """Only the last try counts for the status; each try is billed."""
    recorder = Recorder()
    recorder.task("Notify", previous=0, tries=4)
    (step,) = history.steps(alone(recorder), START)
    assert step["status"] == "SUCCEEDED"
    assert history.billed_transitions(alone(recorder)) == 1 + 3 + 2


def test_job_seconds_are_a_union() -> None:
    """Overlapping jobs count once: 0-30, 40-100 and 90-120 are 110 seconds."""
    assert history.job_seconds(whole()) == 110


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ('"2026-11-21T05:20:00+00:00"', '"2026-11-21T05:20:12.5+00:00"'),
        ('"2026-11-21T05:20:00Z"', '"2026-11-21T05:20:12.500Z"'),
        ("1795238400", "1795238412.5"),
        ("1795238400000", "1795238412500"),
        ("1.7952384E12", "1.7952384125E12"),
    ],
)
@pytest.mark.parametrize("tail", ["}", ', "FailureReason": "it was cu'])
def test_job_times_in_every_form(start: str, end: str, tail: str) -> None:
    """Epoch seconds, epoch milliseconds and ISO text are read, from whole and from cut JSON."""
    cause = f'{{"TrainingStartTime": {start}, "TrainingEndTime": {end}{tail}'
    recorder = Recorder()
    recorder.task("Train", previous=0, cause=cause)
    assert history.job_seconds(alone(recorder)) == 12.5


@pytest.mark.parametrize(
    "cause",
    [
        "plain text",
        "{",
        "[1]",
        '{"TrainingStartTime": 5}',
        '{"TrainingStartTime": "soon", "TrainingEndTime": "later"}',
        '{"TrainingStartTime": 9, "TrainingEndTime": 5}',
        '{"Environment": "{\\"TrainingStartTime\\": 1, \\"TrainingEndTime\\": 9}", "cut',
    ],
)
def test_no_job_times(cause: str) -> None:
    """What tells no interval counts nothing."""
    recorder = Recorder()
    recorder.task("Train", previous=0, cause=cause)
    assert history.job_seconds(alone(recorder)) == 0


def test_nested_executions_are_read_to_any_depth() -> None:
    """Each is found where it was submitted, and what it started itself is found in it."""
    outer, inner = Recorder(), Recorder()
    outer.task("Approve", previous=0, submitted={"ExecutionArn": "arn:inner"})
    inner.task("JudgeAgain", previous=0, submitted={"ExecutionArn": "arn:judge"})
    recorded = {"arn:outer": outer, "arn:inner": inner, "arn:judge": judge()}
    told = history.read(lambda arn: recorded[arn].events, "arn:outer")
    assert [step["name"] for step in history.steps(told, START)] == [
        "Approve",
        "Approve.JudgeAgain",
        "Approve.JudgeAgain.Evaluate",
        "Approve.JudgeAgain.ReadEvaluation",
    ]
    assert history.job_seconds(told) == 30


def test_the_nested_execution_of_a_failed_deployment() -> None:
    """A cause that holds the Describe answer names it too."""
    recorder = Recorder()
    recorder.task("Deploy", previous=0, cause=json.dumps({"ExecutionArn": "arn:deploy"}))
    recorded = {"arn:retrain": recorder, "arn:deploy": deploy()}
    told = history.read(lambda arn: recorded[arn].events, "arn:retrain")
    assert set(told.nested) == {"Deploy"}
