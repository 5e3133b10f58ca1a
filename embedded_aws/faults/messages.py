"""Faults of messages: a queue delivers one more than once, under one id, as SQS may."""

import copy
import time
from functools import wraps
from typing import Any

from moto.sqs.models import Queue

from embedded_aws.faults.book import Faults
from embedded_aws.faults.documents import MessageFault


def apply(faults: Faults) -> None:
    """Let queues ask these faults about each message that they take."""
    add = Queue.add_message

    @wraps(add)
    def add_message(queue: Any, message: Any) -> None:
        add(queue, message)
        struck = faults.take(MessageFault, lambda fault: _is_meant(fault, queue, message))
        if struck is None:
            return
        for _ in range(struck.fault.copies):
            twin = copy.deepcopy(message)
            if struck.fault.seconds:
                twin.delayed_until = (time.time() + struck.fault.seconds) * 1000
            add(queue, twin)

    Queue.add_message = add_message


def _is_meant(fault: MessageFault, queue: Any, message: Any) -> bool:
    return fault.queue in queue.name and fault.match in message.body
