"""Lambda's event source mappings: from SQS queues to invocations.

One thread looks at all mappings whenever a message arrives or something falls due, and collects
batches; each batch is invoked in a thread of its own. AWS has several pollers per mapping, each
with a batch of its own; here one batch per mapping fills at a time, so that a burst is not split
without need.
"""

import json
import logging
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Protocol

from embedded_aws.errors import AwsError
from embedded_aws.functions import moto_sqs, records
from embedded_aws.functions.batches import done, record
from embedded_aws.functions.environment import Invocation
from embedded_aws.functions.outcomes import MAX_REQUEST_BYTES
from embedded_aws.settings import Settings

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0  # mappings and queues may change without a message
_DEFAULT_CONCURRENCY = 5
_FIRST_THROTTLE_DELAY_SECONDS = 0.1
_MAX_THROTTLE_DELAY_SECONDS = 5.0
_ENVELOPE_BYTES = len('{"Records": []}')


class Invoker(Protocol):
    """Runs functions."""

    def invoke(self, function: str, payload: bytes) -> Invocation:
        """Invoke and wait."""


@dataclass
class _Batch:
    """Messages that were received and are not yet given to the function."""

    messages: list[Any] = field(default_factory=list)
    records: list[str] = field(default_factory=list)
    size: int = _ENVELOPE_BYTES
    since: float = 0.0

    def add(self, message: Any, text: str) -> None:
        self.since = self.since or time.monotonic()
        self.messages.append(message)
        self.records.append(text)
        self.size += len(text.encode()) + len(", ")

    def payload(self) -> bytes:
        return f'{{"Records": [{", ".join(self.records)}]}}'.encode()


class EventSources:
    """Reads the queues of all enabled mappings, until stopped."""

    def __init__(self, settings: Settings, invoker: Invoker) -> None:
        """Do nothing yet."""
        self._settings = settings
        self._invoker = invoker
        self._stopping = threading.Event()
        self._batches: dict[str, _Batch] = defaultdict(_Batch)
        self._at_work: dict[str, int] = defaultdict(int)
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start to poll."""
        threading.Thread(target=self._poll, name="lambda-event-sources", daemon=True).start()

    def stop(self) -> None:
        """Stop polling; messages that were received stay in their queue."""
        self._stopping.set()
        moto_sqs.changes.announce()

    def _poll(self) -> None:
        while not self._stopping.is_set():
            seen = moto_sqs.changes.seen
            wait = _LOOK_SECONDS
            mappings = list(records.backend(self._settings)._event_source_mappings.values())  # noqa: SLF001
            for mapping in mappings:
                try:
                    wait = min(wait, self._serve(mapping))
                except Exception:
                    logger.exception("event source mapping %s", mapping.uuid)
            self._forget_deleted({mapping.uuid for mapping in mappings})
            moto_sqs.changes.wait(seen, wait)

    def _forget_deleted(self, existing: set[str]) -> None:
        for uuid in self._batches.keys() - existing:
            del self._batches[uuid]

    def _serve(self, mapping: Any) -> float:
        """Receive and dispatch what is there; seconds until there may be more to do."""
        queue = self._queue(mapping)
        if queue is None or not mapping.enabled:
            self._batches.pop(mapping.uuid, None)
            return _LOOK_SECONDS
        while self._has_capacity(mapping):
            self._collect(mapping, queue)
            batch = self._batches[mapping.uuid]
            left = batch.since + (mapping.max_batch_window or 0) - time.monotonic()
            full = len(batch.messages) >= mapping.batch_size
            if batch.messages and (full or left <= 0):
                self._dispatch(mapping, queue)
                continue
            visible = moto_sqs.seconds_until_visible(queue)
            due = [left] if batch.messages else []
            return min([*due, *([] if visible is None else [visible]), _LOOK_SECONDS])
        return _LOOK_SECONDS  # an invocation that ends wakes us

    def _collect(self, mapping: Any, queue: Any) -> None:
        """Fill the mapping's batch; one that would grow over 6 MB is dispatched on the way."""
        from moto.sqs.models import sqs_backends  # noqa: PLC0415

        backend = sqs_backends[queue.account_id][queue.region]
        wanted = mapping.batch_size - len(self._batches[mapping.uuid].messages)
        for message in backend.receive_message(
            queue.name, wanted, 0, queue.visibility_timeout, ["All"]
        ):
            text = json.dumps(record(message, queue.queue_arn, queue.region))
            batch = self._batches[mapping.uuid]
            if batch.messages and batch.size + len(text.encode()) > MAX_REQUEST_BYTES:
                self._dispatch(mapping, queue)
            self._batches[mapping.uuid].add(message, text)

    def _queue(self, mapping: Any) -> Any:
        from moto.sqs.models import sqs_backends  # noqa: PLC0415

        region, account, name = mapping.event_source_arn.split(":")[3:6]
        return sqs_backends[account][region].queues.get(name)

    def _has_capacity(self, mapping: Any) -> bool:
        limit = (mapping.scaling_config or {}).get("MaximumConcurrency") or _DEFAULT_CONCURRENCY
        with self._lock:
            return self._at_work[mapping.uuid] < int(limit)

    def _dispatch(self, mapping: Any, queue: Any) -> None:
        batch = self._batches.pop(mapping.uuid)
        with self._lock:
            self._at_work[mapping.uuid] += 1
        threading.Thread(
            target=self._work, args=(mapping, queue, batch), name="lambda-batch", daemon=True
        ).start()

    def _work(self, mapping: Any, queue: Any, batch: _Batch) -> None:
        try:
            ids = [message.id for message in batch.messages]
            invocation = self._invoke(mapping, queue, batch)
            types = mapping.function_response_types or []
            finished = done(ids, invocation, reports_failures="ReportBatchItemFailures" in types)
            for message in batch.messages:
                if message.id in finished:
                    queue.delete_message(message.receipt_handle)
        except Exception:
            # The messages come back when their visibility timeout ends.
            if not self._stopping.is_set():
                logger.exception("batch of %s for %s", queue.name, mapping.function_arn)
        finally:
            with self._lock:
                self._at_work[mapping.uuid] -= 1
            moto_sqs.changes.announce()

    def _invoke(self, mapping: Any, queue: Any, batch: _Batch) -> Invocation:
        """Invoke; while throttled, try again until the messages are visible again."""
        delay = _FIRST_THROTTLE_DELAY_SECONDS
        give_up_at = batch.since + queue.visibility_timeout
        while True:
            try:
                return self._invoker.invoke(mapping.function_arn, batch.payload())
            except AwsError as err:
                throttled = err.code == "TooManyRequestsException"
                if not throttled or time.monotonic() + delay > give_up_at:
                    raise
            if self._stopping.wait(delay):
                raise AwsError("ServiceException", "the embedded AWS is stopping", 500)
            delay = min(delay * 2, _MAX_THROTTLE_DELAY_SECONDS)
