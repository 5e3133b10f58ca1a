"""Stopping a run, and messages that the trigger could not handle."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from dropforge_core.records import Run

from .stack import Stack
from .test_cases import eventually
from .tool import Tool

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def tool(stack: Stack) -> Tool:
    """The command line, for the stack that all tests here share."""
    return Tool(stack.project.root, stack.project.state)


def hanging(stack: Stack, name: str, step: str = "train") -> Run:
    """Start a run of which a job never ends; return it once that job runs."""
    stack.publish(name, **{step: "hang"})
    stack.drop(name, "1,2\n")
    run: Run
    (run,) = eventually(lambda: stack.started(name))
    job = f"{name.replace('_', '-')}-"
    eventually(lambda: [one for one in jobs(stack, step, "InProgress") if one.startswith(job)])
    return run


def jobs(stack: Stack, step: str, status: str) -> list[str]:
    """List the names of the jobs of a step that have this status."""
    sagemaker: Any = stack.target.client("sagemaker")
    if step == "train":
        found = sagemaker.list_training_jobs(StatusEquals=status)["TrainingJobSummaries"]
        return [job["TrainingJobName"] for job in found]
    found = sagemaker.list_processing_jobs(StatusEquals=status)["ProcessingJobSummaries"]
    return [job["ProcessingJobName"] for job in found]


@pytest.mark.parametrize("step", ["preprocess", "train"])
def test_a_stopped_run_is_failed_and_the_next_drop_runs(
    stack: Stack, tool: Tool, step: str
) -> None:
    """Its execution and its job end, people are told once who and why, the pipeline is free."""
    name = f"stopped_{step}"
    run = hanging(stack, name, step)
    told = tool.document("stop", run.run_id, "--comment", "Wrong <data>.")
    assert (told["status"], told["reason"]) == ("FAILED", "A person stopped it: Wrong <data>.")
    described = stack.target.stepfunctions.describe_execution(executionArn=run.execution)
    assert described["status"] == "ABORTED"
    job = f"{name.replace('_', '-')}-"
    eventually(lambda: [one for one in jobs(stack, step, "Stopped") if one.startswith(job)])
    (message,) = eventually(lambda: stack.slack_about(run.run_id))
    assert "A person stopped it: Wrong &lt;data&gt;" in json.dumps(message)
    assert stack.target.ledger.lock(name) is None
    again = tool("stop", run.run_id)
    assert again.returncode == 2
    assert "it ended FAILED" in again.stderr
    stack.publish(name)
    assert stack.run(name, "3,4\n", count=2)["status"] == "DEPLOYED"


def test_data_that_came_meanwhile_runs_at_once(stack: Stack, tool: Tool) -> None:
    """Stopping a run is no reason to keep others waiting."""
    run = hanging(stack, "stopped_busy")
    stack.publish("stopped_busy")
    stack.drop("stopped_busy", "3,4\n", "more.csv")
    eventually(lambda: stack.target.ledger.arrivals("stopped_busy")[1:])
    assert tool.document("stop", run.run_id)["reason"] == "A person stopped it."
    assert stack.ended_run("stopped_busy", count=2)["status"] == "DEPLOYED"


def test_what_cannot_be_stopped(stack: Stack, tool: Tool) -> None:
    """A run that waits is turned down; an endpoint that changes goes on changing; exit 2 and 1."""
    stack.publish("unstoppable", approval="manual")
    stack.drop("unstoppable", "1,2\n")
    waiting = stack.waiting_run("unstoppable")
    done = tool("stop", waiting.run_id)
    assert done.returncode == 2
    assert f"dropforge approve {waiting.run_id} --reject" in done.stderr
    assert tool("approve", waiting.run_id, "--reject").returncode == 0
    stack.ended_run("unstoppable")

    stack.publish("unstoppable", serve="slow")
    stack.force("unstoppable", next="Failed", seconds=8)
    stack.drop("unstoppable", "3,4\n")
    (run,) = eventually(lambda: stack.started("unstoppable"))
    eventually(lambda: [True] if endpoint_exists(stack, "dropforge-unstoppable") else [])
    done = tool("stop", run.run_id)
    assert done.returncode == 1
    assert "dropforge rollback unstoppable" in done.stderr
    assert stack.ended_run("unstoppable", count=2)["status"] != "DEPLOYED"


def endpoint_exists(stack: Stack, name: str) -> bool:
    """Say whether there is an endpoint of this name."""
    try:
        stack.target.client("sagemaker").describe_endpoint(EndpointName=name)
    except ClientError:
        return False
    return True


def test_dead_letters_are_listed_and_tried_again(stack: Stack, tool: Tool) -> None:
    """What the trigger can read comes through; what it never can stays, and says why."""
    sqs = stack.target.client("sqs")
    dead = stack.target.output("IncomingDeadLettersUrl")
    purge(stack, dead)
    stack.publish("buried")
    stack.drop("buried", "1,2\n")
    first = stack.ended_run("buried")
    stack.drop("buried", "3,4\n", "lost.csv")
    event = told_of(stack, "buried", "lost.csv")
    stack.ended_run("buried", count=2)
    # As if the trigger had never recorded the second one, and given up on its message.
    forget(stack, "buried", "lost.csv")
    sqs.send_message(QueueUrl=dead, MessageBody=json.dumps(event))
    sqs.send_message(QueueUrl=dead, MessageBody="no JSON")
    for _ in range(2):  # looking changes nothing
        listed = tool.document("dead-letters")
        assert [(one["what"], one["readable"]) for one in listed] == [
            ("incoming/buried/lost.csv", True),
            ("no JSON", False),
        ]
    assert "its log says why" in listed[0]["reason"]
    assert listed[1]["reason"] == "The message is not JSON."
    done = tool.document("dead-letters", "--redrive")
    assert [one["redriven"] for one in done] == [True, False]
    eventually(
        lambda: [
            one
            for one in stack.target.ledger.arrivals("buried")
            if one.key.endswith("lost.csv") and one.status != "WAITING"
        ]
    )
    assert [one["what"] for one in tool.document("dead-letters")] == ["no JSON"]
    purge(stack, dead)
    assert tool.document("dead-letters") == []
    assert first["status"] == "DEPLOYED"


def told_of(stack: Stack, name: str, key: str) -> dict[str, Any]:
    """Return an event as S3's of this object."""
    bucket = stack.target.output("DataBucketName")
    key = f"incoming/{name}/{key}"
    head = stack.target.s3.head_object(Bucket=bucket, Key=key)
    return {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "detail": {
            "bucket": {"name": bucket},
            "object": {
                "key": key,
                "size": head["ContentLength"],
                "etag": head["ETag"].strip('"'),
                "version-id": head["VersionId"],
                "sequencer": "FF" * 9,
            },
        },
    }


