import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from iris_image import model
from iris_image.rows import RowError
from iris_image.training import TrainingError, train

IMAGE = Path(__file__).parents[4] / "containers" / "iris"
CHANNELS = {"train": {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated"}}
HOSTS = {"current_host": "algo-1", "hosts": ["algo-1"]}


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., Path]:
    """Lay out what SageMaker gives a training job; each part can be replaced."""

    def make(
        rows: str = "a,0,0\na,0,1\nb,1,0\nb,1,1\n",
        hyperparameters: Any = None,
        channels: Any = CHANNELS,
        hosts: Any = HOSTS,
    ) -> Path:
        config = tmp_path / "input" / "config"
        data = tmp_path / "input" / "data" / "train"
        config.mkdir(parents=True)
        data.mkdir(parents=True)
        (data / "rows.csv").write_text(rows, "utf-8")
        for name, document in {
            "hyperparameters": hyperparameters or {},
            "inputdataconfig": channels,
            "resourceconfig": hosts,
        }.items():
            (config / f"{name}.json").write_text(json.dumps(document), "utf-8")
        return tmp_path

    return make


def start(base: Path) -> subprocess.Popen[str]:
    """Start the image's `train` below `base`."""
    return subprocess.Popen(
        ["train"],
        env={
            "PATH": f"{IMAGE}:{Path(sys.executable).parent}:/usr/bin:/bin",
            "PYTHONPATH": str(IMAGE),
            "SAGEMAKER_BASE_DIR": str(base),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_program_trains_and_saves_a_model(job: Callable[..., Path]) -> None:
    """`train` leaves model and metadata, and logs its metrics for SageMaker to find."""
    base = job(hyperparameters={"max_depth": "2", "random_state": "7"})
    out, log = (process := start(base)).communicate(timeout=60)
    assert process.returncode == 0, log
    assert "train:accuracy=1.000000;" in out.splitlines()
    assert model.load(base / "model").predict([[0.1, 9], [0.9, -9]]) == ["a", "b"]
    metadata = json.loads((base / "model" / "metadata.json").read_text("utf-8"))
    assert metadata["classes"] == {"a": 2, "b": 2}
    assert (metadata["features"], metadata["rows"]) == (2, 4)
    assert metadata["hyperparameters"] == {"max_depth": 2, "random_state": 7}
    assert set(metadata["versions"]) == {"python", "numpy", "scikit-learn"}
    assert not (base / "output").exists()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"hyperparameters": {"max_dept": "3"}}, "unknown hyperparameter 'max_dept'; known are"),
        (
            {"hyperparameters": {"max_depth": "x"}},
            "the hyperparameter max_depth is 'x'; it must be",
        ),
        ({"hyperparameters": ["max_depth"]}, "hyperparameters.json is no JSON object"),
        ({"channels": {"training": {}}}, "there is no channel 'train', only ['training']"),
        ({"channels": {"train": {"TrainingInputMode": "Pipe"}}}, "Pipe is not supported"),
        ({"hosts": {"hosts": ["algo-1", "algo-2"]}}, "trains on one instance, and the job has 2"),
        ({"rows": "a,1,x\n"}, "rows.csv, line 1: 'x' is no finite number"),
        ({"rows": ""}, "the channel train holds no row in any .csv file"),
        ({"rows": "a,0,0\na,1,1\n"}, "every row has the label 'a'"),
    ],
)
def test_a_failure_becomes_sagemakers_failure_reason(
    job: Callable[..., Path], changes: dict[str, Any], reason: str
) -> None:
    """The failure file has one sentence, the log the traceback, and there is no model."""
    base = job(**changes)
    _, log = (process := start(base)).communicate(timeout=30)
    assert process.returncode == 1
    failure = (base / "output" / "failure").read_text("utf-8")
    assert reason in failure
    assert "\n" not in failure
    assert "Traceback" in log
    assert not list(base.glob("model/*"))


def test_a_configuration_that_is_missing_is_a_failure(job: Callable[..., Path]) -> None:
    """SageMaker writes all of them; without one the job is not what it should be."""
    base = job()
    (base / "input" / "config" / "resourceconfig.json").unlink()
    (process := start(base)).communicate(timeout=30)
    assert process.returncode == 1
    failure = (base / "output" / "failure").read_text("utf-8")
    assert "the configuration resourceconfig.json cannot be read" in failure


def test_sigterm_stops_it_without_a_model(job: Callable[..., Path]) -> None:
    """A stopped training ends with 143 at once, and leaves no half of a model."""
    process = start(base := job())
    assert process.stdout
    assert process.stdout.readline().startswith("hyperparameters: ")  # it goes on for a second
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=10)
    assert (process.returncode, log) == (143, "stopped by SIGTERM\n")
    assert not list(base.glob("model/*"))
    assert not (base / "output").exists()


def test_all_files_of_the_channel_are_read(tmp_path: Path) -> None:
    """Also those in folders, as keys with slashes arrive; other files are left alone."""
    (tmp_path / "data" / "2024").mkdir(parents=True)
    (tmp_path / "data" / "one.csv").write_text("a,0\n", "utf-8")
    (tmp_path / "data" / "2024" / "two.csv").write_text("b,1\n", "utf-8")
    (tmp_path / "data" / "notes.txt").write_text("no rows", "utf-8")
    train(tmp_path / "data", tmp_path / "model", {})
    assert model.load(tmp_path / "model").predict([[0], [1]]) == ["a", "b"]


@pytest.mark.parametrize(
    ("rows", "error"), [("", TrainingError), ("a,1\n", TrainingError), ("a\n", RowError)]
)
def test_data_that_teaches_nothing_is_refused(
    tmp_path: Path, rows: str, error: type[Exception]
) -> None:
    """No rows, one class only, or no features."""
    (tmp_path / "rows.csv").write_text(rows, "utf-8")
    with pytest.raises(error):
        train(tmp_path, tmp_path / "model", {})
