"""Half-broken drops of the real pipeline iris: good data is used, bad data kept with the reason."""

import csv
import io
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from dropforge_core.records import Arrival

from .conftest import PublishIris
from .stack import DEADLINE_SECONDS, ROOT, Stack
from .test_cases import HAPPY_TRANSITIONS

IRIS = (ROOT / "pipelines/iris/data/iris_label_first.csv").read_text("utf-8").splitlines()
GARBAGE = b"\x1f\x8b\x08\x00 this is \xff no \x00 CSV\n" * 400
OTHER_COLUMNS = b"2026-11-21;station 7;17.5\n" * 400
HOSTILE = (
    "with spaces, commas.csv",
    "Blüten/süd 😀.csv",
    "stations%2Fnorth%2F..%2F..%2F1.csv",
    "$(reboot) `id` ;rm -rf ~ |x.csv",
    "-rf",
    "...csv",
    "'\"<script>\\.csv",
    "é" * 127,
    "/".join(["x" * 200] * 4) + "/" + "y" * 195,
)
pytestmark = pytest.mark.timeout(240)


def rows(start: int, step: int) -> bytes:
    """Return every step-th flower as CSV."""
    return "".join(f"{row}\n" for row in IRIS[start::step]).encode()


def drop_together(stack: Stack, name: str, objects: Mapping[str, bytes]) -> None:
    """Drop objects so that one run takes all of them: until the last one, the pipeline is held."""
    ledger = stack.target.ledger
    known = len(ledger.arrivals(name))
    # As a run of which nothing else is known.
    holder = f"{name}-20261121t052011-1a2b3c4d"
    assert ledger.take_back(name, holder, int(time.time()))
    *first, last = objects
    for key in first:
        put(stack, name, key, objects[key])
    deadline = time.monotonic() + DEADLINE_SECONDS
    while len(ledger.arrivals(name)) < known + len(first) or is_busy(stack):
        assert time.monotonic() < deadline, "not all drops were recorded"
        time.sleep(0.1)
    ledger.release_run(name, holder)
    put(stack, name, last, objects[last])


def is_busy(stack: Stack) -> bool:
    """Say whether the trigger has events to handle: one that it handles may still start a run."""
    counts = stack.target.client("sqs").get_queue_attributes(
        QueueUrl=stack.target.output("IncomingQueueUrl"),
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )
    return any(int(count) for count in counts["Attributes"].values())


def put(stack: Stack, name: str, key: str, content: bytes) -> None:
    """Drop one object."""
    bucket = stack.target.output("DataBucketName")
    stack.target.s3.put_object(Bucket=bucket, Key=f"incoming/{name}/{key}", Body=content)


def objects_below(stack: Stack, prefix: str) -> dict[str, bytes]:
    """Return what the data bucket has below a prefix, by the rest of its key."""
    bucket, s3 = stack.target.output("DataBucketName"), stack.target.s3
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return {
        one["Key"].removeprefix(prefix): s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read()
        for one in listed
    }


