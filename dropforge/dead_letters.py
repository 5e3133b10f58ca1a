"""`dropforge dead-letters`: messages that the trigger could not handle, and trying them again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dropforge_core import words
from dropforge_core.errors import InvalidInputError
from dropforge_core.intake import Dropped
from dropforge_core.messages import Message, read_message
from dropforge_core.start_requests import Asked
from dropforge_core.times import iso

from dropforge import output
from dropforge.errors import CommandError
from dropforge.target import Target

# SQS gives so many at once, and takes so many back.
_BATCH = 10
# For so long nobody else sees what is looked at; afterwards it is put back at once.
_HIDDEN_SECONDS = 120
_WAIT_SECONDS = 1


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """One message: what it told, why it is here, and whether the trigger could read it."""

    message_id: str
    sent_at: str
    pipeline: str
    what: str
    reason: str
    readable: bool
    body: str
    receipt: str
    redriven: bool = False

    def document(self) -> dict[str, Any]:
        """Return what `--json` prints of it."""
        return {
            "message_id": self.message_id,
            "sent_at": self.sent_at,
            "pipeline": self.pipeline,
            "what": self.what,
            "reason": self.reason,
            "readable": self.readable,
            "redriven": self.redriven,
            "body": self.body,
        }


def find(target: Target) -> list[DeadLetter]:
    """List all messages, the oldest first, and leave them where they are."""
    found = [_read(target, message) for batch in _batches(target) for message in batch]
    _put_back(target, found)
    return sorted(found, key=lambda one: (one.sent_at, one.message_id))


def redrive(target: Target) -> list[DeadLetter]:
    """Send what the trigger can read to its queue again; the rest stays.

    Each is sent before it is deleted: what is interrupted comes twice, which changes nothing, and
    never not at all.

    Raises:
        CommandError: SQS took some of them neither there nor away; all is still somewhere.
    """
    handled: list[DeadLetter] = []
    for batch in _batches(target):
        letters = [_read(target, message) for message in batch]
        sent = _send(target, [one for one in letters if one.readable])
        handled += [one for one in letters if not one.readable] + sent
    _put_back(target, [one for one in handled if not one.redriven])
    left = [one for one in handled if one.readable and not one.redriven]
    if left:
        many = words.counted(len(left), "message")
        raise CommandError(f"SQS did not take {many}, which stayed: try again.")
    return sorted(handled, key=lambda one: (one.sent_at, one.message_id))


def write(letters: list[DeadLetter]) -> None:
    """Print messages for people; they may hold anything, and nothing of it moves the cursor."""
    columns = ("sent", "pipeline", "what", "reason", "")
    rows = [
        (
            one.sent_at,
            one.pipeline,
            output.printable(one.what),
            output.printable(one.reason),
            "sent again" if one.redriven else "",
        )
        for one in letters
    ]
    output.write_table(columns, rows)


def tell(letters: list[DeadLetter]) -> None:
    """Say on stderr what could be done, or was."""
    if not letters:
        output.say("There are no dead letters.")
        return
    redriven = sum(one.redriven for one in letters)
    readable = sum(one.readable for one in letters) - redriven
    if redriven:
        output.say(f"Sent {words.counted(redriven, 'message')} to the trigger again.")
    if readable:
        output.say("Once their reason is gone: dropforge dead-letters --redrive")
    if len(letters) > redriven + readable:
        many = words.counted(len(letters) - redriven - readable, "message")
        output.say(f"{many} can never be read; SQS deletes them 14 days after they were sent.")


def _batches(target: Target) -> Iterator[list[Any]]:
    """Receive all messages; each is hidden from now on, so that none comes twice."""
    while True:
        answer = target.client("sqs").receive_message(
            QueueUrl=target.output("IncomingDeadLettersUrl"),
            MaxNumberOfMessages=_BATCH,
            VisibilityTimeout=_HIDDEN_SECONDS,
            WaitTimeSeconds=_WAIT_SECONDS,
            MessageSystemAttributeNames=["SentTimestamp"],
            MessageAttributeNames=["All"],
        )
        if not answer.get("Messages"):
            return
        yield answer["Messages"]


def _read(target: Target, message: dict[str, Any]) -> DeadLetter:
    pipeline, what, reason, readable = "", "", "", True
    attributes = {
        name: each.get("StringValue", "")
        for name, each in message.get("MessageAttributes", {}).items()
    }
    try:
        told = read_message(
            message["Body"],
            bucket=target.output("DataBucketName"),
            stack=target.stack,
            state_machine=target.output("RetrainStateMachineArn"),
        )
    except InvalidInputError as err:
        what, reason, readable = message["Body"][:80], str(err), False
    else:
        pipeline = told.pipeline
        what = _what(told)
        reason = "The trigger could not handle it; its log says why."
        if code := attributes.get("ERROR_CODE"):
            said = attributes.get("ERROR_MESSAGE", "")
            reason = f"It did not reach the trigger's queue: {code}: {said}".rstrip(": ")
    sent = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)
    return DeadLetter(
        message_id=message["MessageId"],
        sent_at=iso(sent),
        pipeline=pipeline,
        what=what,
        reason=reason,
        readable=readable,
        body=message["Body"],
        receipt=message["ReceiptHandle"],
    )


def _what(told: Message) -> str:
    match told:
        case Dropped():
            return told.arrival.key
        case Asked():
            return f"a start asked for: {told.request.cause}"
        case _:
            return "a look at what waits"


def _send(target: Target, letters: list[DeadLetter]) -> list[DeadLetter]:
    """Send messages to the trigger's queue, then delete those that were taken."""
    if not letters:
        return []
    sqs = target.client("sqs")
    sent = sqs.send_message_batch(
        QueueUrl=target.output("IncomingQueueUrl"),
        Entries=[{"Id": str(n), "MessageBody": one.body} for n, one in enumerate(letters)],
    )
    taken = {int(entry["Id"]) for entry in sent.get("Successful", [])}
    if taken:
        sqs.delete_message_batch(
            QueueUrl=target.output("IncomingDeadLettersUrl"),
            Entries=[{"Id": str(n), "ReceiptHandle": letters[n].receipt} for n in sorted(taken)],
        )
    return [DeadLetter(**{**vars(one), "redriven": n in taken}) for n, one in enumerate(letters)]


def _put_back(target: Target, letters: list[DeadLetter]) -> None:
    """Let others see messages that were only looked at."""
    for start in range(0, len(letters), _BATCH):
        target.client("sqs").change_message_visibility_batch(
            QueueUrl=target.output("IncomingDeadLettersUrl"),
            Entries=[
                {"Id": str(n), "ReceiptHandle": one.receipt, "VisibilityTimeout": 0}
                for n, one in enumerate(letters[start : start + _BATCH])
            ],
        )
