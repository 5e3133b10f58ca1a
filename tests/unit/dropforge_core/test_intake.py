import json
from typing import Any

import pytest
from dropforge_core.errors import InvalidInputError
from dropforge_core.intake import NO_PIPELINE, read_event, record

from tests.unit.dropforge_core.stack import Stack, an_arrival

BUCKET = "data"


def an_event(key: str = "incoming/iris/a.csv", **changes: Any) -> dict[str, Any]:
    """EventBridge's event of an S3 object."""
    event: dict[str, Any] = {
        "version": "0",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "time": "2026-11-21T05:20:11Z",
        "detail": {
            "bucket": {"name": BUCKET},
            "object": {
                "key": key,
                "size": 5,
                "etag": "b1946ac92492d2347c6235b4d2611184",
                "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
                "sequencer": "617f08299329d189",
            },
            "reason": "CompleteMultipartUpload",
        },
    }
    return {**event, **changes}


def test_an_event_becomes_an_arrival() -> None:
    """Key, version, ETag, size, sequencer and time come over; the key as it is."""
    dropped = read_event(json.dumps(an_event("incoming/iris/b%20c/d+e.csv")), BUCKET)
    assert dropped.pipeline == "iris"
    assert dropped.arrival.key == "incoming/iris/b%20c/d+e.csv"
    assert dropped.arrival.version_id == "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"
    assert dropped.arrival.event_time == "2026-11-21T05:20:11.000Z"
    assert (dropped.arrival.size, dropped.arrival.status) == (5, "WAITING")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no JSON",
        "[]",
        "null",
        "[" * 100_000,
        json.dumps(an_event(source="aws.sagemaker")),
        json.dumps({**an_event(), "detail-type": "Object Deleted"}),
        json.dumps(an_event(time="yesterday")),
        json.dumps(an_event(time="2026-13-41T05:20:11Z")),
        json.dumps(an_event(detail={})),
        json.dumps(an_event("")),
        json.dumps(an_event("incoming/iris/\ud800")),
        json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"}),
    ],
)
def test_what_is_no_event_is_refused(body: str) -> None:
    """Malformed events and events of another source raise, without quoting what they hold."""
    with pytest.raises(InvalidInputError) as raised:
        read_event(body, BUCKET)
    assert "aws.sagemaker" not in str(raised.value)


def test_another_buckets_event_is_refused() -> None:
    """An event of another bucket raises, so that its message ends as a dead letter."""
    with pytest.raises(InvalidInputError, match="another bucket"):
        read_event(json.dumps(an_event()), "mine")


@pytest.mark.parametrize("version", [{}, {"version-id": ""}, {"version-id": "null"}])
def test_a_bucket_without_versions_is_refused(version: dict[str, str]) -> None:
    """Its second drop of a key would pass for a duplicate; so the messages end as dead letters."""
    event = an_event()
    del event["detail"]["object"]["version-id"]
    event["detail"]["object"] |= version
    with pytest.raises(InvalidInputError, match="keeps no versions"):
        read_event(json.dumps(event), BUCKET)


@pytest.mark.parametrize(
    "reason", ["PutObject", "POST Object", "CopyObject", "CompleteMultipartUpload"]
)
def test_however_an_object_was_made_it_arrives(reason: str) -> None:
    """In parts or as a copy, too."""
    event = an_event()
    event["detail"]["reason"] = reason
    assert read_event(json.dumps(event), BUCKET).arrival.status == "WAITING"


@pytest.mark.parametrize(
    ("key", "pipeline", "reason"),
    [
        ("incoming/data.csv", NO_PIPELINE, "does not lie in a folder"),
        ("incoming/No-Name/data.csv", NO_PIPELINE, "does not lie in a folder"),
        ("incoming//data.csv", NO_PIPELINE, "does not lie in a folder"),
        ("incoming/../data.csv", NO_PIPELINE, "does not lie in a folder"),
        ("runs/iris/manifest.json", NO_PIPELINE, "does not lie in a folder"),
        ("runs/iris-20261121t052011-1a2b3c4d/data/a.csv", NO_PIPELINE, "does not lie in a folder"),
        ("outgoing/iris/data.csv", NO_PIPELINE, "does not lie in a folder"),
        ("incoming/iris/../../etc/passwd", "iris", "two dots"),
        ("incoming/iris//data.csv", "iris", "empty"),
        ("incoming/iris/folder/", "iris", "empty"),
        ("incoming/iris/a\x00b", "iris", "NUL"),
        ("incoming/iris/" + "ü" * 128, "iris", "255 bytes"),
    ],
)
def test_what_can_be_no_data_is_ignored(key: str, pipeline: str, reason: str) -> None:
    """Objects outside a pipeline's folder and keys that are no path are recorded as IGNORED."""
    dropped = read_event(json.dumps(an_event(key)), BUCKET)
    assert dropped.pipeline == pipeline
    assert dropped.arrival.status == "IGNORED"
    assert reason in dropped.arrival.reason


@pytest.mark.parametrize("key", ["incoming/iris/", "incoming/iris/empty.csv"])
def test_an_empty_object_is_ignored(key: str) -> None:
    """A folder's marker and an empty file are no data."""
    event = an_event(key)
    event["detail"]["object"]["size"] = 0
    assert read_event(json.dumps(event), BUCKET).arrival.reason == "The object is empty."


@pytest.mark.parametrize(
    "name", ["with space.csv", "100%2F.csv", "$(reboot).csv", "süd/ost.csv", "..hidden", "`x`;y"]
)
def test_a_hostile_key_is_only_data(name: str) -> None:
    """Spaces, escapes, Unicode and shell's characters are taken as they are."""
    dropped = read_event(json.dumps(an_event(f"incoming/iris/{name}")), BUCKET)
    assert dropped.arrival.key == f"incoming/iris/{name}"
    assert dropped.arrival.status == "WAITING"


def test_an_object_for_nobody_is_recorded(stack: Stack) -> None:
    """An object for a pipeline that is not published is recorded as IGNORED, with the reason."""
    (arrival,) = record(stack.ledger, "iris", [an_arrival("a.csv")])
    assert (arrival.status, arrival.reason) == ("IGNORED", "The pipeline iris is not published.")
    stack.publish()
    assert record(stack.ledger, "iris", [an_arrival("a.csv")]) == []
    (waiting,) = record(stack.ledger, "iris", [an_arrival("b.csv", order=2)])
    assert waiting.status == "WAITING"
