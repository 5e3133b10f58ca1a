import json
from typing import Any

import pytest

from dropforge import dead_letters
from dropforge.errors import CommandError
from dropforge.target import Target

EVENT = {
    "source": "aws.s3",
    "detail-type": "Object Created",
    "time": "2026-11-28T00:00:00Z",
    "detail": {
        "bucket": {"name": "df-data"},
        "object": {"key": "incoming/iris/a.csv", "size": 1, "etag": "e", "sequencer": "01"}
        | {"version-id": "v"},
    },
}


@pytest.fixture
def queues(target: Target, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The trigger's queue and its dead letters, as outputs of the stack."""
    sqs = target.client("sqs")
    names = {"IncomingQueueUrl": "incoming", "IncomingDeadLettersUrl": "dead"}
    urls = {output: sqs.create_queue(QueueName=name)["QueueUrl"] for output, name in names.items()}
    output = target.output
    monkeypatch.setattr(target, "output", lambda name: urls.get(name) or output(name))
    return urls


def bury(target: Target, queues: dict[str, str], body: str, **attributes: str) -> None:
    """Put a message into the dead letters."""
    target.client("sqs").send_message(
        QueueUrl=queues["IncomingDeadLettersUrl"],
        MessageBody=body,
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        },
    )


def bodies(target: Target, url: str) -> list[Any]:
    """Take all messages out of a queue."""
    found = target.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [json.loads(one["Body"]) for one in found.get("Messages", [])]


def test_what_they_told_and_why_they_are_here(target: Target, queues: dict[str, str]) -> None:
    """What failed in the trigger, what never reached it, and what it never could read."""
    bury(target, queues, json.dumps(EVENT))
    bury(target, queues, json.dumps(EVENT), ERROR_CODE="NO_PERMISSIONS", ERROR_MESSAGE="no")
    bury(target, queues, '{"source": "aws.s3"}')
    told = dead_letters.find(target)
    assert sorted((one.what, one.readable) for one in told) == [
        ("incoming/iris/a.csv", True),
        ("incoming/iris/a.csv", True),
        ('{"source": "aws.s3"}', False),
    ]
    reasons = {one.reason for one in told}
    assert "It did not reach the trigger's queue: NO_PERMISSIONS: no" in reasons
    assert "The trigger could not handle it; its log says why." in reasons
    assert len(dead_letters.find(target)) == 3


def test_more_than_a_batch_is_sent_again(target: Target, queues: dict[str, str]) -> None:
    """Each once; the dead letters are empty afterwards."""
    for number in range(23):
        bury(target, queues, json.dumps(EVENT | {"id": str(number)}))
    done = dead_letters.redrive(target)
    assert (len(done), all(one.redriven for one in done)) == (23, True)
    assert dead_letters.find(target) == []
    sent: list[str] = []
    while found := bodies(target, queues["IncomingQueueUrl"]):
        sent += [one["id"] for one in found]
    assert sorted(sent, key=int) == [str(number) for number in range(23)]


def test_what_cannot_be_sent_stays(
    target: Target, queues: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQS takes one of two: the other is neither sent nor deleted, and that is said."""
    bury(target, queues, json.dumps(EVENT | {"id": "1"}))
    bury(target, queues, json.dumps(EVENT | {"id": "2"}))
    sqs = target.client("sqs")
    send = sqs.send_message_batch

    def take_one(**asked: Any) -> Any:
        asked["Entries"] = asked["Entries"][:1]
        return send(**asked)

    monkeypatch.setattr(sqs, "send_message_batch", take_one)
    with pytest.raises(CommandError, match="1 message, which stayed"):
        dead_letters.redrive(target)
    assert len(dead_letters.find(target)) == 1
    assert len(bodies(target, queues["IncomingQueueUrl"])) == 1
