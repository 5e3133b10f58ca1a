import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from embedded_aws.errors import AwsError
from embedded_aws.functions import Functions, asynchronous

# Notes each try with its request id, and fails as often as the event says.
COUNTING = """
import json, pathlib
def lambda_handler(event, context):
    tries = pathlib.Path(event["file"])
    before = tries.read_text() if tries.exists() else ""
    tries.write_text(before + context.aws_request_id + "\\n")
    if len(before.splitlines()) < event["failures"]:
        raise ValueError("not yet")
    return "done"
"""


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow at once."""
    monkeypatch.setattr(asynchronous, "RETRY_DELAYS_SECONDS", [0.05, 0.1])


@pytest.fixture
def queue(aws: Callable[[str], Any]) -> Callable[[], list[Any]]:
    """A queue for what becomes of events: gives the messages that are there."""
    url = aws("sqs").create_queue(QueueName="fates")["QueueUrl"]

    def receive() -> list[Any]:
        answer = aws("sqs").receive_message(
            QueueUrl=url, WaitTimeSeconds=1, MessageAttributeNames=["All"]
        )
        return list(answer.get("Messages", []))

    return receive


QUEUE_ARN = "arn:aws:sqs:us-east-1:123456789012:fates"


def event(file: Path, failures: int) -> bytes:
    """An event for the counting function."""
    return json.dumps({"file": str(file), "failures": failures}).encode()


def tries(file: Path) -> list[str]:
    """The request ids of the tries."""
    return file.read_text().splitlines() if file.exists() else []


def test_success_needs_one_try(
    functions: Functions,
    deploy: Callable[..., str],
    eventually: Callable[..., Any],
    tmp_path: Path,
) -> None:
    """An event that succeeds is processed once, after the caller has gone on."""
    deploy(COUNTING)
    functions.invoke_async("under-test", event(tmp_path / "tries", 0))
    eventually(lambda: tries(tmp_path / "tries"))
    time.sleep(0.5)
    assert len(tries(tmp_path / "tries")) == 1


def test_two_more_tries_with_the_same_request_id(
    functions: Functions,
    deploy: Callable[..., str],
    eventually: Callable[..., Any],
    tmp_path: Path,
) -> None:
    """A function error is tried twice more, as the same request, until it succeeds."""
    deploy(COUNTING)
    functions.invoke_async("under-test", event(tmp_path / "tries", 2))
    eventually(lambda: len(tries(tmp_path / "tries")) == 3)
    assert len(set(tries(tmp_path / "tries"))) == 1


def test_a_dead_letter_queue(
    functions: Functions,
    deploy: Callable[..., str],
    queue: Callable[[], list[Any]],
    tmp_path: Path,
) -> None:
    """After the third failure the event itself goes to the function's dead-letter queue."""
    deploy(COUNTING, DeadLetterConfig={"TargetArn": QUEUE_ARN})
    payload = event(tmp_path / "tries", 9)
    functions.invoke_async("under-test", payload)
    (message,) = wait_for(queue)
    assert len(tries(tmp_path / "tries")) == 3
    assert message["Body"] == payload.decode()
    attributes = message["MessageAttributes"]
    assert attributes["ErrorMessage"]["StringValue"] == "not yet"
    assert attributes["RequestID"]["StringValue"] == tries(tmp_path / "tries")[0]


def wait_for(queue: Callable[[], list[Any]]) -> list[Any]:
    """The first messages that arrive."""
    for _ in range(10):
        messages = queue()
        if messages:
            return messages
    raise AssertionError("no message in time")


