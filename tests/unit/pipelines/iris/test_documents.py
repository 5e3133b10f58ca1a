import hashlib
import logging
import random
import re
import statistics
from pathlib import Path

import pytest
import yaml
from iris_image.training import fit, train

from dropforge_jobs.evaluation import evaluate_classes
from dropforge_jobs.holdout import HOLDOUT, TRAIN, Split

PIPELINE = Path(__file__).parents[4] / "pipelines" / "iris"
DATA = PIPELINE / "data" / "iris_label_first.csv"

type Row = tuple[str, list[float]]


def accuracy(rows: list[Row], seed: int) -> float:
    """Train and judge as the pipeline does, without its files."""
    split = Split(seed, holdout=0.3)
    sides: dict[str, list[Row]] = {TRAIN: [], HOLDOUT: []}
    for row in rows:
        sides[split.side(row[1])].append(row)
    labels, features = zip(*sides[TRAIN], strict=True)
    tree = fit(list(labels), list(features), {"max_depth": 3, "min_samples_leaf": 3})
    labels, features = zip(*sides[HOLDOUT], strict=True)
    value: float = evaluate_classes(labels, tree.predict(features))["metrics"]["accuracy"]
    return value


def test_the_accuracies_in_the_readme_are_those_of_the_data() -> None:
    """The table is computed again, for all its seeds."""
    lines = [line.split(",") for line in DATA.read_text("utf-8").splitlines()]
    three: list[Row] = [(line[0], [float(text) for text in line[1:]]) for line in lines]
    two = [row for row in three if row[0] != "virginica"]
    labels = [label for label, _ in three]
    random.Random(0).shuffle(labels)  # noqa: S311  as the table has it
    noisy = three + [(label, row[1]) for label, row in zip(labels, three, strict=True)]
    computed = []
    for rows in (two, three, noisy):
        values = [accuracy(rows, seed) for seed in range(40)]
        computed.append(
            [f"{value:.3f}" for value in (statistics.mean(values), min(values), max(values))]
        )
    readme = (PIPELINE / "README.md").read_text("utf-8")
    table = re.findall(r"\| (\d\.\d{3}) \| (\d\.\d{3}) \| (\d\.\d{3}) \|", readme)
    assert [list(row) for row in table] == computed
    assert f"its accuracy is {accuracy(three, 15):.3f}" in readme


def test_each_metric_definition_finds_what_training_prints(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What pipeline.yaml looks for in the log is there, once, and is a number."""
    caplog.set_level(logging.INFO)
    (tmp_path / "train.csv").write_text(DATA.read_text("utf-8"), "utf-8")
    train(tmp_path, tmp_path / "model", {"max_depth": 3})
    config = yaml.safe_load((PIPELINE / "pipeline.yaml").read_text("utf-8"))
    definitions = config["train"]["metrics"]
    assert set(definitions) == {"train:accuracy", "train:rows"}
    found = {name: re.findall(regex, caplog.text) for name, regex in definitions.items()}
    assert found["train:rows"] == ["150"]
    [value] = found["train:accuracy"]
    assert 0.9 < float(value) <= 1


def test_the_data_is_the_file_that_its_source_note_describes() -> None:
    """The checksum holds, and the licence lies beside it."""
    note = (DATA.parent / "SOURCES.md").read_text("utf-8")
    assert hashlib.sha256(DATA.read_bytes()).hexdigest() in note
    licence = (DATA.parent / "scikit-learn-BSD-3-Clause.txt").read_text("utf-8")
    assert licence.startswith("BSD 3-Clause License")
