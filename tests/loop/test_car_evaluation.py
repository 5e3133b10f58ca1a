"""The pipeline car_evaluation, whole: raw strings in, labels out, by one fitted transformation."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from dropforge.publish import publish
from dropforge.transform import Wish, transform

from .stack import ROOT, Stack, endpoint_of

NAME = "car_evaluation"
DATA = (ROOT / "pipelines" / NAME / "data" / "car.data").read_text("utf-8")
VGOOD = "low,low,5more,4,big,high"
UNKNOWN = "low,huge,5more,4,big,high"

PATIENCE_SECONDS = 240.0
# Four environments may have to be installed first.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def cars(stack: Stack) -> Stack:
    """The stack, in whose project is the pipeline with its images."""
    stack.bring(NAME, "car_evaluation", "onnx", "spark", "xgboost")
    return stack


def ask(stack: Stack, body: str, kind: str = "text/csv") -> str:
    """Ask the endpoint."""
    answered = stack.target.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint_of(NAME), Body=body.encode(), ContentType=kind
    )
    return str(answered["Body"].read().decode())


def features(stack: Stack, run: Any) -> list[str]:
    """Return the rows of features that a run's preprocess job wrote, sorted."""
    bucket = stack.target.output("ArtifactsBucketName")
    found = []
    for folder in ("train", "validation", "holdout/features"):
        prefix = f"runs/{run['run_id']}/preprocess/{folder}/"
        for item in stack.target.s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]:
            body = stack.target.s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
            found += body.decode().split()
    return sorted(found)


def test_a_drop_of_cars_becomes_an_endpoint_and_a_changed_preprocessor_needs_no_training(
    cars: Stack, tmp_path: Path
) -> None:
    """One drop is one run of all jobs; a second run only changes what is in front of XGBoost.

    A batch transform of all cars gives the endpoint's answers, row for row. In the second run Spark
    does on Glue what scikit-learn did: the same features, and so the same answers.
    """
    cars.drop(NAME, DATA)
    run = cars.ended_run(NAME, 1, PATIENCE_SECONDS)
    assert run["status"] == "DEPLOYED", run["reason"]
    assert run["metrics"].keys() >= {"accuracy", "macro_f1", "recall_vgood", "recall_good"}
    assert run["metrics"]["accuracy"] >= 0.97
    assert ask(cars, VGOOD).strip() == "vgood"
    rows = "".join(f"{line.rpartition(',')[0]}\n" for line in DATA.split())
    labels = ask(cars, rows).split()
    told = [line.rpartition(",")[2] for line in DATA.split()]
    assert sum(a == b for a, b in zip(labels, told, strict=True)) >= 0.99 * len(told)
    lines = "".join(f"{json.dumps(row.split(','))}\n" for row in (VGOOD, UNKNOWN, VGOOD))
    first, second, third = map(json.loads, ask(cars, lines, "application/jsonlines").splitlines())
    assert first == third == "vgood"
    assert second == {"error": "row 2, column maint is 'huge'; known are high, low, med, vhigh"}
    runtime = cars.target.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError, match="row 1, column maint is 'huge'"):
        ask(cars, UNKNOWN)

    file = tmp_path / "cars.csv"
    file.write_text(rows, "utf-8")
    transformed = transform(cars.target, NAME, file, None, Wish(), PATIENCE_SECONDS)
    answers = transformed.files[0].read_text("utf-8").splitlines()
    assert answers == [f"{row},{label}" for row, label in zip(rows.split(), labels, strict=True)]

    sagemaker = cars.target.client("sagemaker")
    name = f"{run['run_id'].replace('_', '-')}-train-1"
    job = sagemaker.describe_training_job(TrainingJobName=name)
    assert job["HyperParameters"]["num_class"] == "4"
    file = cars.project.pipelines / NAME / "pipeline.yaml"
    config = yaml.safe_load(file.read_text("utf-8"))
    config["preprocess"] |= {"engine": "spark", "compute": "glue"}
    config["preprocess"]["arguments"][-1] = "ignore"
    file.write_text(yaml.safe_dump(config), "utf-8")
    publish(cars.project, cars.target, [NAME])
    cars.drop(NAME, DATA.replace("\n", "\r\n"))
    changed = cars.ended_run(NAME, 2, PATIENCE_SECONDS)
    assert changed["status"] == "DEPLOYED", changed["reason"]
    assert [step["name"] for step in changed["steps"]].count("Train") == 0
    assert "PrepareOnGlue" in [step["name"] for step in changed["steps"]]
    assert features(cars, changed) == features(cars, run)
    assert len(features(cars, run)) == len(told)
    assert ask(cars, UNKNOWN).strip() in {"acc", "good", "unacc", "vgood"}
    assert ask(cars, rows).split() == labels
