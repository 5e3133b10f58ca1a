"""Gap: moto's DynamoDB is not safe between threads: two conditional writes may both succeed.

Each write checks its condition and then writes, with nothing in between to keep another out.
DynamoDB serialises the operations on an item.
"""

import threading
from typing import Any

from moto.dynamodb.responses import DynamoHandler

_lock = threading.Lock()


def apply() -> None:
    """Answer one call at a time, until its answer is written: none of them waits for anything."""
    answer = DynamoHandler.call_action

    def call_action(handler: Any) -> Any:
        with _lock:
            return answer(handler)

    DynamoHandler.call_action = call_action
