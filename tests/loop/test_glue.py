"""Pipelines that preprocess with AWS Glue: whole runs, whose script really runs."""

from typing import Any

import pytest

from .stack import Stack, endpoint_of
from .tool import Tool

pytestmark = pytest.mark.timeout(240)


def publish(stack: Stack, name: str, behaviour: str, **more: Any) -> None:
    """Publish a pipeline whose preprocess script is run by Glue."""
    on_glue = {
        "script": "on_glue.py",
        "arguments": ["--behaviour", behaviour],
        "compute": "glue",
        "engine": "spark",
        "glue": {"workers": 3},
    }
    stack.publish(name, preprocessing=on_glue, **more)


def test_a_run_that_preprocesses_on_glue(stack: Stack) -> None:
    """The script finds the data by its arguments; what it tells reaches training and people."""
    publish(stack, "glue", "ok")
    run = stack.run("glue")
    assert run["status"] == "DEPLOYED", run["reason"]
    assert stack.answer("glue") == "1"
    assert run["data"]["rows"] == 1
    [preprocess, *_] = run["jobs"]
    assert (preprocess["step"], preprocess["instance_type"]) == ("Preprocess", "G.1X")
    steps = [step["name"] for step in run["steps"]]
    assert "PrepareOnGlue" in steps
    assert "Prepare" not in steps
    job = f"{endpoint_of('glue')}-preprocess"
    glue, sagemaker = stack.target.client("glue"), stack.target.client("sagemaker")
    [done] = glue.get_job_runs(JobName=job)["JobRuns"]
    assert (done["JobRunState"], done["NumberOfWorkers"]) == ("SUCCEEDED", 3)
    assert done["Arguments"]["--engine"] == "spark"
    training = sagemaker.describe_training_job(TrainingJobName=f"{run['run_id']}-train-1")
    assert training["HyperParameters"]["found"] == "spark"


def test_what_glue_could_not_use_skips_the_run(stack: Stack) -> None:
    """The script says so, as under SageMaker."""
    publish(stack, "glue_skips", "skip")
    run = stack.run("glue_skips")
    assert (run["status"], run["reason"]) == ("SKIPPED", "Nothing new.")


def test_a_script_that_fails_on_glue_fails_the_run(stack: Stack, tool: Tool) -> None:
    """Its last words are the reason; a new version is published, and destroying takes the job."""
    publish(stack, "glue_fails", "fail")
    run = stack.run("glue_fails")
    assert run["status"] == "FAILED"
    assert "The data is of no use." in run["reason"]
    told = tool.document("logs", "glue_fails", "--step", "preprocess")
    assert [line["message"] for line in told] == ["The data is of no use."] * 2, "Glue and script"
    assert {line["stream"][:3] for line in told} == {"jr_"}
    publish(stack, "glue_fails", "ok")
    assert stack.run("glue_fails", "3,4\n", count=2)["status"] == "DEPLOYED"
    deleted = tool.document("destroy", "glue_fails", "--yes")["deleted"]
    assert f"Glue job {endpoint_of('glue_fails')}-preprocess" in deleted


@pytest.fixture
def tool(stack: Stack) -> Tool:
    """The command line, for the stack that all tests here share."""
    return Tool(stack.project.root, stack.project.state)
