"""Training and evaluation with the real TensorFlow, in the image's environment, once for all."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dropforge import environments
from dropforge.project import Project
from dropforge_jobs.series_grid import Grid, Segment
from dropforge_jobs.series_store import Scaler, write_series

ROOT = Path(__file__).parents[4]
PIPELINE = ROOT / "pipelines" / "temperature_forecast"
SCENARIOS = Path(__file__).with_name("training_scenarios.py")
SEASON = 24
SIDES = {"train": 12, "validation": 4, "holdout": 4}  # days


pytestmark = pytest.mark.timeout(300)  # it may have to install TensorFlow first


@pytest.fixture(scope="module")
def scenarios(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What came of all scenarios."""
    folder = tmp_path_factory.mktemp("scenarios")
    grid = Grid(step=3600, season=SEASON, fill=0, context=SEASON)
    generator = np.random.default_rng(0)
    for side, days in SIDES.items():
        hours = np.arange((days + 1) * SEASON)
        level = generator.normal(size=len(hours)).cumsum() / 5
        values = 10 + 3 * np.sin(hours / SEASON * 2 * np.pi) + level
        pieces = [Segment("", 0, values, SEASON)]
        write_series(folder / side, pieces, grid, Scaler(10.0, 3.0), 1.0)
    environment = environments.provide(
        Project(ROOT, ROOT / ".dropforge" / "local"), ROOT / "containers" / "tensorflow"
    )
    assert environment is not None
    done = run([str(environment / "bin" / "python"), str(SCENARIOS), str(folder)])
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def run(command: list[str], **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a program beside the pipeline's scripts."""
    own = {"PYTHONPATH": f"{ROOT}:{PIPELINE}", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.run(
        command,
        cwd=PIPELINE,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **own, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


def epochs(scenario: Any) -> list[str]:
    """Return the lines about epochs in a log."""
    return [line for line in scenario["log"] if line.startswith("epoch=")]


def test_each_epoch_is_told_once_in_the_agreed_words(scenarios: Any) -> None:
    """Metric definitions and messages find these lines."""
    lines = epochs(scenarios["whole"])
    assert [line.split()[0] for line in lines] == [
        "epoch=1/4",
        "epoch=2/4",
        "epoch=3/4",
        "epoch=4/4",
    ]
    for line, losses in zip(lines, scenarios["whole"]["history"], strict=True):
        assert line.endswith(f" loss={losses['loss']:.5f} val_loss={losses['val_loss']:.5f};")


def test_it_learns(scenarios: Any) -> None:
    """The validation error falls, and what is served is of the best epoch."""
    losses = [epoch["val_loss"] for epoch in scenarios["whole"]["history"]]
    assert min(losses) < losses[0]


def test_a_training_that_was_interrupted_three_times_ends_as_if_it_had_not_been(
    scenarios: Any,
) -> None:
    """The same epochs, each told once, with the same losses, and the same forecasts."""
    whole, three = scenarios["whole"], scenarios["three"]
    assert three["interrupted"] == 3
    assert sum(line.startswith("resumed after") for line in three["log"]) == 3
    assert epochs(three) == epochs(whole)
    assert len(three["history"]) == 4
    np.testing.assert_allclose(
        scenarios["forecasts"]["three"], scenarios["forecasts"]["whole"], rtol=1e-4
    )


def test_a_half_written_checkpoint_costs_only_what_came_after_the_one_before(
    scenarios: Any,
) -> None:
    """It is said, the one before is used, and the end is the same."""
    half = scenarios["half"]
    assert half["interrupted"] == 1
    assert any("is not whole: it is left out" in line for line in half["log"])
    assert epochs(half)[-1] == epochs(scenarios["whole"])[-1]
    assert len(half["history"]) == 4
    np.testing.assert_allclose(
        scenarios["forecasts"]["half"], scenarios["forecasts"]["whole"], rtol=1e-4
    )


def test_a_training_that_is_done_is_not_done_again(scenarios: Any) -> None:
    """SageMaker may start a job anew whose model was not fetched yet."""
    assert scenarios["again"] == 4


def test_the_plain_network_forecasts_by_feeding_back(scenarios: Any) -> None:
    """What is served is what comes of it by hand, step by step."""
    said, by_hand = scenarios["sequence"]["said"], scenarios["sequence"]["by_hand"]
    assert len(said) == SEASON
    assert said[:3] == pytest.approx(by_hand, rel=1e-3)


def test_served_models_are_judged_as_they_lie_in_their_archives(scenarios: Any) -> None:
    """Both, on the same hours; a broken archive is said."""
    judged = scenarios["judged"]
    assert judged["metrics"]["rows"] == (SIDES["holdout"] - 1) * SEASON + 1
    assert judged["metrics"]["relative_mae_day_ahead"] < 1.2
    assert judged["champion"]["status"] == "scored"
    assert judged["champion"]["metrics"]["mae_day_ahead"] > judged["metrics"]["mae_day_ahead"]
    assert judged["comparison"]["low"] > 0
    assert judged["data"] == {"rows": 7}
    assert judged["broken"].startswith("model.tar.gz cannot be unpacked")


def test_what_cannot_be_trained_is_said_in_a_sentence(scenarios: Any) -> None:
    """Inputs that are shorter than a season, and a training that diverges."""
    assert scenarios["refused"]["input_dim"] == "input_dim 12 is less than the season of 24 steps"
    assert scenarios["refused"]["learning_rate"].startswith("the loss is")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--epoch_num", "many"], "a hyperparameter is wrong: argument --epoch_num: invalid int"),
        (["--hidden_num", "3"], "there are no hyperparameters --hidden_num"),
        (["--hidden_nums", "3,x"], "hidden_nums are no numbers: '3,x'"),
        (["--hidden_nums", "0"], "hidden_nums must be whole numbers from 1 on, not 0"),
        (["--patch", "7"], "patch 7 does not divide input_dim 288"),
        (["--network", "other"], "network is 'other'; it is 'direct' or 'sequence'"),
        (["--batch_size", "0"], "batch_size must be at least 1"),
        ([], "SM_CHANNEL_TRAIN, SM_CHANNEL_VALIDATION, SM_MODEL_DIR must be set: this is a script"),
        (["--model_dir", "s3://given/by/aws"], "SM_CHANNEL_TRAIN, "),
    ],
)
def test_wrong_use_fails_with_the_reason_before_tensorflow_is_loaded(
    tmp_path: Path, arguments: list[str], reason: str
) -> None:
    """It is in the failure file, and in the log."""
    command = [sys.executable, "train.py", *arguments]
    done = run(command, SAGEMAKER_BASE_DIR=str(tmp_path))
    assert done.returncode == 1
    assert (tmp_path / "output" / "failure").read_text("utf-8").startswith(reason)
    assert reason in done.stderr
