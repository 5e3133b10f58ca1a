"""What comes to the trigger's queue: S3's events, requests to start, and looks.

Every message is checked before any AWS call; who may send one is the queue's policy.
"""

from __future__ import annotations

import json
from typing import Any

from dropforge_core import asking, intake, start_requests
from dropforge_core.errors import InvalidInputError

type Message = intake.Dropped | start_requests.Asked | asking.Look


def read_message(body: str, *, bucket: str, stack: str, state_machine: str) -> Message:
    """Read one message.

    Raises:
        InvalidInputError: it is none of ours, or it is of another stack or bucket.
    """
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError) as err:
        raise InvalidInputError("The message is not JSON.") from err
    source = document.get("source") if isinstance(document, dict) else None
    if source == start_requests.SOURCE and document.get("detail-type") == asking.DETAIL_TYPE:
        return asking.read_look(document)
    if source == start_requests.SOURCE:
        return start_requests.read_request(document, stack)
    if source == start_requests.ALARM_SOURCE:
        return start_requests.read_alarm(document, stack, state_machine)
    return intake.read_document(document, bucket)
