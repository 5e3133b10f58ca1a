"""Whole runs whose training is a script: in script mode, and on spot instances that go away."""

import json
import re
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dropforge.follow import follow
from dropforge.function import invoke

from .stack import QUICK, ROOT, Stack

SCRIPT = {"script": "train.py"}
LOSS = {"loss": "loss=([0-9.]+);"}


@pytest.fixture(autouse=True)
def scripted(stack: Stack) -> None:
    """Give the project a container that trains in script mode and serves as the quick one."""
    folder = stack.project.containers / "scripted"
    shutil.copytree(QUICK / "container", folder, dirs_exist_ok=True)
    for name in ("script_mode.py", "train"):
        shutil.copy2(ROOT / "containers/tensorflow" / name, folder / name)


def log_of(stack: Stack, run_id: str) -> str:
    """Read what a run's training job has printed."""
    logs = stack.project.state / "logs/aws/sagemaker/TrainingJobs"
    return Path(logs, f"{run_id.replace('_', '-')}-train-1", "algo-1.log").read_text()


def test_a_pipelines_own_script_trains_its_model(stack: Stack) -> None:
    """Published as AWS's images want it, run by their contract, and deployed."""
    stack.publish("scripted", image="scripted", answer="7", metrics=LOSS, training=SCRIPT)
    run = stack.run("scripted")
    assert (run["status"], run["reason"]) == ("DEPLOYED", run["reason"])
    assert run["training_metrics"] == {"loss": 0.5}
    assert stack.answer("scripted") == "7"


def test_a_script_that_fails_is_told_by_its_own_words(stack: Stack) -> None:
    """The run is FAILED, and its reason has the end of the traceback."""
    training = {**SCRIPT, "hyperparameters": {"answer": "1", "epochs": "three"}}
    stack.publish("scripted_bad", image="scripted", training=training)
    run = stack.run("scripted_bad")
    assert run["status"] == "FAILED"
    assert "argument --epochs: invalid int value: 'three'" in run["reason"]


def test_an_interrupted_training_ends_with_the_same_number_of_epochs(stack: Stack) -> None:
    """It continues from its checkpoint on another instance; the run does not notice."""
    training = {
        **SCRIPT,
        "hyperparameters": {"answer": "8", "epochs": "50", "seconds": "0.2"},
        "spot": {"max_wait_seconds": 60},
    }
    stack.publish("interrupted", image="scripted", metrics=LOSS, training=training)
    # Long after it began, so that a busy machine has counted and stored something by then.
    stack.strike(kind="job", job="interrupted", then="interrupted", seconds=7)
    run = stack.run("interrupted")
    assert run["status"] == "DEPLOYED"
    assert stack.faults() == []
    printed = log_of(stack, run["run_id"])
    epochs = [int(each) for each in re.findall(r"^epoch (\d+);", printed, re.MULTILINE)]
    assert (epochs[0], epochs[-1], epochs.count(1)) == (1, 50, 1)
    assert set(epochs) == set(range(1, 51))
    assert run["training_metrics"] == {"loss": pytest.approx(1 / 50, abs=1e-4)}


def test_a_run_is_followed_until_it_has_ended(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its steps, and what its training says every few seconds, from CloudWatch."""
    training = {**SCRIPT, "hyperparameters": {"answer": "9", "epochs": "25", "seconds": "0.2"}}
    stack.publish("followed", image="scripted", metrics=LOSS, training=training)
    stack.drop("followed", "1,2\n")
    deadline = time.monotonic() + 30
    while not (going := stack.target.ledger.runs("followed")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    ended = follow(stack.target, going[0])
    assert ended.status == "DEPLOYED"
    told = capsys.readouterr().err
    assert re.search(r"^  Train: loss [0-9.]+ \.\.\.$", told, re.MULTILINE)
    assert "Deploy.Serving: " in told


def test_a_training_is_told_of_in_slack_while_it_goes_on(stack: Stack) -> None:
    """A minute's means, from CloudWatch; the message of the run's end comes once, as ever."""
    training = {
        **SCRIPT,
        "hyperparameters": {"answer": "9", "epochs": "40", "seconds": "0.2"},
        "progress": "slack",
    }
    stack.publish("told_training", image="scripted", metrics=LOSS, training=training)
    stack.drop("told_training", "1,2\n")
    deadline = time.monotonic() + 40
    told: dict[str, list[str]] = {"told": []}
    while not told["told"]:
        assert time.monotonic() < deadline
        time.sleep(0.5)
        # The minute that goes on is what a schedule looks at two minutes after it.
        later = datetime.now(UTC) + timedelta(minutes=3)
        event = json.dumps({"time": later.isoformat()}).encode()
        told = invoke(stack.target, "ReportProgress", event).answer
    run = stack.ended_run("told_training")
    assert told["told"] == [run["run_id"]]
    texts = [message["text"] for message in stack.slack_about(run["run_id"])]
    assert [text.split(".")[0] for text in texts] == [
        "📈 told_training: is training",
        "✅ told_training: deployed, endpoint created",
    ]
