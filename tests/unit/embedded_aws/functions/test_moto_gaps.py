import inspect
import threading
import time
from collections.abc import Callable
from typing import Any

import moto.awslambda.models
import pytest
from moto.sqs.models import Queue, SQSBackend, sqs_backends

from embedded_aws.functions import Functions, moto_lambda, moto_sqs
from embedded_aws.settings import Settings


def source_of(method: Any) -> str:
    """The source of moto's own method, below ours."""
    return inspect.getsource(inspect.unwrap(method))


def test_moto_has_the_lambda_gap() -> None:
    """Moto itself keeps no DeadLetterConfig, and pushes messages into its own Invoke."""
    moto_lambda.apply()
    assert "DeadLetterConfig" not in inspect.getsource(moto.awslambda.models)
    assert "send_sqs_batch" in source_of(Queue.add_message)


def test_moto_has_the_sqs_gap() -> None:
    """Moto itself holds no lock while it receives or deletes, and polls once a second."""
    moto_sqs.apply()
    assert "_messages_lock" not in source_of(SQSBackend.receive_message)
    assert "_messages_lock" not in source_of(Queue.delete_message)
    assert "wait_for_messages(1)" in source_of(SQSBackend.receive_message)


def test_a_second_apply_changes_nothing() -> None:
    """Gaps are closed once."""
    moto_lambda.apply()
    moto_sqs.apply()
    methods = [Queue.add_message, SQSBackend.receive_message]
    moto_lambda.apply()
    moto_sqs.apply()
    assert methods == [Queue.add_message, SQSBackend.receive_message]


@pytest.fixture
def queue(settings: Settings) -> Queue:
    """A queue of moto's, whose gaps are closed."""
    moto_sqs.apply()
    return sqs_backends[settings.account][settings.region].create_queue("shared")


def test_no_message_is_lost_or_received_twice(settings: Settings, queue: Queue) -> None:
    """Many threads send, receive and delete at once, and every message arrives exactly once."""
    backend = sqs_backends[settings.account][settings.region]
    received: list[str] = []
    sent = [f"{sender}-{number}" for sender in range(3) for number in range(60)]

    def send(sender: int) -> None:
        for number in range(60):
            backend.send_message(queue.name, f"{sender}-{number}")

    def receive() -> None:
        deadline = time.monotonic() + 10
        while len(received) < len(sent) and time.monotonic() < deadline:
            for message in backend.receive_message(queue.name, 3, 0, 30):
                received.append(message.body)
                queue.delete_message(message.receipt_handle)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(3)]
    threads += [threading.Thread(target=receive) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(received) == sorted(sent)


def test_a_long_poll_wakes_at_once(settings: Settings, queue: Queue) -> None:
    """Who waits for a message gets it when it is sent, not at the next look."""
    backend = sqs_backends[settings.account][settings.region]
    moments: list[float] = []

    def receive() -> None:
        assert backend.receive_message(queue.name, 1, 20, 30)
        moments.append(time.monotonic())

    waiting = threading.Thread(target=receive)
    waiting.start()
    time.sleep(0.2)
    sent = time.monotonic()
    backend.send_message(queue.name, "hello")
    waiting.join()
    assert moments[0] - sent < 10


def test_a_long_poll_without_a_message_ends(settings: Settings, queue: Queue) -> None:
    """A long poll returns empty after its time, and holds up no sender meanwhile."""
    backend = sqs_backends[settings.account][settings.region]
    began = time.monotonic()
    assert backend.receive_message(queue.name, 1, 1, 30) == []
    assert 0.9 < time.monotonic() - began < 10


def test_hidden_delayed_and_expired_messages_are_not_received(
    settings: Settings, queue: Queue
) -> None:
    """Each is left where it is, and the one that is there comes."""
    backend = sqs_backends[settings.account][settings.region]
    for body in ("hidden", "expired", "there"):
        backend.send_message(queue.name, body)
    backend.send_message(queue.name, "delayed", delay_seconds=60)
    hidden, expired, *_ = queue._messages  # noqa: SLF001
    hidden.change_visibility(60)
    assert [one.body for one in queue.messages] == ["expired", "there"]
    expired.sent_timestamp -= (queue.message_retention_period + 1) * 1000
    queue._messages.remove(expired)  # noqa: SLF001 - moto stops at one: it is to come last
    queue._messages.append(expired)  # noqa: SLF001
    assert [one.body for one in backend.receive_message(queue.name, 10, 0, 30)] == ["there"]


def test_a_dead_letter_target_is_kept_and_updated(
    functions: Functions, deploy: Callable[..., str], aws: Callable[[str], Any]
) -> None:
    """The setting is there after creation and follows an update."""
    assert functions
    deploy("", DeadLetterConfig={"TargetArn": "arn:aws:sqs:us-east-1:123456789012:one"})
    record = moto.awslambda.models.lambda_backends["123456789012"]["us-east-1"].get_function(
        "under-test"
    )
    assert record.dead_letter_target.endswith(":one")
    aws("lambda").update_function_configuration(
        FunctionName="under-test",
        DeadLetterConfig={"TargetArn": "arn:aws:sqs:us-east-1:123456789012:two"},
    )
    assert record.dead_letter_target.endswith(":two")
