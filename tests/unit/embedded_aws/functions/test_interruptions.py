"""Invocations that are killed, or time out, in mid-flight: what they did, and who hears of it."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.conftest import Embedded
from tests.unit.embedded_aws.conftest import Force, Pending

# Puts an object for each key, one after the other, and looks at the queues in between.
WRITER = """
import json, os, time, boto3
s3, sqs = boto3.client("s3"), boto3.client("sqs")
def lambda_handler(event, context):
    order = json.loads(event["Records"][0]["body"]) if "Records" in event else event
    for key in order["keys"]:
        s3.put_object(Bucket="interruptions", Key=key)
        sqs.list_queues()
    time.sleep(order.get("seconds", 0))
    return os.getpid()
"""
QUEUE = "arn:aws:sqs:us-east-1:123456789012:interruptions"
KILLED = "Error: Runtime exited with error: signal: killed"


@dataclass
class Writer:
    """The function, and what it wrote."""

    embedded: Embedded
    name: str
    prefix: str
    numbers: list[str] = field(default_factory=lambda: ["1", "2", "3"])

    def order(self, **more: Any) -> str:
        """Give an event."""
        return json.dumps({"keys": [self.prefix + number for number in self.numbers], **more})

    def invoke(self, **more: Any) -> Any:
        """Invoke it and wait; give its answer, or the function error's document."""
        answer = self.embedded.client("lambda").invoke(
            FunctionName=self.name, Payload=self.order(**more)
        )
        document = json.loads(answer["Payload"].read())
        assert (answer.get("FunctionError") == "Unhandled") == isinstance(document, dict)
        return document

    def written(self) -> list[str]:
        """Tell which of the objects there are."""
        listed = self.embedded.client("s3").list_objects_v2(
            Bucket="interruptions", Prefix=self.prefix
        )
        return [each["Key"].removeprefix(self.prefix) for each in listed.get("Contents", [])]


@pytest.fixture(scope="module")
def function(embedded: Embedded, make_function: Callable[..., str]) -> str:
    """The function's name."""
    embedded.client("s3").create_bucket(Bucket="interruptions")
    make_function("interrupted-writer", WRITER, Timeout=20)
    return "interrupted-writer"


@pytest.fixture
def writer(embedded: Embedded, function: str, request: pytest.FixtureRequest) -> Writer:
    """The function, with keys for this test."""
    return Writer(embedded, function, f"{request.node.name}/")


@pytest.mark.parametrize("happens", [False, True])
@pytest.mark.parametrize("call", [1, 2, 3, 5, 6])
def test_it_is_killed_at_each_of_its_calls(
    writer: Writer, force: Force, pending: Pending, call: int, *, happens: bool
) -> None:
    """The calls before have happened, those after have not, and the one itself as asked."""
    force(kind="function", function="interrupted", call=call, happens=happens)
    error = writer.invoke()
    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith(KILLED)
    written = (call + (1 if happens else 0)) // 2  # every other call writes
    assert writer.written() == ["1", "2", "3"][:written]
    assert pending() == []
    assert isinstance(writer.invoke(), int)
    assert writer.written() == ["1", "2", "3"]


def test_a_call_that_is_never_made_kills_nothing(
    writer: Writer, force: Force, pending: Pending
) -> None:
    """The fault stays in the list: so whoever tries each call knows which was the last."""
    force(kind="function", function="interrupted", call=7)
    assert isinstance(writer.invoke(), int)
    assert [fault["call"] for fault in pending()] == [7]


def test_only_some_calls_count(writer: Writer, force: Force) -> None:
    """By service and operation, after so many invocations, and for a payload."""
    force(
        kind="function",
        service="s3",
        operation="PutObject",
        call=2,
        match="yes",
        after=1,
    )
    first = writer.invoke(meant="yes")
    assert writer.invoke(meant="no") == first
    assert writer.invoke(meant="yes")["errorType"] == "Runtime.ExitError"
    assert writer.invoke(meant="yes") != first


