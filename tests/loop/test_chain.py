"""A model of several containers: made in one run, known, brought back and taken over as one."""

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
