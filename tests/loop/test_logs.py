"""What jobs and containers print, in CloudWatch Logs, and read from there by command."""

import signal
from typing import Any

import pytest

from .stack import Stack, endpoint_of
from .test_cases import eventually
from .test_chain import containers
from .tool import Tool

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def tool(stack: Stack) -> Tool:
    """The command line, for the stack that all tests here share."""
    return Tool(stack.project.root, stack.project.state)


def test_logs_of_a_run_and_its_endpoint(stack: Stack, tool: Tool) -> None:
    """By step, and by container, under SageMaker's own names of groups and streams."""
    stack.publish("logs", models=["before=a", "after=c"], answer="b", serving=containers())
    run = stack.run("logs")
    assert run["status"] == "DEPLOYED", run["reason"]

    def read(*arguments: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = tool.document("logs", "logs", *arguments)
        return found

    told = read("--step", "train")
    assert [line["message"] for line in told] == ["loss=0.5;", "loss=0.25;"]
    job = f"{run['run_id']}-train-1"
    assert told[0]["stream"].startswith(f"{job}/algo-1-")
    assert read("--run", run["run_id"])[-2:] == told, "there is only training that prints"
    groups = stack.target.client("logs").describe_log_groups(
        logGroupNamePrefix=f"/aws/sagemaker/Endpoints/{endpoint_of('logs')}"
    )["logGroups"]
    assert len(groups) == 1

    def all_three() -> list[str]:
        streams = {line["stream"] for line in read()}
        return sorted(streams) if len(streams) == 3 else []

    eventually(all_three)
    variant, instance, name = read()[0]["stream"].split("/")
    assert (variant, instance[:2]) == ("AllTraffic", "i-")
    assert name in {"before", "model", "after"}
    [line] = read("--container", "model")
    assert line["stream"].endswith("/model")
    assert line["message"] == "serving b"


def test_what_comes_is_followed(stack: Stack, tool: Tool) -> None:
    """A reader of a pipe gets each line as it comes, of containers started meanwhile too."""
    stack.publish("log_followed", answer="old")
    assert stack.run("log_followed")["status"] == "DEPLOYED"
    with tool.start("logs", "log_followed", "--follow") as following:
        assert following.stdout
        try:
            assert following.stdout.readline().endswith(": serving old\n")
            stack.publish("log_followed", answer="new")
            assert stack.run("log_followed", "3,4\n", count=2)["status"] == "DEPLOYED"
            assert following.stdout.readline().endswith(": serving new\n")
        finally:
            following.send_signal(signal.SIGINT)
        out, err = following.communicate(timeout=30)
    assert (following.returncode, out, err) == (130, "", "")


def test_what_has_no_logs(stack: Stack, tool: Tool) -> None:
    """One line says what is wrong."""
    stack.publish("nothing_logged")
    for arguments, status, problem in (
        (["none"], 2, "No pipeline 'none'"),
        (
            ["nothing_logged"],
            1,
            f"Nothing was logged there: /aws/sagemaker/Endpoints/{endpoint_of('nothing_logged')}",
        ),
        (["nothing_logged", "--step", "Deploy"], 2, "is none of Preprocess, Train"),
        (["nothing_logged", "--step", "Train"], 2, "has no runs yet"),
        (
            ["nothing_logged", "--run", "nothing_logged-20261121t052011-1a2b3c4d"],
            2,
            "nothing_logged-20261121t052011",
        ),
        (["nothing_logged", "--follow", "--json"], 2, "has no document"),
    ):
        done = tool("logs", *arguments)
        assert done.returncode == status, done.stderr
        assert problem in done.stderr