def test_a_function_of_another_name_is_spared(
    writer: Writer, force: Force, pending: Pending
) -> None:
    """The name decides."""
    force(kind="function", function="somebody-else")
    assert isinstance(writer.invoke(), int)
    assert len(pending()) == 1


def test_only_this_functions_calls_are_refused(writer: Writer, force: Force) -> None:
    """A fault of a call tells its caller by the function's name."""
    fault = {"service": "s3", "operation": "PutObject", "match": writer.prefix, "by": writer.name}
    force(**fault, code="AccessDenied", status=403)
    writer.embedded.client("s3").put_object(Bucket="interruptions", Key=f"{writer.prefix}0")
    assert writer.invoke()["errorType"] == "AccessDenied"
    assert writer.written() == ["0"]


def test_it_is_killed_after_some_time(writer: Writer, force: Force, pending: Pending) -> None:
    """Wherever it is then; one that has ended by then is spared."""
    force(kind="function", function="interrupted", seconds=1)
    pid = writer.invoke()
    assert len(pending()) == 1
    began = time.monotonic()
    error = writer.invoke(seconds=10)
    assert 1 <= time.monotonic() - began < 9
    assert error["errorMessage"].endswith(KILLED)
    assert pending() == []
    assert writer.invoke() != pid


def test_an_invocation_that_goes_on_is_struck_too(
    writer: Writer, force: Force, eventually: Callable[..., Any]
) -> None:
    """A fault with a time need not be there before it begins."""
    with ThreadPoolExecutor() as pool:
        invoked = pool.submit(writer.invoke, seconds=15)
        eventually(lambda: "3" in writer.written())
        force(kind="function", function="interrupted", seconds=0)
        assert invoked.result(timeout=14)["errorMessage"].endswith(KILLED)


@pytest.mark.parametrize("at", [{"call": 3, "happens": True}, {"seconds": 0.5}])
def test_it_times_out(writer: Writer, force: Force, at: dict[str, Any]) -> None:
    """Told as Lambda tells it, without the wait, and the process is gone."""
    force(kind="function", function="interrupted", then="timed_out", **at)
    began = time.monotonic()
    error = writer.invoke(seconds=15)
    assert time.monotonic() - began < 14
    assert error["errorType"] == "Sandbox.Timedout"
    assert error["errorMessage"].endswith("Error: Task timed out after 20.00 seconds")
    assert isinstance(writer.invoke(), int)


def test_an_asynchronous_invocation_is_tried_again(
    writer: Writer, force: Force, pending: Pending, eventually: Callable[..., Any]
) -> None:
    """Killed in the middle, it is complete in the end."""
    force(kind="function", match=writer.prefix, call=3)
    writer.embedded.client("lambda").invoke(
        FunctionName=writer.name, InvocationType="Event", Payload=writer.order()
    )
    eventually(lambda: writer.written() == ["1", "2", "3"])
    assert pending() == []


def test_a_batch_comes_back_when_its_visibility_ends(
    writer: Writer, force: Force, pending: Pending, eventually: Callable[..., Any]
) -> None:
    """The messages of a killed invocation are not deleted."""
    sqs = writer.embedded.client("sqs")
    attributes = {"VisibilityTimeout": "20"}
    url = sqs.create_queue(QueueName="interruptions", Attributes=attributes)["QueueUrl"]
    mapping = writer.embedded.client("lambda").create_event_source_mapping(
        EventSourceArn=QUEUE, FunctionName=writer.name
    )
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "2"})
    force(kind="function", match=writer.prefix.split("[")[0], call=4)
    sqs.send_message(QueueUrl=url, MessageBody=writer.order())
    began = time.monotonic()
    eventually(lambda: pending() == [])
    assert writer.written() == ["1", "2"]
    eventually(lambda: writer.written() == ["1", "2", "3"])
    assert time.monotonic() - began > 1.5
    writer.embedded.client("lambda").delete_event_source_mapping(UUID=mapping["UUID"])
