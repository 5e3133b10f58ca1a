"""Objects that are replaced or deleted between a run's manifest and its preprocess job."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from dropforge.logs import sources

from .fault_book import until
from .stack import Stack
from .test_data import read_by
from .test_glue import publish as publish_on_glue
from .test_redrive import jobs
from .tool import Tool

pytestmark = pytest.mark.timeout(240)
HELD_SECONDS = 3
AGAIN = ["Preprocess", "RestoreInputs", "Preprocess"]


def drop_then(
    stack: Stack,
    name: str,
    change: Callable[[], Any],
    call: tuple[str, str] = ("sagemaker", "CreateProcessingJob"),
) -> None:
    """Drop an object, and change the bucket while the call that makes the job is held."""
    service, operation = call
    match = name.replace("_", "-")
    stack.strike(
        service=service, operation=operation, by="states", match=match, seconds=HELD_SECONDS
    )
    stack.drop(name, "1,2\n")
    until(lambda: operation not in json.dumps(stack.faults()))
    change()


def delete(stack: Stack, name: str) -> None:
    """Delete the object as people do: its versions stay."""
    bucket = stack.target.output("DataBucketName")
    stack.target.s3.delete_object(Bucket=bucket, Key=f"incoming/{name}/data.csv")


def destroy(stack: Stack, name: str) -> None:
    """Delete the very version that arrived: nobody can read it any more."""
    key = f"incoming/{name}/data.csv"
    (arrival,) = [one for one in stack.target.ledger.arrivals(name) if one.key == key]
    stack.target.s3.delete_object(
        Bucket=stack.target.output("DataBucketName"), Key=key, VersionId=arrival.version_id
    )


def preparing(run: dict[str, Any]) -> list[str]:
    """List what a run did to preprocess, in order."""
    return [one["name"] for one in run["steps"] if one["name"] in set(AGAIN)]


def test_a_replaced_object_is_read_as_it_was(stack: Stack) -> None:
    """DEPLOYED from the listed version, and says so; the newer one gets its follow-up."""
    name = "changed"
    stack.publish(name)
    drop_then(stack, name, lambda: stack.drop(name, "3,4,5\n"))
    stack.ended_run(name, count=2)
    follow_up, first = stack.target.ledger.runs(name)
    assert (first.status, first.data["restored"]) == ("DEPLOYED", 1)
    assert (follow_up.status, "restored" in follow_up.data) == ("DEPLOYED", False)
    assert read_by(stack, {"run_id": first.run_id}) == {"data.csv": b"1,2\n"}
    assert read_by(stack, {"run_id": follow_up.run_id}) == {"data.csv": b"3,4,5\n"}
    steps = [(one["name"], one["status"]) for one in first.steps if one["name"] in set(AGAIN)]
    assert steps == list(zip(AGAIN, ("FAILED", "SUCCEEDED", "SUCCEEDED"), strict=True))
    assert jobs(stack, first.run_id) == {"preprocess-1", "preprocess-1-2", "train-1", "evaluate-1"}
    found = sources(stack.target, name, first.run_id, "preprocess", None)
    streams = [one.prefix.removeprefix(first.run_id) for one in found]
    assert streams == ["-preprocess-1/", "-preprocess-1-2/", "-preprocess-1-3/"]
    (message,) = stack.slack_about(first.run_id)
    assert "1 object replaced or deleted, read from copies" in json.dumps(message)
    (message,) = stack.slack_about(follow_up.run_id)
    assert "replaced or deleted" not in json.dumps(message)
    fates = {one.run_id: one.status for one in stack.target.ledger.arrivals(name)}
    assert fates == {first.run_id: "USED", follow_up.run_id: "USED"}


def test_a_deleted_object_is_read_and_a_redrive_finds_what_came_of_it(
    stack: Stack, tool: Tool
) -> None:
    """The second try's job counts as done; `show` says how it came by its data."""
    name = "changed_deleted"
    stack.publish(name)
    stack.fault("sagemaker", "CreateTrainingJob", "AccessDeniedException", times=50)
    drop_then(stack, name, lambda: delete(stack, name))
    failed = stack.ended_run(name)
    stack.clear_faults()
    assert (failed["status"], preparing(failed)) == ("FAILED", AGAIN)
    assert failed["reason"].startswith("Train failed with"), failed["reason"]
    assert tool.document("redrive", failed["run_id"])["skipped_steps"] == ["Preprocess"]
    run = stack.ended_run(name)
    assert (run["status"], run["attempt"], run["data"]["restored"]) == ("DEPLOYED", 2, 1)
    assert read_by(stack, run) == {"data.csv": b"1,2\n"}
    shown = tool("show", run["run_id"]).stdout
    assert "1 object replaced or deleted, read from copies" in " ".join(shown.split())


