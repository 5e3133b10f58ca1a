import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from embedded_aws.functions import Functions

QUEUE_ARN = "arn:aws:sqs:us-east-1:123456789012:source"

# Appends each event to a file, then does as the first message that is JSON says.
RECORDING = """
import json, pathlib, time
def lambda_handler(event, context):
    with pathlib.Path({file!r}).open("a") as file:
        file.write(json.dumps(event) + "\\n")
    orders = [json.loads(r["body"]) for r in event["Records"] if r["body"].startswith("{{")]
    for order in orders:
        time.sleep(order.get("seconds", 0))
        if "error" in order:
            raise RuntimeError(order["error"])
        if "answer" in order:
            return order["answer"]
    failed = [r["messageId"] for r in event["Records"] if r["body"] == "poison"]
    return {{"batchItemFailures": [{{"itemIdentifier": i}} for i in failed]}}
"""


class Source:
    """A queue with a function behind it."""

    def __init__(self, sqs: Any, client: Any, url: str, calls: Path) -> None:
        """Take the clients, the queue's URL, and where the function notes its events."""
        self.sqs = sqs
        self.client = client
        self.url = url
        self._calls = calls

    def send(self, *bodies: str, **options: Any) -> None:
        """Send messages."""
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.url, MessageBody=body, **options)

    def events(self) -> list[Any]:
        """The events that the function got."""
        lines = self._calls.read_text().splitlines(keepends=True) if self._calls.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def batches(self) -> list[list[str]]:
        """The bodies of each event's records."""
        return [[record["body"] for record in event["Records"]] for event in self.events()]

    def hide_for(self, seconds: int) -> None:
        """Set the visibility timeout; a new mapping wants one not below the function's."""
        attributes = {"VisibilityTimeout": str(seconds)}
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes=attributes)

    def left(self) -> int:
        """How many messages the queue has, visible or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        return sum(int(attributes["Attributes"][name]) for name in names)

    def map(self, **options: Any) -> str:
        """Make an event source mapping and give its id."""
        mapping = self.client.create_event_source_mapping(
            EventSourceArn=QUEUE_ARN, FunctionName="under-test", **options
        )
        return str(mapping["UUID"])


@pytest.fixture
def source(
    functions: Functions, deploy: Callable[..., str], aws: Callable[[str], Any], tmp_path: Path
) -> Source:
    """The queue and the function; polling has begun, there is no mapping yet."""
    calls = tmp_path / "calls"
    deploy(RECORDING.format(file=str(calls)), Timeout=3)
    url = aws("sqs").create_queue(QueueName="source", Attributes={"VisibilityTimeout": "3"})
    functions.poll_event_sources()
    return Source(aws("sqs"), aws("lambda"), url["QueueUrl"], calls)


def test_a_message_is_picked_up_at_once_and_deleted(
    source: Source, eventually: Callable[..., Any]
) -> None:
    """An idle poller does not sit out its long poll."""
    source.map()
    time.sleep(1.2)
    began = time.monotonic()
    source.send("hello")
    eventually(source.events)
    assert time.monotonic() - began < 5
    eventually(lambda: source.left() == 0)
    assert source.batches() == [["hello"]]


def test_the_record_is_lambdas(source: Source, eventually: Callable[..., Any]) -> None:
    """A record has the fields of Lambda's documentation, message attributes too."""
    source.map()
    attributes = {
        "kind": {"DataType": "String", "StringValue": "test"},
        "data": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
    }
    source.send("hello", MessageAttributes=attributes)
    ((record,),) = [event["Records"] for event in eventually(source.events)]
    assert record.keys() == {
        "messageId",
        "receiptHandle",
        "body",
        "attributes",
        "messageAttributes",
        "md5OfBody",
        "md5OfMessageAttributes",
        "eventSource",
        "eventSourceARN",
        "awsRegion",
    }
    assert record["body"] == "hello"
    assert record["md5OfBody"] == "5d41402abc4b2a76b9719d911017c592"
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == QUEUE_ARN
    assert record["awsRegion"] == "us-east-1"
    system = record["attributes"]
    assert system["ApproximateReceiveCount"] == "1"
    assert abs(int(system["SentTimestamp"]) / 1000 - time.time()) < 30
    assert int(system["ApproximateFirstReceiveTimestamp"]) >= int(system["SentTimestamp"])
    assert system["SenderId"]
    assert record["messageAttributes"]["kind"] == {
        "stringValue": "test",
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": "String",
    }
    assert record["messageAttributes"]["data"]["binaryValue"] == "AAE="


