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
    return _tried(
        lambda: ledger.acquire(pipeline, owner, int(now().timestamp())), ledger, pipeline, pause
    )


def take_back_lock(
    ledger: Ledger,
    pipeline: str,
    run_id: str,
    now: Callable[[], datetime],
    pause: Callable[[float], None],
) -> bool:
    """Let a run that gave its pipeline back hold it again; False when another run is going.

    Raises:
        ServiceUnavailableError: a starter keeps the lock; ask again later.
    """
    return bool(
        _tried(
            lambda: ledger.take_back(pipeline, run_id, int(now().timestamp())),
            ledger,
            pipeline,
            pause,
        )
    )


def _tried[T](
    take: Callable[[], T], ledger: Ledger, pipeline: str, pause: Callable[[float], None]
) -> T | None:
    """Take the lock once no starter has it: only the end of a run looks for who else wants it."""
    for _ in range(_TRIES):
        if taken := take():
            return taken
        holder = ledger.lock(pipeline)
        if holder is not None and holder.phase == "RUNNING":
            return None
        pause(_PAUSE_SECONDS)
    raise ServiceUnavailableError(f"Another start of the pipeline {pipeline} is under way.")
