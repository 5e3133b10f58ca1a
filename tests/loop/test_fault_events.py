"""Faults on the way from an object to its run: nothing is lost, nothing is used twice."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from .conftest import PublishIris
from .fault_book import Fault, Outcome, impatient_queue, observe, quiet, until
from .stack import Stack
from .test_quarantine import OTHER_COLUMNS, drop_together, fates, put

FOREVER = 50
BURST = 60
DENIED = "AccessDeniedException"
NOTHING = Outcome(runs=(), executions=0, objects=(), answer=None, told=0)
pytestmark = pytest.mark.timeout(240)


def incoming(name: str, file: str = "") -> str:
    """Return the key of a dropped file."""
    return f"incoming/{name}/{file}"


def event(bucket: str, key: str, **changes: Any) -> str:
    """Return the body of a message as EventBridge sends one of an object."""
    created = {"key": key, "size": 4, "etag": "0" * 32, "sequencer": "0A", "version-id": "v1"}
    document = {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "detail": {"bucket": {"name": bucket}, "object": created},
    }
    return json.dumps(document | changes)


def send(stack: Stack, *bodies: str) -> None:
    """Put messages into the trigger's queue."""
    sqs, url = stack.target.client("sqs"), stack.target.output("IncomingQueueUrl")
    for body in bodies:
        sqs.send_message(QueueUrl=url, MessageBody=body)


@pytest.mark.fault(1)
def test_an_event_is_told_several_times(stack: Stack, fault: Fault) -> None:
    """By EventBridge, by SQS again once it was handled; and StartExecution says it was done."""
    name = "f01_again"
    stack.publish(name)
    stack.strike(kind="event", source="aws.s3", match=incoming(name), then="duplicated", copies=2)
    stack.strike(kind="message", queue="Incoming", match=incoming(name), seconds=3)
    stack.strike(
        service="states",
        operation="StartExecution",
        by="StartRetraining",
        match=name,
        happens=True,
        code="ExecutionAlreadyExists",
    )
    stack.run(name)
    done = "The event came 3 x, its message again 3 s later; ExecutionAlreadyExists"
    fault.check(stack, name, done, Outcome())


@pytest.mark.fault(2)
def test_an_older_event_comes_last(stack: Stack, fault: Fault) -> None:
    """The key's newer version was used; the older one is noted, and starts nothing."""
    name = "f02_order"
    stack.publish(name)
    stack.strike(kind="event", source="aws.s3", match=incoming(name), then="delayed", seconds=6)
    stack.drop(name, "old\n")
    stack.drop(name, "new\n")
    stack.ended_run(name)
    until(lambda: len(stack.target.ledger.arrivals(name)) == 2)
    done = "The event of a key's first version came after its second was used"
    fault.check(stack, name, done, Outcome(objects=("SKIPPED", "USED")))
    older, newer = sorted(stack.target.ledger.arrivals(name), key=lambda one: one.sequencer)
    assert (older.status, newer.status) == ("SKIPPED", "USED")
    assert older.reason == "A newer version of the object replaced it."


@pytest.mark.fault(3)
def test_a_burst(stack: Stack, fault: Fault) -> None:
    """While a run goes, any number of objects is one follow-up; each of them is used."""
    name = "f03_burst"
    stack.publish(name)
    files = {f"{number}.csv": f"{number}\n".encode() for number in range(BURST)}
    drop_together(stack, name, files)
    stack.ended_run(name)
    done = f"{BURST} objects came one by one while the pipeline was busy"
    fault.check(stack, name, done, Outcome(objects=("USED",) * BURST))

    # A machine that is very busy may make a call time out: the batch comes again, as on AWS.
    with impatient_queue(stack, 15):
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda key: put(stack, name, f"more/{key}", b"x" + files[key]), files))
        quiet(stack)
    until(lambda: {one.status for one in stack.target.ledger.arrivals(name)} == {"USED"})
    seen = observe(stack, name)
    fault.note(
        f"{BURST} more came at once", f"all USED, by at most {BURST // 20} runs more", str(seen)
    )
    assert seen.objects == ("USED",) * BURST * 2
    assert set(seen.runs) == {"DEPLOYED"}
    assert len(seen.runs) - 1 <= BURST // 20


@pytest.mark.fault(4)
def test_runs_do_not_overlap(stack: Stack, fault: Fault) -> None:
    """What comes during a run waits for its end, and the newer model is the one that stays."""
    name = "f04_overlap"
    stack.publish(name)
    stack.strike(service="sagemaker", operation="CreateTrainingJob", by="states", seconds=4)
    stack.drop(name, "1\n", "first.csv")
    until(lambda: stack.started(name))
    stack.publish(name, answer="2")
    stack.drop(name, "2\n", "second.csv")
    stack.ended_run(name, count=2)
    expected = Outcome(
        runs=("DEPLOYED",) * 2, executions=2, objects=("USED",) * 2, answer="2", told=2
    )
    fault.check(stack, name, "Data and a newer version came while a run was training", expected)
    second, first = stack.target.ledger.runs(name)
    assert first.ended_at is not None
    assert first.ended_at <= second.started_at


@pytest.mark.fault(5)
def test_messages_that_are_no_drop(stack: Stack, fault: Fault) -> None:
    """They are refused before any call to AWS, and kept as dead letters."""
    name = "f05_malformed"
    stack.publish(name)
    bucket, key = stack.target.output("DataBucketName"), incoming(name, "a.csv")
    stack.strike(kind="function", function="StartRetraining", match=name, call=1)
    with impatient_queue(stack):
        send(
            stack,
            f'{{"{key}"',
            event("another-bucket", key),
            event(bucket, key, source="aws.s4"),
            event(bucket, key, time="yesterday"),
        )
        until(lambda: observe(stack, name).dead == 4)
    (call,) = stack.faults()
    assert call["kind"] == "function", "it made no call at which it could have been killed"
    stack.clear_faults()
    done = "No JSON, another's bucket, another source, no time"
    fault.check(stack, name, done, Outcome(**vars(NOTHING) | {"dead": 4}))