def forget(stack: Stack, name: str, key: str) -> None:
    """Take an arrival out of the ledger, as if its message had never been handled."""
    dynamodb = stack.target.client("dynamodb")
    table = stack.target.output("LedgerTableName")
    for item in dynamodb.scan(TableName=table)["Items"]:
        if item.get("key", {}).get("S") == f"incoming/{name}/{key}":
            dynamodb.delete_item(TableName=table, Key={part: item[part] for part in ("pk", "sk")})


def purge(stack: Stack, queue: str) -> None:
    """Empty a queue."""
    sqs = stack.target.client("sqs")
    while found := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for one in found:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])


def test_every_arrival_has_a_fate_and_says_why(stack: Stack, tool: Tool) -> None:
    """Used, replaced, the same again, empty, gone before its run, in a run, and waiting for one."""
    stack.publish("fates", train="hang")
    bucket = stack.target.output("DataBucketName")
    stack.drop("fates", "1,2\n", "used.csv")
    (run,) = eventually(lambda: stack.started("fates"))
    for content, key in (
        ("old\n", "replaced.csv"),
        ("new\n", "replaced.csv"),
        ("", "empty.csv"),
        ("gone\n", "gone.csv"),
    ):
        stack.drop("fates", content, key)
    eventually(lambda: stack.target.ledger.arrivals("fates")[4:])
    stack.target.s3.delete_object(Bucket=bucket, Key="incoming/fates/gone.csv")
    told = fates(tool)
    assert told["used.csv"] == [("IN_RUN", run.run_id)]
    assert told["replaced.csv"] == [("WAITING", ""), ("WAITING", "")]
    assert told["empty.csv"] == [("IGNORED", "")]

    stack.publish("fates")
    assert tool("stop", run.run_id).returncode == 0
    second = stack.ended_run("fates", count=2)
    stack.drop("fates", "new\n", "again.csv")
    third = stack.ended_run("fates", count=3)
    assert (second["status"], third["status"]) == ("DEPLOYED", "SKIPPED")
    assert fates(tool) == {
        "used.csv": [("USED", run.run_id)],
        "replaced.csv": [("SKIPPED", second["run_id"]), ("USED", second["run_id"])],
        "empty.csv": [("IGNORED", "")],
        "gone.csv": [("IGNORED", "")],
        "again.csv": [("SKIPPED", third["run_id"])],
    }
    for one in tool.document("data", "fates"):
        assert one["reason"] or one["status"] == "USED"


def fates(tool: Tool) -> dict[str, list[tuple[str, str]]]:
    """Tell status and run of each object version, by the object's name."""
    told: dict[str, list[tuple[str, str]]] = {}
    for one in tool.document("data", "fates"):
        fate = (one["status"], one["run_id"])
        told.setdefault(one["key"].rpartition("/")[2], []).append(fate)
    return told
