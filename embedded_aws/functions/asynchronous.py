"""Lambda's asynchronous invocation: two more tries, then a dead-letter queue or a destination."""

import datetime as dt
import json
import logging
import threading
import time
import uuid
from typing import Any, Protocol

from embedded_aws.errors import AwsError
from embedded_aws.functions import records
from embedded_aws.functions.environment import Invocation
from embedded_aws.functions.records import AsyncSettings
from embedded_aws.settings import Settings

logger = logging.getLogger(__name__)

# AWS waits one minute before the second try and two before the third; nobody here would.
RETRY_DELAYS_SECONDS = [1.0, 2.0]
_THROTTLE_DELAY_SECONDS = 1.0  # doubled up to five minutes, as on AWS
_MAX_THROTTLE_DELAY_SECONDS = 300.0
_MAX_AT_ONCE = 10
_ERROR_MESSAGE_BYTES = 1024  # a dead letter carries no more of it


class Invoker(Protocol):
    """Runs functions."""

    def invoke(self, function: str, payload: bytes, *, request_id: str | None) -> Invocation:
        """Invoke and wait."""

    def invoke_async(self, function: str, payload: bytes) -> None:
        """Invoke in the background."""


class AsyncInvocations:
    """The events that were accepted and have no fate yet, each with a thread of its own."""

    def __init__(self, settings: Settings, invoker: Invoker) -> None:
        """Start without any."""
        self._settings = settings
        self._invoker = invoker
        self._stopping = threading.Event()
        self._slots = threading.BoundedSemaphore(_MAX_AT_ONCE)

    def accept(self, function: str, payload: bytes) -> None:
        """Run the function in the background."""
        threading.Thread(
            target=self._process, args=(function, payload), name="lambda-async", daemon=True
        ).start()

    def stop(self) -> None:
        """Try nothing again."""
        self._stopping.set()

    def _process(self, function: str, payload: bytes) -> None:
        try:
            self._run_to_its_end(function, payload)
        except Exception:
            if not self._stopping.is_set():
                logger.exception("asynchronous invocation of %s", function)

    def _run_to_its_end(self, function: str, payload: bytes) -> None:
        settings = records.async_settings(self._settings, function)
        fate = _Fate(function, payload)
        give_up_at = time.monotonic() + settings.age_seconds
        while True:
            fate.invocation = self._invoke_unthrottled(fate, give_up_at)
            fate.tries += 1
            if fate.invocation is None or not fate.failed or fate.tries > settings.retries:
                break
            self._stopping.wait(RETRY_DELAYS_SECONDS[fate.tries - 1])
        if not self._stopping.is_set():
            self._tell(settings, fate)

    def _invoke_unthrottled(self, fate: "_Fate", give_up_at: float) -> Invocation | None:
        """The invocation; None when throttling outlived the event."""
        delay = _THROTTLE_DELAY_SECONDS
        while not self._stopping.is_set():
            try:
                with self._slots:
                    return self._invoker.invoke(
                        fate.function, fate.payload, request_id=fate.request_id
                    )
            except AwsError as err:
                if err.code != "TooManyRequestsException":
                    raise
            if time.monotonic() + delay > give_up_at:
                return None
            self._stopping.wait(delay)
            delay = min(delay * 2, _MAX_THROTTLE_DELAY_SECONDS)
        return None

    def _tell(self, settings: AsyncSettings, fate: "_Fate") -> None:
        destination = settings.on_failure if fate.failed else settings.on_success
        if destination:
            self._send(destination, fate.record(), {})
        if fate.failed and settings.dead_letter:
            body = fate.payload.decode()
            self._send(settings.dead_letter, body, fate.dead_letter_attributes())
        if fate.failed and not destination and not settings.dead_letter:
            logger.error("event for %s dropped after %d tries", fate.function, fate.tries)

    def _send(self, arn: str, body: str, attributes: dict[str, Any]) -> None:
        if arn.split(":")[2] == "lambda":
            self._invoker.invoke_async(arn, body.encode())
            return
        sqs = self._sqs()
        url = sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes)

    def _sqs(self) -> Any:
        import boto3  # noqa: PLC0415  # only when something failed

        return boto3.client(
            "sqs",
            endpoint_url=self._settings.endpoint_url,
            region_name=self._settings.region,
            aws_access_key_id="embedded",
            aws_secret_access_key="embedded",  # noqa: S106  # nobody checks it
        )


class _Fate:
    """How an event ended, as destinations and dead-letter queues are told."""

    def __init__(self, function: str, payload: bytes) -> None:
        self.function = function
        self.payload = payload
        self.request_id = str(uuid.uuid4())  # the same for every try
        self.tries = 0
        self.invocation: Invocation | None = None

    @property
    def failed(self) -> bool:
        return self.invocation is None or self.invocation.function_error is not None

    def dead_letter_attributes(self) -> dict[str, Any]:
        answer = self._answer()
        message = answer.get("errorMessage", "") if isinstance(answer, dict) else ""
        text = str(message).encode()[:_ERROR_MESSAGE_BYTES].decode(errors="ignore")
        return {
            "RequestID": {"DataType": "String", "StringValue": self.request_id},
            "ErrorCode": {"DataType": "Number", "StringValue": "200"},
            "ErrorMessage": {"DataType": "String", "StringValue": text or "unknown"},
        }

    def record(self) -> str:
        """The invocation record, as "Adding a destination" documents it."""
        if self.invocation is None:
            condition = "EventAgeExceeded"
        else:
            condition = "RetriesExhausted" if self.failed else "Success"
        document: dict[str, Any] = {
            "version": "1.0",
            "timestamp": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
            "requestContext": {
                "requestId": self.request_id,
                "functionArn": f"{self.function}:$LATEST",
                "condition": condition,
                "approximateInvokeCount": self.tries,
            },
            "requestPayload": json.loads(self.payload),
        }
        if self.invocation is not None:
            context: dict[str, Any] = {"statusCode": 200, "executedVersion": "$LATEST"}
            if self.invocation.function_error:
                context["functionError"] = self.invocation.function_error
            document["responseContext"] = context
            document["responsePayload"] = self._answer()
        return json.dumps(document)

    def _answer(self) -> Any:
        return json.loads(self.invocation.payload) if self.invocation else None
