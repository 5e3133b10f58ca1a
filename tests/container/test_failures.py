"""What goes wrong with containers is told in run and Slack, and leaves the endpoint alone."""

import json
import subprocess
from typing import Any

import pytest

from dropforge import image
from tests.loop.stack import endpoint_of

from .engine import docker
from .stack import Contained, mounted_small

pytestmark = pytest.mark.timeout(400)


def served(stack: Contained, name: str) -> None:
    """Deploy a model that answers 1."""
    stack.publish(name, answer="1")
    assert stack.run(name)["status"] == "DEPLOYED"
    assert stack.answer(name) == "1"


def failed(stack: Contained, name: str, status: str, *says: str) -> dict[str, Any]:
    """Drop more; the run fails, run and Slack say why, and the endpoint is untouched."""
    before = endpoint(stack, name)
    run = stack.run(name, "3,4\n", count=2)
    assert run["status"] == status, run["reason"]
    [message] = stack.slack_about(run["run_id"])
    for words in says:
        assert words in run["reason"]
        assert words in json.dumps(message, ensure_ascii=False).replace('\\"', '"')
    assert stack.answer(name) == "1"
    assert endpoint(stack, name) == before
    return run


def endpoint(stack: Contained, name: str) -> tuple[str, str]:
    """Return the config and the status of a pipeline's endpoint."""
    described = stack.target.client("sagemaker").describe_endpoint(EndpointName=endpoint_of(name))
    return described["EndpointConfigName"], described["EndpointStatus"]


def test_no_image(stack: Contained, python_base: str) -> None:
    """The message names the image, what it was looked for as, and the table."""
    served(stack, "no_image")
    name = image.build(stack.project, "quick", python_base, None).name
    stack.publish("no_image", answer="2")
    [identity] = docker("image", "ls", "--quiet", name).split()
    docker("tag", identity, "dropforge-stand-in/kept:1")
    docker("image", "rm", name)
    try:
        failed(stack, "no_image", "FAILED", "not found", name, "state/images")
    finally:
        docker("tag", "dropforge-stand-in/kept:1", name)


def test_no_image_at_publish(stack: Contained) -> None:
    """Said before anything starts, with the command that makes it."""
    (stack.project.containers / "deaf/more").write_text("another tag")
    with pytest.raises(Exception, match="dropforge image build deaf"):
        stack.publish("never_built", serving={"image": "deaf", "instance": {"count": 1}})
    (stack.project.containers / "deaf/more").unlink()


def test_no_engine(stack: Contained) -> None:
    """It went away after the endpoint was made."""
    served(stack, "no_engine")
    stack.publish("no_engine", answer="2")
    with stack.without_engine():
        failed(stack, "no_engine", "FAILED", "container engine", "Cannot connect")


def test_full_disk(stack: Contained) -> None:
    """The job's own file system is full."""
    served(stack, "full_disk")
    stack.publish("full_disk", answer="2")
    folder = stack.project.state / "jobs/ProcessingJobs"
    mounted_small(folder)
    try:
        (folder / "full").write_bytes(b"x" * 60_000)
        failed(stack, "full_disk", "FAILED", "No space left on device")
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_an_image_without_serve(stack: Contained) -> None:
    """The endpoint's update fails before anything listens."""
    served(stack, "mute")
    stack.publish("mute", serving={"image": "mute", "instance": {"count": 1}})
    failed(stack, "mute", "ROLLED_BACK", '"serve"')


def test_a_serve_that_never_answers_ping(stack: Contained) -> None:
    """The update is given up when its time is over."""
    served(stack, "deaf")
    stack.publish("deaf", serving={"image": "deaf", "instance": {"count": 1}})
    failed(stack, "deaf", "ROLLED_BACK", "did not pass the ping health check")


def test_a_job_that_runs_out_of_memory(stack: Contained) -> None:
    """It gets what its instance type has, and is killed when it takes more."""
    served(stack, "hungry")
    stack.publish("hungry", train="eat", timeout_seconds=200, machine={"type": "ml.t3.medium"})
    failed(stack, "hungry", "FAILED", "exit code: 137")
