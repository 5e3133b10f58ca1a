"""Take a pipeline's lock, as whoever starts a run or changes its data has to."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from dropforge_core.errors import ServiceUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from dropforge_core.ledger import Ledger
    from dropforge_core.records import Lock

_TRIES = 6
_PAUSE_SECONDS = 1.0


def take_lock(
    ledger: Ledger, pipeline: str, now: Callable[[], datetime], pause: Callable[[float], None]
) -> Lock | None:
    """Take the lock, and wait a while for a starter that has it; None when a run is going.

    Raises:
        ServiceUnavailableError: another starter keeps the lock; ask again later.
    """
    owner = uuid.uuid4().hex
    for _ in range(_TRIES):
        lock = ledger.acquire(pipeline, owner, int(now().timestamp()))
        if lock is not None:
            return lock
        holder = ledger.lock(pipeline)
        if holder is not None and holder.phase == "RUNNING":
            return None
        pause(_PAUSE_SECONDS)
    raise ServiceUnavailableError(f"Another start of the pipeline {pipeline} is under way.")
