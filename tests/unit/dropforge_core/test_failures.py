import json

import pytest
from dropforge_core.contracts import StepError
from dropforge_core.failures import LONGEST, describe

TRACEBACK = (
    "AlgorithmError: the script failed\nTraceback (most recent call last):\n"
    '  File "/opt/program/train", line 7, in main\n    train()\nValueError: bad label: 7\n'
)


@pytest.mark.parametrize(
    ("step", "error", "cause", "sentence"),
    [
        (
            "Train",
            "States.TaskFailed",
            json.dumps({"TrainingJobName": "iris-train-1", "FailureReason": TRACEBACK}),
            (
                "Train (training job iris-train-1) failed with States.TaskFailed: "
                "AlgorithmError: the script failed ValueError: bad label: 7."
            ),
        ),
        (
            "Prepare",
            "States.TaskFailed",
            json.dumps(
                {
                    "ProcessingJobName": "iris-preprocess-1",
                    "FailureReason": "AlgorithmError: see ExitMessage",
                    "ExitMessage": "no rows",
                }
            ),
            (
                "Prepare (processing job iris-preprocess-1) failed with States.TaskFailed: "
                "AlgorithmError: see ExitMessage; no rows."
            ),
        ),
        (
            "Train",
            "States.TaskFailed",
            '{"TrainingJobName":"iris-train-1","FailureReason":"It said \\"no\\" and was cu',
            (
                "Train (training job iris-train-1) failed with States.TaskFailed: "
                'It said "no" and was cu.'
            ),
        ),
        (
            "Train",
            "States.TaskFailed",
            json.dumps({"TrainingJobName": "iris-train-1", "TrainingJobStatus": "Stopped"}),
            "Train (training job iris-train-1) failed with States.TaskFailed: it ended as Stopped.",
        ),
        (
            "Train",
            "States.TaskFailed",
            json.dumps({"TrainingJobStatus": "Stopped", "SecondaryStatus": "MaxRuntimeExceeded"}),
            "Train failed with States.TaskFailed: it ended as Stopped (MaxRuntimeExceeded).",
        ),
        (
            "Finish",
            "ServiceUnavailableError",
            json.dumps(
                {
                    "errorMessage": "Rate exceeded",
                    "errorType": "ServiceUnavailableError",
                    "stackTrace": ['  File "/var/task/app.py", line 1'],
                }
            ),
            "Finish failed with ServiceUnavailableError: Rate exceeded.",
        ),
        (
            "Deploy",
            "States.TaskFailed",
            json.dumps(
                {
                    "ExecutionArn": "arn:x",
                    "Status": "FAILED",
                    "Error": "EndpointNotServing",
                    "Cause": "CreateModel: SageMaker.ValidationException: no such image",
                }
            ),
            (
                "Deploy failed with EndpointNotServing: "
                "CreateModel: SageMaker.ValidationException: no such image."
            ),
        ),
        (
            "Deploy",
            "States.TaskFailed",
            json.dumps(
                {"Error": "Worse", "Cause": json.dumps({"errorType": "E", "errorMessage": "deep"})}
            ),
            "Deploy failed with Worse: deep.",
        ),
        ("Train", "States.Timeout", "", "Train failed with States.Timeout, without a reason."),
        ("Train", "", "it broke\n  twice", "Train failed with an unnamed error: it broke twice."),
        ("Train", "X", "[1, 2]", "Train failed with X: [1, 2]."),
        ("Train", "X", "{", "Train failed with X: it ended as failed."),
    ],
)
def test_one_sentence(step: str, error: str, cause: str, sentence: str) -> None:
    """Step, error and reason are named, whatever form the cause has."""
    assert describe(StepError(step=step, error=error, cause=cause)) == sentence


@pytest.mark.parametrize(
    "secret",
    [
        "https://hooks.slack.com/services/T000/B000/XXXX",
        "HTTPS://hooks.slack-gov.com/services/T000/B000/XXXX",
        "http://127.0.0.1:4566/slack/services/T0/B0/XXXX",
        "hooks.slack.com/services/T000/B000/XXXX",
        "services/T000/B000/XXXX",
        "https://bucket.s3.amazonaws.com/key?X-Amz-Signature=XXXX",
    ],
)
@pytest.mark.parametrize("wrap", ["cannot post to {}", '{{"errorMessage": "cannot post to {}"}}'])
def test_no_secret(secret: str, wrap: str) -> None:
    """No web address and no webhook's path gets into the sentence."""
    text = describe(StepError(step="Notify", error="E", cause=wrap.format(secret)))
    assert "XXXX" not in text
    assert "address removed" in text


def test_where_the_data_lies_stays() -> None:
    """An S3 address is no secret and says where to look."""
    cause = "no object at s3://bucket/key"
    assert "s3://bucket/key" in describe(StepError(step="Train", error="E", cause=cause))


def test_at_most_five_hundred_characters() -> None:
    """A long reason is cut, visibly."""
    text = describe(StepError(step="Train", error="E", cause="x" * 5000))
    assert len(text) <= LONGEST
    assert text.endswith("….")


def test_a_cause_within_causes_ends() -> None:
    """Nesting without end is not followed without end."""
    cause = "the bottom"
    for _ in range(10):
        cause = json.dumps({"Error": "E", "Cause": cause})
    assert describe(StepError(step="Deploy", error="E", cause=cause)).startswith("Deploy failed")


@pytest.mark.parametrize("length", range(1, 130, 7))
def test_json_cut_anywhere(length: int) -> None:
    """Wherever the JSON was cut there is a sentence, and no error."""
    whole = json.dumps({"TrainingJobName": "iris-1", "FailureReason": "Zeile \u00e4 \\ \n two" * 5})
    assert describe(StepError(step="Train", error="E", cause=whole[:length])).endswith(".")


def test_a_person_who_stopped_it_is_named_before_anything_else() -> None:
    """With their words, if they gave any, on one line and without addresses."""
    stopped = StepError(step="Execution", error="StoppedByPerson", cause="Wrong\ndata.")
    assert describe(stopped) == "A person stopped it: Wrong data."
    assert describe(stopped.model_copy(update={"cause": ""})) == "A person stopped it."
    assert "https" not in describe(stopped.model_copy(update={"cause": "https://x.test/secret"}))