def quarantined(stack: Stack, run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the entries of a run's quarantine by the object's name; its files are all there."""
    prefix = f"quarantine/{run['pipeline']}/{run['run_id']}/"
    bucket = stack.target.output("DataBucketName")
    assert run["data"]["quarantine"] == f"s3://{bucket}/{prefix}"
    files = objects_below(stack, prefix)
    entries = json.loads(files.pop("quarantine.json"))["objects"]
    assert set(files) == {name for entry in entries for name in entry["files"]}
    return {entry["key"].split("/", 2)[2]: entry for entry in entries}


def rejected(stack: Stack, run: dict[str, Any], entry: dict[str, Any]) -> list[list[str]]:
    """Return the rejected rows of an entry: line, reason, row."""
    (name,) = (name for name in entry["files"] if name.endswith(".rejected.csv"))
    files = objects_below(stack, f"quarantine/{run['pipeline']}/{run['run_id']}/")
    return list(csv.reader(io.StringIO(files[name].decode())))[1:]


def fates(stack: Stack, name: str) -> dict[str, Arrival]:
    """Return each object's newest arrival by its name."""
    arrivals = sorted(stack.target.ledger.arrivals(name), key=lambda one: one.sequencer)
    return {one.key.split("/", 2)[2]: one for one in arrivals}


def slack_text(stack: Stack, run: dict[str, Any]) -> str:
    """Return the one message about a run."""
    (message,) = stack.slack_about(run["run_id"])
    return json.dumps(message, ensure_ascii=False)


def serves(stack: Stack, name: str) -> str:
    """Return the endpoint config that serves."""
    endpoint = f"dropforge-{name.replace('_', '-')}"
    described = stack.target.client("sagemaker").describe_endpoint(EndpointName=endpoint)
    return str(described["EndpointConfigName"])


def test_good_data_is_used_and_broken_data_is_not(stack: Stack, iris: PublishIris) -> None:
    """One broken object of eleven costs nothing but itself; a drop of only broken ones, no model.

    What was refused is read by no later run, and stays where it was dropped.
    """
    name = "q_half"
    iris(name)
    good = {f"good-{n}.csv": rows(n, 10) for n in range(10)}
    drop_together(stack, name, {"broken.csv": GARBAGE, **good})
    run = stack.ended_run(name)
    assert (run["status"], run["endpoint"]["action"]) == ("DEPLOYED", "CREATED"), run["reason"]
    assert run["billed_transitions"] == HAPPY_TRANSITIONS + 2, "with the smoke test"
    data = run["data"]
    assert (data["objects"], data["rows"], data["quarantined_objects"]) == (11, 150, 1)
    assert data["rejected_rows"] == 400
    (entry,) = quarantined(stack, run).values()
    assert entry["key"] == f"incoming/{name}/broken.csv"
    assert entry["reason"].startswith("No row of it can be used: not UTF-8 text (400 rows)")
    prefix = f"quarantine/{name}/{run['run_id']}/"
    assert GARBAGE in objects_below(stack, prefix).values()
    assert objects_below(stack, f"incoming/{name}/") == {"broken.csv": GARBAGE, **good}
    found = fates(stack, name)
    assert {key for key, one in found.items() if one.status == "USED"} == set(good)
    assert (found["broken.csv"].status, found["broken.csv"].run_id) == (
        "QUARANTINED",
        run["run_id"],
    )
    assert found["broken.csv"].reason == entry["reason"]
    assert "11 objects" in slack_text(stack, run)
    assert "150 rows, 400 rejected, 1 object in quarantine" in slack_text(stack, run)
    serving = serves(stack, name)

    drop_together(stack, name, {"a.csv": OTHER_COLUMNS, "b.csv": b"\n \n"})
    run = stack.ended_run(name, count=2)
    assert (run["status"], run["endpoint"]["action"]) == ("SKIPPED", "NONE")
    why = "None of 2 objects can be used. 'incoming/q_half/a.csv': No row of it can be used: not 5"
    assert run["reason"].startswith(why)
    assert not {"Train", "Deploy"} & {step["name"] for step in run["steps"]}
    assert run["data"]["objects"] == 12, "the ten good ones and the two new"
    assert why in slack_text(stack, run)
    assert serves(stack, name) == serving == run["endpoint"]["config"]
    assert {fates(stack, name)[key].status for key in ("a.csv", "b.csv")} == {"QUARANTINED"}

    put(stack, name, "more.csv", rows(0, 3))
    run = stack.ended_run(name, count=3)
    assert run["status"] in {"DEPLOYED", "REJECTED"}, run["reason"]
    assert (run["data"]["objects"], run["data"]["quarantined_objects"]) == (11, 0)
    assert len(stack.target.ledger.runs(name)) == 3, "quarantine triggers nothing"


def test_only_broken_data_makes_no_endpoint(stack: Stack, iris: PublishIris) -> None:
    """The very first drop may be broken: SKIPPED, told, and the pipeline is free for the next."""
    name = "q_first"
    iris(name)
    put(stack, name, "broken.csv", GARBAGE)
    run = stack.ended_run(name)
    assert (run["status"], run["endpoint"]["action"]) == ("SKIPPED", "NONE"), run["reason"]
    with pytest.raises(ClientError):
        serves(stack, name)
    assert "broken.csv" in slack_text(stack, run)
    put(stack, name, "broken again.csv", GARBAGE)
    again = stack.ended_run(name, count=2)
    assert (again["status"], again["billed_transitions"]) == ("SKIPPED", 0)
    assert again["reason"].startswith("This very data was refused before")


def test_the_share_of_bad_rows_decides(stack: Stack, iris: PublishIris) -> None:
    """Too many bad rows: SKIPPED, until the pipeline's owner allows them and drops them again."""
    name = "q_share"
    iris(name)
    lines = [row if place % 4 else f"{row},x" for place, row in enumerate(IRIS)]
    content = "".join(f"{line}\n" for line in lines).encode()
    put(stack, name, "a.csv", content)
    run = stack.ended_run(name)
    assert run["status"] == "SKIPPED"
    assert run["reason"].startswith("38 of 150 rows break the rules, more than the allowed 20.0%")
    entry = quarantined(stack, run)["a.csv"]
    assert (entry["whole"], entry["rejected_rows"]) == (True, 38)
    assert rejected(stack, run, entry)[1] == ["5", "not 5 columns", lines[4]]
    assert fates(stack, name)["a.csv"].status == "QUARANTINED"

    iris(name, quarantine={"most_bad_rows": 0.3})
    put(stack, name, "a.csv", content)
    run = stack.ended_run(name, count=2)
    assert run["status"] in {"DEPLOYED", "REJECTED"}, run["reason"]
    assert (run["data"]["rows"], run["data"]["rejected_rows"]) == (112, 38)
    assert not quarantined(stack, run)["a.csv"]["whole"]
    assert fates(stack, name)["a.csv"].status == "USED"


def test_hostile_names_are_only_names(stack: Stack, iris: PublishIris) -> None:
    """Good and broken objects of any name: used or kept, each under its true key in the index."""
    name = "q_hostile"
    iris(name)
    bad = b"setosa,-1,3.5,1.4,0.2\n"
    half = {f"half/{key}": rows(0, 10) + bad + str(n).encode() for n, key in enumerate(HOSTILE)}
    whole = {f"whole/{key}": GARBAGE + str(n).encode() for n, key in enumerate(HOSTILE)}
    drop_together(stack, name, {"../../up.csv": rows(1, 2), **half, **whole, "z.csv": rows(0, 1)})
    run = stack.ended_run(name)
    assert run["status"] == "DEPLOYED", run["reason"]
    entries = quarantined(stack, run)
    assert {key for key, entry in entries.items() if entry["whole"]} == set(whole)
    assert {key for key, entry in entries.items() if not entry["whole"]} == set(half)
    for key in half:
        (first, _) = rejected(stack, run, entries[key])
        assert first == ["16", "sepal_length is below 0", bad.decode().strip()]
    found = fates(stack, name)
    assert {key for key, one in found.items() if one.status == "QUARANTINED"} == set(whole)
    assert found["../../up.csv"].status == "IGNORED"
    assert not list(Path(stack.project.state).rglob("up.csv"))
