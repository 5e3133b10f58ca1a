"""Gap: moto's queues are not safe between threads, and nobody is told of a new message.

Two receivers may get the same message, a delete that meets a send loses the sent message, and a
long poll looks only once a second. Here each queue's own lock covers its operations, a long poll
wakes at once, and a listener can wait for any queue to change.

And moto asks the clock, through two dates, several times for each message of a queue whenever one
is sent or received: in a burst nobody else got an answer. Here the clock is asked directly.
"""

import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

_LONGEST_WAIT_SECONDS = 1.0  # a message whose visibility timeout ends wakes nobody


class Changes:
    """Wakes who waits for messages to arrive."""

    def __init__(self) -> None:
        """Start without news."""
        self._condition = threading.Condition()
        self._number = 0

    def announce(self) -> None:
        """Wake all who wait."""
        with self._condition:
            self._number += 1
            self._condition.notify_all()

    @property
    def seen(self) -> int:
        """What to give to `wait`: take it before looking at the queues."""
        return self._number

    def wait(self, seen: int, seconds: float) -> None:
        """Return when something was announced since `seen`, or after `seconds`."""
        with self._condition:
            self._condition.wait_for(lambda: self._number != seen, seconds)


# Moto's backends belong to the whole process, and so does the news of them.
changes = Changes()


def apply() -> None:
    """Close the gap; a second call changes nothing."""
    from moto.sqs.models import Message, Queue, SQSBackend  # noqa: PLC0415

    if hasattr(Queue.add_message, "__wrapped__"):
        return
    Queue.add_message = _locked(Queue.add_message, announces=True)
    Queue.delete_message = _locked(Queue.delete_message, announces=False)
    SQSBackend.change_message_visibility = _on_locked_queue(SQSBackend.change_message_visibility)
    SQSBackend.receive_message = _receiving(SQSBackend.receive_message)
    SQSBackend.is_message_valid_based_on_retention_period = _is_kept
    Message.visible = property(lambda message: time.time() * 1000 > message.visible_at)
    Message.delayed = property(lambda message: time.time() * 1000 < message.delayed_until)


def seconds_until_visible(queue: Any) -> float | None:
    """When a message that is now hidden can be received; None if there is none."""
    now = time.time() * 1000
    with queue._messages_lock:  # noqa: SLF001
        times = [max(m.visible_at, m.delayed_until) for m in queue._messages]  # noqa: SLF001
    later = [moment - now for moment in times if moment > now]
    return min(later) / 1000 if later else None


def _is_kept(backend: Any, queue_name: str, message: Any) -> bool:
    queue = backend.get_queue(queue_name)
    return bool(time.time() < queue.message_retention_period + message.sent_timestamp / 1000)


def _locked(original: Callable[..., Any], *, announces: bool) -> Callable[..., Any]:
    @wraps(original)
    def method(self: Any, *args: Any) -> Any:
        with self._messages_lock:
            result = original(self, *args)
        if announces:
            changes.announce()
        return result

    return method


def _on_locked_queue(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def method(self: Any, queue_name: str, receipt_handle: str, visibility_timeout: int) -> Any:
        queue = self.get_queue(queue_name)
        with queue._messages_lock:  # noqa: SLF001
            result = original(self, queue_name, receipt_handle, visibility_timeout)
            queue._messages_lock.notify_all()  # noqa: SLF001
        changes.announce()
        return result

    return method


def _receiving(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def receive_message(  # noqa: PLR0913, PLR0917
        self: Any,
        queue_name: str,
        count: int,
        wait_seconds_timeout: int,
        visibility_timeout: int,
        message_attribute_names: list[str] | None = None,
    ) -> Any:
        lock = self.get_queue(queue_name)._messages_lock  # noqa: SLF001
        end = time.monotonic() + wait_seconds_timeout
        with lock:
            while True:
                messages = original(
                    self, queue_name, count, 0, visibility_timeout, message_attribute_names
                )
                left = end - time.monotonic()
                if messages or left <= 0:
                    return messages
                lock.wait(min(left, _LONGEST_WAIT_SECONDS))

    return receive_message
