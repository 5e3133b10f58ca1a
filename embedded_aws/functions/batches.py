"""A batch of SQS messages: the event that Lambda makes of it, and what its answer means."""

import base64
import json
from collections.abc import Sequence
from typing import Any

from embedded_aws.functions.environment import Invocation


def record(message: Any, queue_arn: str, region: str) -> dict[str, Any]:
    """One of the event's Records, from one of moto's messages."""
    attributes = {
        "ApproximateReceiveCount": str(message.approximate_receive_count),
        "SentTimestamp": str(message.sent_timestamp),
        "SenderId": message.sender_id,
        "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
    }
    trace = (message.system_attributes.get("AWSTraceHeader") or {}).get("StringValue")
    if trace:
        attributes["AWSTraceHeader"] = trace
    document = {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": attributes,
        "messageAttributes": {
            name: _attribute(value) for name, value in message.message_attributes.items()
        },
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": region,
    }
    if message.message_attributes:
        document["md5OfMessageAttributes"] = message.attribute_md5
    return document


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": value["DataType"],
    }
    if "StringValue" in value:
        document["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        binary = value["BinaryValue"]
        is_bytes = isinstance(binary, bytes)
        document["binaryValue"] = base64.b64encode(binary).decode() if is_bytes else binary
    return document


def done(ids: Sequence[str], invocation: Invocation, *, reports_failures: bool) -> set[str]:
    """The ids of the messages that are done with and leave the queue.

    As "Implementing partial batch responses" has it: an answer or a list that is empty or null is
    a complete success; an answer that is malformed, or names a message that is not in the batch,
    is a complete failure, as a function error is.
    """
    if invocation.function_error:
        return set()
    if not reports_failures:
        return set(ids)
    try:
        answer = json.loads(invocation.payload) or {}
        failed = {failure["itemIdentifier"] for failure in answer.get("batchItemFailures") or []}
    except (ValueError, TypeError, KeyError, AttributeError):
        return set()
    return set(ids) - failed if failed <= set(ids) else set()