@pytest.mark.fault(6)
def test_hostile_keys(stack: Stack, fault: Fault) -> None:
    """Used as data or ignored with a reason; never a path, a name or a command."""
    name = "f06_hostile"
    stack.publish(name)
    longest = incoming(name, "é" * 127 + "/" + "x" * 250 + "/" + "y" * 250 + "/")
    good = [
        *("with spaces .csv", "north%2F..%2F1.csv", "süd 漢字 😀.csv", "$(touch pwned);rm -rf ~"),
        *("\x1b[31m\x07\ttab\rreturn", "..\\..\\pwned", "--help"),
        longest.removeprefix(incoming(name)) + "z" * (1024 - len(longest.encode())),
    ]
    bad = ["../../pwned", "a/../pwned", "/pwned", "a//b", "n" * 256]
    assert max(len(incoming(name, key).encode()) for key in good) == 1024
    drop_together(stack, name, {key: key.encode() for key in [*bad, *good]})
    stack.ended_run(name)
    # S3 takes a newline; the embedded one does not, so the event alone comes.
    send(stack, event(stack.target.output("DataBucketName"), incoming(name, "new\nline.csv")))
    until(lambda: len(stack.target.ledger.arrivals(name)) == len(good) + len(bad) + 1)
    fates_of_all = ("IGNORED",) * (len(bad) + 1) + ("USED",) * len(good)
    done = "Spaces, Unicode, %2F, ../, $(), ;rm, controls, a newline, 1,024 bytes"
    fault.check(stack, name, done, Outcome(objects=fates_of_all))
    assert {key for key, one in fates(stack, name).items() if one.status == "USED"} == set(good)
    assert not list(stack.project.root.parent.rglob("*pwned*"))


@pytest.mark.fault(7)
def test_objects_that_are_no_data(stack: Stack, fault: Fault, iris: PublishIris) -> None:
    """Empty, gone, of other columns: each has its reason; what a run writes starts nothing."""
    name = "f07_no_data"
    iris(name)
    bucket, s3 = stack.target.output("DataBucketName"), stack.target.s3
    stack.strike(
        kind="event", source="aws.s3", match=incoming(name, "gone"), then="delayed", seconds=3
    )
    put(stack, name, "gone.csv", b"1\n")
    s3.delete_object(Bucket=bucket, Key=incoming(name, "gone.csv"))
    put(stack, name, "empty.csv", b"")
    put(stack, name, "columns.csv", OTHER_COLUMNS)
    run = stack.ended_run(name)
    until(lambda: len(stack.target.ledger.arrivals(name)) == 3)
    s3.copy_object(
        Bucket=bucket,
        Key=f"quarantine/{name}/copied.csv",
        CopySource=f"{bucket}/{incoming(name, 'columns.csv')}",
    )
    objects = ("IGNORED", "IGNORED", "QUARANTINED")
    expected = Outcome(runs=("SKIPPED",), objects=objects, answer=None)
    done = "An empty object, one that was gone, one of other columns, and the run's own files"
    fault.check(stack, name, done, expected)
    found = fates(stack, name)
    assert found["empty.csv"].reason == "The object is empty."
    assert found["gone.csv"].reason == "The object was gone before a run read it."
    assert "not 5 columns" in found["columns.csv"].reason
    own = s3.list_objects_v2(Bucket=bucket, Prefix=f"runs/{run['run_id']}/")
    assert own["KeyCount"] >= 2


@pytest.mark.fault(8)
def test_start_execution_is_throttled(stack: Stack, fault: Fault) -> None:
    """It is tried again at once, and nobody notices."""
    name = "f08_throttled"
    stack.publish(name)
    stack.fault("states", "StartExecution", "ThrottlingException", times=2, match=name)
    stack.run(name)
    fault.check(stack, name, "StartExecution was throttled 2 x", Outcome())


@pytest.mark.fault(8)
def test_start_execution_is_denied(stack: Stack, fault: Fault) -> None:
    """The message becomes a dead letter, with an alarm; once it may, the sweeper starts the run."""
    name = "f08_denied"
    stack.publish(name)
    stack.fault("states", "StartExecution", DENIED, by="StartRetraining", times=FOREVER, match=name)
    with impatient_queue(stack):
        stack.drop(name, "1\n")
        until(lambda: observe(stack, name).dead)
        quiet(stack)
    stack.clear_faults()
    seen = observe(stack, name)
    fault.note("StartExecution was denied", "nothing runs; 1 dead letter, an alarm", str(seen))
    assert (seen.executions, seen.answer, seen.told, seen.dead) == (0, None, 0, 1)
    queue = stack.target.output("IncomingDeadLettersUrl").rpartition("/")[2]
    alarms = stack.target.client("cloudwatch").describe_alarms()["MetricAlarms"]
    watched = [one for one in alarms if {"Name": "QueueName", "Value": queue} in one["Dimensions"]]
    assert [(one["Threshold"], one["ComparisonOperator"]) for one in watched] == [
        (0, "GreaterThanThreshold")
    ]
    stack.fire_schedule("SweepPipelines")
    stack.ended_run(name)
    fault.check(stack, name, "Later it was allowed, and the sweeper came by", Outcome(dead=1))
