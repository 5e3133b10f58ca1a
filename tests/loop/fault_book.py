"""The twenty faults that the application survives, and what their tests saw: one table."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from rich.table import Table
from rich.text import Text

from .stack import DEADLINE_SECONDS, Stack

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

FAULTS = (
    "Duplicate event",
    "Out-of-order events for one key",
    "Burst of objects",
    "Overlapping runs",
    "Malformed or wrong-bucket event",
    "Hostile key",
    "Empty, vanished, wrong-schema or self-written object",
    "StartExecution throttled or denied",
    "Endpoint missing, or only said to be",
    "Function timed out or killed in mid-call",
    "Endpoint in a transitional status",
    "Endpoint Failed",
    "Update ends InService on the old config",
    "UpdateRollbackFailed",
    "Training fails; the Cause is JSON, text or cut JSON",
    "Job Stopped or MaxRuntimeExceeded",
    "Throttling or resource limit",
    "Name collision or a lost create answer",
    "Metrics missing, NaN, Infinity, below threshold or over 256 KiB",
    "Slack 429, 5xx, timeout, revoked URL, oversize or injected markup",
)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """All that a fault may leave of a pipeline, as people and other systems would see it.

    ``runs`` are the ledger's, oldest first; ``executions`` those of the machine ``retrain``;
    ``objects`` the fates of all arrivals; ``answer`` the endpoint's, None when there is none;
    ``told`` the messages in Slack about its runs; ``dead`` its messages in the dead-letter queue.
    """

    runs: tuple[str, ...] = ("DEPLOYED",)
    executions: int = 1
    objects: tuple[str, ...] = ("USED",)
    answer: str | None = "1"
    told: int = 1
    dead: int = 0

    def __str__(self) -> str:
        """Say it in a few words."""
        fates = Counter(self.objects)
        endpoint = "no endpoint" if self.answer is None else f"endpoint answers {self.answer}"
        return "; ".join(
            (
                f"{', '.join(self.runs) or 'no run'} in {self.executions} execution(s)",
                ", ".join(f"{count} {fate}" for fate, count in sorted(fates.items()))
                or "no object",
                endpoint,
                f"told {self.told} x",
                *([f"{self.dead} dead letter(s)"] if self.dead else []),
            )
        )


def observe(stack: Stack, name: str) -> Outcome:
    """Look at the ledger, the executions, the endpoint, Slack and the dead letters."""
    runs = stack.target.ledger.runs(name)[::-1]
    arrivals = stack.target.ledger.arrivals(name)
    try:
        answer = stack.answer(name)
    except ClientError:
        answer = None
    return Outcome(
        runs=tuple(run.status for run in runs),
        executions=len(executions(stack, name)),
        objects=tuple(sorted(arrival.status for arrival in arrivals)),
        answer=answer,
        told=sum(len(stack.slack_about(run.run_id)) for run in runs),
        dead=sum(name in body for body in dead_letters(stack)),
    )


def executions(stack: Stack, name: str) -> list[str]:
    """List the executions of a pipeline's runs."""
    pages = stack.target.stepfunctions.get_paginator("list_executions").paginate(
        stateMachineArn=stack.target.output("RetrainStateMachineArn")
    )
    names = [one["name"] for page in pages for one in page["executions"]]
    return [one for one in names if one.startswith(f"{name}-2")]


def dead_letters(stack: Stack) -> list[str]:
    """Return the bodies of all messages that nobody could handle; they stay."""
    sqs = stack.target.client("sqs")
    url = stack.target.output("IncomingDeadLettersUrl")
    found: list[MessageTypeDef] = []
    while more := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        found += more
    for message in found:
        sqs.change_message_visibility(
            QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )
    return [message["Body"] for message in found]


@dataclass
class Fault:
    """One of the twenty: what was done, what was expected, and what was seen."""

    number: int
    notes: list[tuple[str, str, str]] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)  # pytest's, of all phases of its tests

    @property
    def held(self) -> bool:
        """Whether all that was tried went as it was to."""
        return set(self.outcomes) == {"passed"}

    @property
    def title(self) -> str:
        """What goes wrong."""
        return FAULTS[self.number - 1]

    def check(self, stack: Stack, name: str, done: str, expected: Outcome) -> None:
        """Hold what has become of a pipeline against what was expected, and note both."""
        quiet(stack)
        deadline = time.monotonic() + DEADLINE_SECONDS
        # A skipped run is told by the side, and an endpoint may need a moment to be gone.
        while (seen := observe(stack, name)) != expected and time.monotonic() < deadline:
            time.sleep(0.2)
        self.note(done, str(expected), str(seen))
        assert seen == expected
        assert stack.faults() == [], "a fault that was to strike did not"
        # Whoever ended the last run looks once more whether something waits.
        until(lambda: stack.target.ledger.lock(name) is None)

    def note(self, done: str, expected: str, seen: str) -> None:
        """Note a part of the fault; whoever calls has looked, and asserts."""
        self.notes.append((done, expected, seen))


def quiet(stack: Stack) -> None:
    """Wait until the trigger has nothing more to handle."""
    sqs, url = stack.target.client("sqs"), stack.target.output("IncomingQueueUrl")
    names = ("", "NotVisible", "Delayed")
    attributes = [f"ApproximateNumberOfMessages{name}" for name in names]
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=attributes)["Attributes"]
        if not any(int(count) for count in counts.values()):
            return
        assert time.monotonic() < deadline, f"messages are left: {counts}"
        time.sleep(0.1)


@contextmanager
def impatient_queue(stack: Stack, seconds: int = 1) -> Iterator[None]:
    """Let messages that were not handled come again after seconds, not after eight minutes."""
    sqs, url = stack.target.client("sqs"), stack.target.output("IncomingQueueUrl")
    # moto forgets a policy that is not given again.
    kept = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout", "Policy"])
    attributes = dict(kept["Attributes"])
    sooner = {"VisibilityTimeout": str(seconds)}
    sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes | sooner)
    try:
        yield
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)


def until[T](look: Callable[[], T]) -> T:
    """Look until there is something to see, for a bounded time."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (seen := look()):
        assert time.monotonic() < deadline, "it was not seen in time"
        time.sleep(0.05)
    return seen


def table(faults: list[Fault]) -> Table:
    """Show all faults that were tried."""
    shown = Table(title=f"{sum(one.held for one in faults)} of {len(FAULTS)} faults survived")
    for column in ("", "Fault", "What was done", "Expected", "Seen"):
        shown.add_column(column, overflow="fold")
    for fault in sorted(faults, key=lambda one: one.number):
        head = (f"{fault.number} {'✓' if fault.held else '✗'}", fault.title)
        for note in fault.notes or [("", "", "nothing: the test did not get that far")]:
            shown.add_row(*map(Text, (*head, *note)))
            head = ("", "")
        shown.add_section()
    return shown
