"""S3's events on EventBridge, as a queue behind a rule gets them."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conftest import Embedded

BUCKET = "s3-events"
QUEUE_ARN = "arn:aws:sqs:us-east-1:123456789012:s3-events"
POLICY = {
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
        }
    ]
}


@pytest.fixture(scope="module")
def queue(embedded: Embedded) -> Iterator[str]:
    """Give the URL of a queue that gets every event of a versioned bucket."""
    s3, events = embedded.client("s3"), embedded.client("events")
    sqs = embedded.client("sqs")
    url = sqs.create_queue(QueueName=BUCKET, Attributes={"Policy": json.dumps(POLICY)})["QueueUrl"]
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [BUCKET]}}}
    events.put_rule(Name=BUCKET, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=BUCKET, Targets=[{"Id": "queue", "Arn": QUEUE_ARN}])
    yield str(url)
    events.remove_targets(Rule=BUCKET, Ids=["queue"])
    events.delete_rule(Name=BUCKET)


def received(embedded: Embedded, queue: str) -> list[dict[str, Any]]:
    """Take all events from the queue."""
    sqs = embedded.client("sqs")
    found = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_an_upload_is_told_as_aws_documents_it(embedded: Embedded, queue: str) -> None:
    """The event has every field that the S3 user guide lists, and no other."""
    put = embedded.client("s3").put_object(Bucket=BUCKET, Key="in/a b+ü.csv", Body=b"1,2,3")
    (event,) = received(embedded, queue)
    detail = event.pop("detail")
    thing = detail.pop("object")
    age = datetime.now(UTC) - datetime.strptime(event.pop("time"), "%Y-%m-%dT%H:%M:%S%z")
    assert age.total_seconds() < 60
    assert re.fullmatch(r"[0-9a-f-]{36}", event.pop("id"))
    assert event == {
        "version": "0",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "123456789012",
        "region": "us-east-1",
        "resources": ["arn:aws:s3:::s3-events"],
    }
    assert re.fullmatch(r"[0-9A-Z]{16}", detail.pop("request-id"))
    assert detail == {
        "version": "0",
        "bucket": {"name": BUCKET},
        "requester": "123456789012",
        "source-ip-address": "127.0.0.1",
        "reason": "PutObject",
    }
    assert re.fullmatch(r"[0-9A-F]+", thing.pop("sequencer"))
    assert thing == {
        "key": "in/a b+ü.csv",
        "size": 5,
        "etag": put["ETag"].strip('"'),
        "version-id": put["VersionId"],
    }


def test_events_of_one_key_can_be_ordered(embedded: Embedded, queue: str) -> None:
    """Later events have a greater sequencer, of equal length, and ids of their own."""
    s3 = embedded.client("s3")
    versions = [s3.put_object(Bucket=BUCKET, Key="again", Body=b"")["VersionId"] for _ in range(5)]
    events = received(embedded, queue)
    events.sort(key=lambda event: event["detail"]["object"]["sequencer"])
    assert [event["detail"]["object"]["version-id"] for event in events] == versions
    assert len({event["detail"]["object"]["sequencer"] for event in events}) == 5
    assert len({event["id"] for event in events}) == 5


def test_copies_and_parts_have_reasons_of_their_own(embedded: Embedded, queue: str) -> None:
    """A copy and a multipart upload are creations with another reason; tags make no event."""
    s3 = embedded.client("s3")
    s3.put_object(Bucket=BUCKET, Key="original", Body=b"x", Tagging="a=b")
    s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/original")
    names = {"Bucket": BUCKET, "Key": "parts"}
    upload = s3.create_multipart_upload(**names)["UploadId"]
    part = s3.upload_part(**names, UploadId=upload, PartNumber=1, Body=b"part")
    s3.complete_multipart_upload(
        **names,
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    told = {
        (event["detail-type"], event["detail"]["object"]["key"], event["detail"]["reason"])
        for event in received(embedded, queue)
    }
    assert told == {
        ("Object Created", "original", "PutObject"),
        ("Object Created", "copy", "CopyObject"),
        ("Object Created", "parts", "CompleteMultipartUpload"),
    }


def test_a_delete_marker_is_told(embedded: Embedded, queue: str) -> None:
    """In a versioned bucket a deletion makes a marker, and the event says so."""
    s3 = embedded.client("s3")
    s3.put_object(Bucket=BUCKET, Key="gone", Body=b"")
    received(embedded, queue)
    marker = s3.delete_object(Bucket=BUCKET, Key="gone")
    (event,) = received(embedded, queue)
    assert event["detail-type"] == "Object Deleted"
    assert event["detail"]["deletion-type"] == "Delete Marker Created"
    assert event["detail"]["reason"] == "DeleteObject"
    assert event["detail"]["object"]["version-id"] == marker["VersionId"]
    assert "size" not in event["detail"]["object"]