def test_a_batching_window_gathers_a_burst(source: Source, eventually: Callable[..., Any]) -> None:
    """The window starts at the first message; what comes within it is one batch."""
    source.map(BatchSize=100, MaximumBatchingWindowInSeconds=2)
    began = time.monotonic()
    source.send(*[f"early-{number}" for number in range(15)])
    time.sleep(max(0.0, began + 1 - time.monotonic()))
    source.send("late")
    eventually(source.events)
    assert 1.9 < time.monotonic() - began < 15
    assert [len(batch) for batch in source.batches()] == [16]


def test_a_full_batch_does_not_wait_for_its_window(
    source: Source, eventually: Callable[..., Any]
) -> None:
    """At the batch size the function is called, whatever is left of the window."""
    source.map(BatchSize=3, MaximumBatchingWindowInSeconds=30)
    source.send("a", "b", "c", "d")
    eventually(source.events)
    assert source.batches() == [["a", "b", "c"]]
    assert source.left() >= 1


def test_a_batch_stays_below_6_mb(source: Source, eventually: Callable[..., Any]) -> None:
    """Messages that together exceed Lambda's payload limit come in several batches."""
    source.map(BatchSize=100, MaximumBatchingWindowInSeconds=1)
    source.send(*["x" * 1_000_000] * 8)
    eventually(lambda: sum(map(len, source.batches())) == 8)
    assert sorted(map(len, source.batches())) == [2, 6]


def test_partial_failures(source: Source, eventually: Callable[..., Any]) -> None:
    """With ReportBatchItemFailures only the messages that failed stay, and come again."""
    uuid = source.map(Enabled=False, FunctionResponseTypes=["ReportBatchItemFailures"])
    source.hide_for(1)
    source.send("good", "poison", "fine")
    source.client.update_event_source_mapping(UUID=uuid, Enabled=True)
    eventually(lambda: len(source.batches()) == 2)
    first, second = source.events()
    assert [record["body"] for record in second["Records"]] == ["poison"]
    assert len(first["Records"]) == 3
    assert second["Records"][0]["attributes"]["ApproximateReceiveCount"] == "2"


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        (None, 0),
        ({}, 0),
        ({"batchItemFailures": []}, 0),
        ({"batchItemFailures": None}, 0),
        ("text", 1),
        ({"batchItemFailures": [{"itemIdentifier": "unknown"}]}, 1),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, 1),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, 1),
        ({"batchItemFailures": [{"wrong": "key"}]}, 1),
        ({"batchItemFailures": "text"}, 1),
    ],
)
def test_answers_that_report_no_failure_or_nonsense(
    source: Source, eventually: Callable[..., Any], answer: Any, left: int
) -> None:
    """An empty answer is a success of the whole batch, a malformed one its failure."""
    source.map(FunctionResponseTypes=["ReportBatchItemFailures"])
    source.send(json.dumps({"answer": answer}))
    eventually(source.events)
    if left == 0:
        eventually(lambda: source.left() == 0)
    else:
        time.sleep(0.3)
        assert source.left() == 1


def test_without_the_response_type_an_answer_means_nothing(
    source: Source, eventually: Callable[..., Any]
) -> None:
    """A mapping that does not ask for failures deletes the batch whatever the answer says."""
    source.map()
    source.send(json.dumps({"answer": {"batchItemFailures": [{"itemIdentifier": "unknown"}]}}))
    eventually(source.events)
    eventually(lambda: source.left() == 0)


def test_a_poison_message_ends_in_the_dead_letter_queue(
    source: Source, aws: Callable[[str], Any]
) -> None:
    """A function error brings the message back after its visibility timeout, and then away."""
    dead = aws("sqs").create_queue(QueueName="dead")["QueueUrl"]
    policy = {
        "deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:dead",
        "maxReceiveCount": 2,
    }
    aws("sqs").set_queue_attributes(
        QueueUrl=source.url, Attributes={"RedrivePolicy": json.dumps(policy)}
    )
    source.map()
    source.hide_for(1)
    body = json.dumps({"error": "cannot digest"})
    source.send(body)
    received = aws("sqs").receive_message(QueueUrl=dead, WaitTimeSeconds=10)["Messages"]
    assert [message["Body"] for message in received] == [body]
    assert source.batches() == [[body], [body]]
    assert source.left() == 0