def test_a_version_that_is_gone_is_left_out(stack: Stack) -> None:
    """The run goes on with the rest; the arrival is IGNORED, and says why."""
    name = "changed_gone"
    stack.publish(name)
    stack.drop(name, "3,4\n", "rest.csv")
    stack.ended_run(name)
    drop_then(stack, name, lambda: destroy(stack, name))
    run = stack.ended_run(name, count=2)
    assert (run["status"], run["data"]["objects"], run["data"]["lost"]) == ("DEPLOYED", 1, 1)
    assert read_by(stack, run) == {"rest.csv": b"3,4\n"}
    arrivals = {one.key.rpartition("/")[2]: one for one in stack.target.ledger.arrivals(name)}
    gone = arrivals["data.csv"]
    assert (gone.status, arrivals["rest.csv"].status) == ("IGNORED", "USED")
    assert "no longer had this version" in gone.reason
    (message,) = stack.slack_about(run["run_id"])
    assert "1 object gone, left out" in json.dumps(message)


def test_nothing_is_left(stack: Stack) -> None:
    """FAILED, with a reason that says it; the same bytes have a run when they come again."""
    name = "changed_all_gone"
    stack.publish(name)
    drop_then(stack, name, lambda: destroy(stack, name))
    run = stack.ended_run(name)
    assert run["status"] == "FAILED"
    assert "Nothing of the data that the run was to read is left in the bucket" in run["reason"]
    (arrival,) = stack.target.ledger.arrivals(name)
    assert (arrival.status, jobs(stack, run["run_id"])) == ("IGNORED", {"preprocess-1"})
    assert stack.run(name, count=2)["status"] == "DEPLOYED"


def test_another_reason_fails_the_run_at_once(stack: Stack) -> None:
    """Nothing has changed in the bucket: one job, and the reason is the job's own."""
    name = "changed_not"
    stack.publish(name, preprocess="fail")
    run = stack.run(name)
    assert run["status"] == "FAILED"
    assert run["reason"].startswith("Prepare (processing job changed-not-2")
    assert "The data is of no use." in run["reason"]
    assert preparing(run) == ["Preprocess", "RestoreInputs"]
    assert jobs(stack, run["run_id"]) == {"preprocess-1"}


def test_the_same_on_glue(stack: Stack) -> None:
    """The nested machine is started again, under a name of its own."""
    name = "changed_on_glue"
    publish_on_glue(stack, name, "ok")
    drop_then(stack, name, lambda: delete(stack, name), ("glue", "StartJobRun"))
    run = stack.ended_run(name)
    assert (run["status"], run["data"]["restored"]) == ("DEPLOYED", 1), run["reason"]
    assert list(read_by(stack, run).values()) == [b"1,2\n"]
    steps = [one["name"] for one in run["steps"]]
    assert (steps.count("PrepareOnGlue"), steps.count("RestoreInputs")) == (2, 1)


@pytest.fixture
def tool(stack: Stack) -> Tool:
    """The command line, for the stack that all tests here share."""
    return Tool(stack.project.root, stack.project.state)
