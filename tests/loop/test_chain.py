"""A model of several containers: made in one run, known, brought back and taken over as one."""

from pathlib import Path
from typing import Any

import pytest

from .stack import Stack
from .test_rollback import name_of
from .tool import Tool

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def tool(stack: Stack) -> Tool:
    """The command line, for the stack that all tests here share."""
    return Tool(stack.project.root, stack.project.state)


def containers(*, mode: str = "serial") -> dict[str, Any]:
    """Return a section `serve` of three containers, of which each adds what its model says."""
    names = {"before": "preprocess/before", "model": "train", "after": "preprocess/after"}
    return {
        "mode": mode,
        "environment": {},
        "containers": [
            {
                "name": name,
                "image": "quick",
                "model": model,
                "environment": {"BEHAVIOUR": "append"},
            }
            for name, model in names.items()
        ],
    }


def publish(stack: Stack, name: str, before: str, **behaviour: Any) -> None:
    """Publish a pipeline whose preprocess job makes the first and the last model."""
    told = {"models": [f"before={before}", "after=c"], "serving": containers()} | behaviour
    stack.publish(name, answer="b", **told)


def artifacts(stack: Stack, run: dict[str, Any]) -> dict[str, str]:
    """Return what each container of a run's SageMaker model serves, below `runs/<run id>/`."""
    model = stack.target.client("sagemaker").describe_model(ModelName=name_of(run))
    assert model["InferenceExecutionConfig"] == {"Mode": "Serial"}
    return {
        one["ContainerHostname"]: one["ModelDataUrl"].partition("/runs/")[2]
        for one in model["Containers"]
    }


def test_a_request_passes_all_containers(stack: Stack) -> None:
    """Each serves its own artifact; the model package says so too."""
    publish(stack, "chain", "a")
    run = stack.run("chain")
    assert run["status"] == "DEPLOYED", run["reason"]
    assert stack.answer("chain") == "1,2|a|b|c"
    found = artifacts(stack, run)
    job = f"{run['run_id']}-train-1"
    assert found == {
        "before": f"{run['run_id']}/preprocess/models/before/model.tar.gz",
        "model": f"{run['run_id']}/train/{job}/output/model.tar.gz",
        "after": f"{run['run_id']}/preprocess/models/after/model.tar.gz",
    }
    package = stack.target.client("sagemaker").describe_model_package(
        ModelPackageName=run["model_package"]
    )
    assert {
        one["ContainerHostname"]: one["ModelDataUrl"].partition("/runs/")[2]
        for one in package["InferenceSpecification"]["Containers"]
    } == found
    training = stack.target.client("sagemaker").describe_training_job(TrainingJobName=job)
    assert training["HyperParameters"]["found"] == "4", "what preprocess found is not handed on"


def test_a_changed_preprocessor_needs_no_training(stack: Stack, tool: Tool) -> None:
    """What was trained on the same bytes serves on behind it, also once it was brought back."""
    publish(stack, "reuse", "a", training={"reuse": True})
    first = stack.run("reuse")
    assert stack.answer("reuse") == "1,2|a|b|c"

    publish(stack, "reuse", "A", training={"reuse": True})
    second = stack.run("reuse", "3,4\n", count=2)
    assert second["status"] == "DEPLOYED", second["reason"]
    assert stack.answer("reuse") == "1,2|A|b|c"
    assert "Train" in {step["name"] for step in first["steps"]}
    assert "Train" not in {step["name"] for step in second["steps"]}
    found = artifacts(stack, second)
    assert found["model"] == artifacts(stack, first)["model"]
    assert found["before"].startswith(second["run_id"])

    # Whatever decides the training makes a new one: here a hyperparameter.
    publish(stack, "reuse", "A", training={"reuse": True, "hyperparameters": MORE})
    third = stack.run("reuse", "5,6\n", count=3)
    assert third["status"] == "DEPLOYED", third["reason"]
    assert artifacts(stack, third)["model"].startswith(third["run_id"])

    back = tool.document("rollback", "reuse", "--to", second["run_id"])
    assert back["status"] == "DEPLOYED", back["reason"]
    assert artifacts(stack, back) == found
    assert stack.answer("reuse") == "1,2|A|b|c"


MORE = {"behaviour": "ok", "answer": "b", "more": "1"}


def test_a_file_is_transformed_row_by_row(stack: Stack, tool: Tool, tmp_path: Path) -> None:
    """The endpoint's very answers, each behind its row, without and with the rows."""
    publish(stack, "batch", "a")
    stack.run("batch")
    rows = [f"{number},{number % 7}" for number in range(500)]
    file = tmp_path / "rows.csv"
    file.write_text("\n".join(rows) + "\n")
    done = tool.document("transform", "batch", str(file))
    assert done["files"] == [f"{file}.out"]
    answered = Path(done["files"][0]).read_text().splitlines()
    assert answered == [f"{row},{row}|a|b|c" for row in rows]
    assert stack.answer("batch") == "1,2|a|b|c"
    alone = tmp_path / "deep/alone.csv"
    tool.document("transform", "batch", str(file), "--out", str(alone), "--no-join")
    assert alone.read_text().splitlines() == [f"{row}|a|b|c" for row in rows]


def test_what_cannot_be_transformed(stack: Stack, tool: Tool, tmp_path: Path) -> None:
    """One line says what and why."""
    stack.publish("still")
    for name in ("rows.csv", "rows.txt"):
        (tmp_path / name).write_text("1,2\n")
    for pipeline, file, status, problem in (
        ("none", "rows.csv", 2, "No pipeline 'none' is published"),
        ("still", "missing.csv", 2, "there is no such file or folder"),
        ("still", "rows.txt", 2, "must end in one of .csv, .json, .jsonl"),
        ("still", "rows.csv", 1, "has no endpoint dropforge-still yet"),
    ):
        done = tool("transform", pipeline, str(tmp_path / file))
        assert done.returncode == status, done.stderr
        assert problem in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_a_run_ends_with_a_transform(stack: Stack) -> None:
    """Of what lies in the pipeline's batch folder; and a batch that is bad undoes nothing."""
    bucket, after = stack.target.output("DataBucketName"), {"transform": {"join": False}}
    artifacts = stack.target.output("ArtifactsBucketName")
    stack.target.s3.put_object(Bucket=bucket, Key="batch/after/x.csv", Body=b"1,2\n3,4\n")
    publish(stack, "after", "a", after_deploy=after)
    run = stack.run("after")
    assert run["status"] == "DEPLOYED", run["reason"]
    place = f"runs/{run['run_id']}/transform"
    assert run["reason"].endswith(f"into s3://{artifacts}/{place}.")
    found = stack.target.s3.get_object(Bucket=artifacts, Key=f"{place}/x.csv.out")["Body"].read()
    assert found == b"1,2|a|b|c\n3,4|a|b|c\n"
    assert run["billed_transitions"] <= 31

    stack.target.s3.delete_object(Bucket=bucket, Key="batch/after/x.csv")
    run = stack.run("after", "5,6\n", count=2)
    assert run["status"] == "DEPLOYED"
    assert "The batch transform failed: SageMaker." in run["reason"]