@pytest.mark.parametrize(
    ("failures", "destination", "condition", "count"),
    [(9, "OnFailure", "RetriesExhausted", 2), (0, "OnSuccess", "Success", 1)],
)
def test_destinations(  # noqa: PLR0913, PLR0917
    functions: Functions,
    deploy: Callable[..., str],
    aws: Callable[[str], Any],
    queue: Callable[[], list[Any]],
    tmp_path: Path,
    failures: int,
    destination: str,
    condition: str,
    count: int,
) -> None:
    """The invocation record goes to the destination; MaximumRetryAttempts limits the tries."""
    arn = deploy(COUNTING)
    aws("lambda").put_function_event_invoke_config(
        FunctionName="under-test",
        MaximumRetryAttempts=1,
        DestinationConfig={destination: {"Destination": QUEUE_ARN}},
    )
    payload = event(tmp_path / "tries", failures)
    functions.invoke_async("under-test", payload)
    (message,) = wait_for(queue)
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == condition
    assert record["requestContext"]["functionArn"] == f"{arn}:$LATEST"
    assert record["requestContext"]["approximateInvokeCount"] == count
    assert record["requestPayload"] == json.loads(payload)
    if failures:
        assert record["responsePayload"]["errorType"] == "ValueError"
        assert record["responseContext"]["functionError"] == "Unhandled"
    else:
        assert record["responsePayload"] == "done"
    assert len(tries(tmp_path / "tries")) == count


def test_a_lambda_destination(
    functions: Functions,
    deploy: Callable[..., str],
    aws: Callable[[str], Any],
    eventually: Callable[..., Any],
    tmp_path: Path,
) -> None:
    """The record can go to another function."""
    deploy(COUNTING)
    source = (
        "import json, pathlib\n"
        "def lambda_handler(event, context):\n"
        f"    pathlib.Path({str(tmp_path / 'record')!r}).write_text(json.dumps(event))"
    )
    arn = deploy(source, "listener")
    aws("lambda").put_function_event_invoke_config(
        FunctionName="under-test",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": arn}},
    )
    functions.invoke_async("under-test", event(tmp_path / "tries", 9))
    record = eventually(
        lambda: (tmp_path / "record").exists() and (tmp_path / "record").read_text()
    )
    assert json.loads(record)["requestContext"]["condition"] == "RetriesExhausted"


def test_without_a_destination_the_loss_is_logged(
    functions: Functions,
    deploy: Callable[..., str],
    eventually: Callable[..., Any],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An event that is given up leaves a line in the log."""
    deploy(COUNTING)
    with caplog.at_level(logging.ERROR, logger="embedded_aws"):
        functions.invoke_async("under-test", event(tmp_path / "tries", 9))
        eventually(lambda: "dropped after 3 tries" in caplog.text)


def test_throttling_is_waited_out(  # noqa: PLR0913, PLR0917
    functions: Functions,
    deploy: Callable[..., str],
    aws: Callable[[str], Any],
    eventually: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Throttling uses up no try: the event is processed once there is room."""
    monkeypatch.setattr(asynchronous, "_THROTTLE_DELAY_SECONDS", 0.05)
    deploy(COUNTING)
    aws("lambda").put_function_concurrency(
        FunctionName="under-test", ReservedConcurrentExecutions=0
    )
    functions.invoke_async("under-test", event(tmp_path / "tries", 0))
    time.sleep(0.3)
    assert not tries(tmp_path / "tries")
    aws("lambda").delete_function_concurrency(FunctionName="under-test")
    eventually(lambda: tries(tmp_path / "tries"))


def test_other_targets_are_refused(deploy: Callable[..., str], aws: Callable[[str], Any]) -> None:
    """A topic or a bus is refused by name when it is configured, not when it is needed."""
    topic = "arn:aws:sns:us-east-1:123456789012:topic"
    with pytest.raises(ClientError, match="does not support the target arn:aws:sns"):
        deploy(COUNTING, DeadLetterConfig={"TargetArn": topic})
    deploy(COUNTING)
    bus = "arn:aws:events:us-east-1:123456789012:event-bus/default"
    with pytest.raises(ClientError, match="does not support the target arn:aws:events"):
        aws("lambda").put_function_event_invoke_config(
            FunctionName="under-test", DestinationConfig={"OnFailure": {"Destination": bus}}
        )


def test_an_unknown_function_is_refused_at_once(functions: Functions) -> None:
    """Nothing is accepted for a function that does not exist."""
    with pytest.raises(AwsError, match="ResourceNotFoundException"):
        functions.invoke_async("nobody", b"{}")
    assert not [t for t in threading.enumerate() if t.name == "lambda-async"]
