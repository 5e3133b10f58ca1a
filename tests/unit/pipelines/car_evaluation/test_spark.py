"""Spark's features are scikit-learn's; a run of Spark takes ten seconds, so there is one."""

import json
from itertools import product
from pathlib import Path

import pytest

from dropforge_jobs.holdout import HOLDOUT, VALIDATION, Split

from .conftest import CONFIG, DATA, lay_out, preprocessed, run_script, serving, told

pytestmark = pytest.mark.timeout(600)

LINES = DATA.read_text("utf-8").split()
CARS = [line.rpartition(",")[0] for line in LINES]
SPLIT = Split(seed=238, holdout=0.15, validation=0.15)
FOLDERS = ("train", "validation", "holdout/features", "holdout/rows")


def unseen(side: str) -> str:
    """Return a car of a kind that no other is of, on this side of the split."""
    for doors, persons, boot in product(("2", "3", "4"), ("2", "4", "more"), ("small", "big")):
        car = ["low", "huge", doors, persons, boot, "med"]
        if SPLIT.side(car) == side:
            return ",".join(car)
    raise AssertionError(side)


def lines(output: Path, folder: str) -> list[str]:
    """Return the rows of a folder, sorted: Spark's come in parts."""
    return sorted(
        line
        for path in (output / folder).glob("*.csv")
        for line in path.read_text("utf-8").splitlines()
    )


def test_both_engines_make_the_same_of_the_same_objects(tmp_path: Path) -> None:
    """Features, rows left out, what is told, the profile; and what both first containers answer.

    Among the rows are a category and a label that no training row has, and a bad one.
    """
    edges = [f"{unseen(HOLDOUT)},unacc", f"{unseen(VALIDATION)},odd"]
    objects = {
        "a.csv": "\n".join([*LINES[:900], *edges]),
        "b.csv": "\n".join([*LINES[900:], "low,low,9,2,small,low,unacc"]),
    }
    allowed = {"maint": "huge", "class": "odd"}
    outputs, answers = [], []
    for engine, image in (("sklearn", "car_evaluation"), ("spark", "spark")):
        job = tmp_path / engine
        changes = ("--unknown", "ignore", "--engine", engine)
        output = preprocessed(job, *changes, objects=objects, image=image, allowed=allowed)
        outputs.append((job, output))
        for model, schema in (("preprocessor", 0), ("postprocessor", 2)):
            archive = output / "models" / model / "model.tar.gz"
            variables = CONFIG.serve.containers[schema].environment
            with serving("onnx", archive, job / model, **variables) as container:
                body = "\n".join([*CARS, unseen(HOLDOUT)]) if not schema else "0.0,1.0,2.0,3.0"
                answers.append(container.ask(body).body)
    (sklearn, by_sklearn), (spark, by_spark) = outputs
    assert told(spark) == told(sklearn)
    for folder in FOLDERS:
        assert lines(by_spark, folder) == lines(by_sklearn, folder)
        assert lines(by_spark, folder)
    reports = [
        json.loads((output / "report" / "profile.json").read_text("utf-8"))
        for output in (by_sklearn, by_spark)
    ]
    assert reports[0] == reports[1]
    assert reports[0]["left_out"] == 1
    assert reports[0]["rejected"]["rows"] == 1
    assert answers[0] == answers[2]
    assert answers[1] == answers[3] == "acc\ngood\nunacc\nvgood\n"
    # What the containers answer is what was learnt from: no skew, for either engine.
    features = answers[2].split()
    assert features[-1].split(",")[4:8] == ["0", "0", "0", "0"]
    places = {"acc": "0", "good": "1", "unacc": "2", "vgood": "3"}
    labels = [line.rpartition(",")[2] for line in LINES]
    expected = [f"{places[label]},{row}" for label, row in zip(labels, features[:-1], strict=True)]
    found = [row for folder in FOLDERS[:3] for row in lines(by_spark, folder)]
    assert sorted([*expected, f"2,{features[-1]}"]) == sorted(found)


def test_without_java_the_job_says_what_to_install(tmp_path: Path) -> None:
    """In one line, before Spark is started."""
    lay_out(tmp_path, {"car.data": LINES[0]})
    done = run_script(
        "preprocess.py",
        tmp_path,
        "--seed",
        "1",
        "--engine",
        "spark",
        image="spark",
        PATH="/nowhere",
    )
    assert done.returncode == 1
    assert (tmp_path / "output" / "message").read_text("utf-8") == (
        "engine: spark needs Java 17, and there is none here: install it (on Debian and Ubuntu"
        " `apt-get install default-jre-headless`), or set JAVA_HOME"
    )