def test_maximum_concurrency(source: Source, eventually: Callable[..., Any]) -> None:
    """No more batches at once than the mapping allows; the others wait in the queue."""
    source.map(BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
    source.send(*[json.dumps({"seconds": 0.7})] * 3)
    eventually(lambda: len(source.events()) == 2)
    time.sleep(0.3)
    assert len(source.events()) == 2
    eventually(lambda: len(source.events()) == 3)


def test_throttled_batches_are_tried_again(
    source: Source, aws: Callable[[str], Any], eventually: Callable[..., Any]
) -> None:
    """While the function is throttled its batch waits, and uses up no receive."""
    concurrency = {"FunctionName": "under-test", "ReservedConcurrentExecutions": 0}
    aws("lambda").put_function_concurrency(**concurrency)
    source.map()
    source.send("hello")
    time.sleep(0.3)
    assert not source.events()
    aws("lambda").delete_function_concurrency(FunctionName="under-test")
    (event,) = eventually(source.events)
    assert event["Records"][0]["attributes"]["ApproximateReceiveCount"] == "1"


def test_a_mapping_can_be_disabled_enabled_and_deleted(
    source: Source, eventually: Callable[..., Any]
) -> None:
    """Changes of a mapping take effect while polling goes on."""
    uuid = source.map(Enabled=False)
    source.send("first")
    time.sleep(0.3)
    assert source.left() == 1
    source.client.update_event_source_mapping(UUID=uuid, Enabled=True)
    eventually(lambda: source.batches() == [["first"]])
    source.client.delete_event_source_mapping(UUID=uuid)
    eventually(lambda: source.left() == 0)
    source.send("second")
    time.sleep(0.3)
    assert source.batches() == [["first"]]


def test_an_idle_poller_costs_nothing(source: Source) -> None:
    """With a mapping, a hidden message and nothing to do, no CPU time is spent."""
    source.map()
    source.send("hidden", DelaySeconds=60)
    time.sleep(0.2)
    began = time.process_time()
    time.sleep(2)
    assert time.process_time() - began < 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}}, "does not support FilterCriteria"),
        ({"BatchSize": 11}, "Maximum batch window in seconds must be greater than 0"),
        ({"ScalingConfig": {"MaximumConcurrency": 1}}, "MaximumConcurrency|valid min value"),
    ],
)
def test_mappings_that_are_refused(source: Source, options: dict[str, Any], message: str) -> None:
    """What we cannot do is refused by name, what AWS refuses is refused too."""
    with pytest.raises(Exception, match=message):
        source.map(**options)
    assert not source.client.list_event_source_mappings()["EventSourceMappings"]


def test_updates_that_are_refused(source: Source) -> None:
    """An update is checked like a creation, with what the mapping already has."""
    uuid = source.map(BatchSize=10)
    with pytest.raises(ClientError, match="Maximum batch window"):
        source.client.update_event_source_mapping(UUID=uuid, BatchSize=100)
    window = {"BatchSize": 100, "MaximumBatchingWindowInSeconds": 1}
    assert source.client.update_event_source_mapping(UUID=uuid, **window)["BatchSize"] == 100


def test_other_event_sources_are_refused(source: Source, aws: Callable[[str], Any]) -> None:
    """A stream or a FIFO queue is refused by name; a queue must hide messages long enough."""
    sqs = aws("sqs")
    sqs.create_queue(QueueName="ordered.fifo", Attributes={"FifoQueue": "true"})
    sqs.create_queue(QueueName="hasty", Attributes={"VisibilityTimeout": "2"})
    prefix = "arn:aws:sqs:us-east-1:123456789012:"
    for arn, message in [
        ("arn:aws:kinesis:us-east-1:123456789012:stream/s", "does not support kinesis"),
        (f"{prefix}ordered.fifo", "does not support FIFO queues"),
        (f"{prefix}hasty", "visibility timeout: 2 seconds is less than Function timeout: 3"),
    ]:
        with pytest.raises(ClientError, match=message):
            source.client.create_event_source_mapping(EventSourceArn=arn, FunctionName="under-test")
