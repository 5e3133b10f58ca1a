import json
from pathlib import Path
from typing import Any

import pytest
from xgboost_image import training
from xgboost_image.data import DataError, check_classes, read_channel
from xgboost_image.hyperparameters import HyperparameterError, cast_hyperparameters

GOOD = {"num_round": "10", "objective": "multi:softmax", "num_class": "4"}
CHANNEL = {"ContentType": "text/csv", "TrainingInputMode": "File"}


def test_text_becomes_what_xgboost_takes() -> None:
    """SageMaker passes text."""
    texts = {**GOOD, "eta": "0.2", "eval_metric": "mlogloss, merror", "seed": "-1", "alpha": "0"}
    assert cast_hyperparameters(texts) == {
        "num_round": 10,
        "objective": "multi:softmax",
        "num_class": 4,
        "eta": 0.2,
        "eval_metric": ["mlogloss", "merror"],
        "seed": -1,
        "alpha": 0.0,
    }


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ({"objective": "binary:logistic"}, "Missing required hyperparameter: num_round."),
        ({**GOOD, "rounds": "3"}, "Extraneous hyperparameter found: rounds."),
        ({"num_round": "1", "objective": "multi:softprob"}, "Require input for parameter 'num_cl"),
        ({**GOOD, "eta": "2"}, "Hyperparameter eta: it must be a number of at least 0 and at most"),
        ({**GOOD, "eta": "nan"}, "Hyperparameter eta: it must be a number of at least 0"),
        ({**GOOD, "subsample": "0"}, "Hyperparameter subsample: it must be a number above 0"),
        ({**GOOD, "num_class": "1"}, "Hyperparameter num_class: it must be a whole number of at"),
        ({**GOOD, "num_round": "1_0"}, "Hyperparameter num_round: it must be a whole number"),
        ({**GOOD, "eval_metric": "mlogloss,luck"}, "Hyperparameter eval_metric: it must be one of"),
        ({**GOOD, "objective": "reg:linear"}, "Hyperparameter objective: it must be one of"),
        ({**GOOD, "num_round": 10}, "Hyperparameter num_round: 10 is no text."),
    ],
)
def test_bad_hyperparameters_are_named(texts: dict[str, Any], reason: str) -> None:
    """The first one that is at fault, and what it must be."""
    with pytest.raises(HyperparameterError) as caught:
        cast_hyperparameters(texts)
    assert str(caught.value).startswith(reason)


def channel(folder: Path, *contents: str) -> Path:
    """Write a channel's files."""
    folder.mkdir()
    for number, content in enumerate(contents):
        (folder / f"{number}.csv").write_text(content, "utf-8")
    return folder


def test_a_channel_is_all_its_files(tmp_path: Path) -> None:
    """Label first; an empty cell is a missing value, and an empty file holds no row."""
    features, labels = read_channel(channel(tmp_path / "train", "1,0,0.5\n0,1,2\n", "", "1,,3\n"))
    assert labels.tolist() == [1, 0, 1]
    assert features.tolist()[:2] == [[0, 0.5], [1, 2]]
    assert str(features[2, 0]) == "nan"


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        ([""], "No data in train channel path"),
        (["1,2\n", "1,2,3\n"], "rows of \\[2, 3\\] columns"),
        (["1\n"], "rows of \\[1\\] columns"),
        (["unacc,1\n"], "0.csv is no CSV of numbers"),
        ([",1\n"], "label that is no finite number"),
    ],
)
def test_a_channel_that_is_none_is_refused(
    tmp_path: Path, contents: list[str], reason: str
) -> None:
    """One sentence says what is wrong."""
    with pytest.raises(DataError, match=reason):
        read_channel(channel(tmp_path / "train", *contents))


def test_labels_are_classes(tmp_path: Path) -> None:
    """XGBoost itself would end the process for a label that is none."""
    _, labels = read_channel(channel(tmp_path / "train", "0,1\n4,1\n"))
    check_classes(labels, 5, "train")
    with pytest.raises(DataError, match="has the label 4: with num_class 4, labels are whole"):
        check_classes(labels, 4, "train")


@pytest.mark.parametrize(
    ("channels", "resources", "reason"),
    [
        ({"validation": CHANNEL}, {}, "Missing required channel: train"),
        ({"train": CHANNEL, "test": CHANNEL}, {}, "Extraneous channel found: test."),
        ({"train": {"ContentType": "text/libsvm"}}, {}, "The channel train is text/libsvm"),
        ({"train": {"TrainingInputMode": "Pipe"}}, {}, "The channel train is a pipe"),
        ({"train": CHANNEL}, {"hosts": ["algo-1", "algo-2"]}, "The job has 2 instances"),
    ],
)
def test_what_the_image_does_not_do_becomes_the_jobs_failure(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    channels: dict[str, Any],
    resources: dict[str, Any],
    reason: str,
) -> None:
    """The reason is where SageMaker looks for it, and the status is not 0."""
    config = tmp_path / "input" / "config"
    config.mkdir(parents=True)
    for name, content in {
        "hyperparameters": GOOD,
        "inputdataconfig": channels,
        "resourceconfig": resources,
    }.items():
        (config / f"{name}.json").write_text(json.dumps(content), "utf-8")
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert training.main() == 1
    failure = (tmp_path / "output" / "failure").read_text("utf-8")
    assert failure.startswith(f"Customer Error: {reason}")
