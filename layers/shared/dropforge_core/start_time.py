"""When a run may start for what waits: at once, after a quiet period, or when a marker has come.

Pure functions over arrivals and a clock. Whoever asks too early is told when to ask again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from dropforge_core.times import parsed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dropforge_core.published import StartPolicy
    from dropforge_core.records import Arrival

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Release:
    """What a run that starts now may choose from, and when to look again.

    ``arrivals`` are all but those that wait and are to wait on; ``markers`` are markers that were
    taken for data, IGNORED; ``look_at`` is None when only an event can change anything.
    """

    arrivals: list[Arrival]
    markers: list[Arrival]
    look_at: datetime | None = None


def release(arrivals: Iterable[Arrival], policy: StartPolicy | None, now: datetime) -> Release:
    """Let those go that have waited for what the pipeline waits for."""
    known = list(arrivals)
    if policy is None:
        return Release(arrivals=known, markers=[])
    markers = [one for one in known if _is_marker(one, policy)]
    data = [one for one in known if not _is_marker(one, policy)]
    if policy.marker:
        released_at = max((_dropped_at(one) for one in markers), default=_LONG_AGO)
        held = [one for one in data if one.status == "WAITING" and _dropped_at(one) > released_at]
    else:
        held = [one for one in data if one.status == "WAITING"]
    look_at = _due(held, policy)
    if look_at is not None and look_at <= now:
        held, look_at = [], None
    kept = {(one.key, one.version_id) for one in held}
    return Release(
        arrivals=[one for one in data if (one.key, one.version_id) not in kept],
        markers=[_ignored(one) for one in markers if one.status == "WAITING"],
        look_at=look_at,
    )


def _due(held: list[Arrival], policy: StartPolicy) -> datetime | None:
    """Return when these may go if nothing else comes."""
    if not held:
        return None
    times = [_came_at(one) for one in held]
    due = []
    if policy.quiet_seconds:
        due.append(max(times) + timedelta(seconds=policy.quiet_seconds))
    if policy.at_latest_seconds:
        due.append(min(times) + timedelta(seconds=policy.at_latest_seconds))
    return min(due, default=None)


def _is_marker(arrival: Arrival, policy: StartPolicy) -> bool:
    return policy.marker is not None and arrival.key.rpartition("/")[2] == policy.marker


def _ignored(marker: Arrival) -> Arrival:
    reason = "It is the marker that the pipeline waits for, and no data."
    return replace(marker, status="IGNORED", reason=reason)


def _dropped_at(arrival: Arrival) -> datetime:
    return parsed(arrival.event_time) or _LONG_AGO


def _came_at(arrival: Arrival) -> datetime:
    """Return since when it waits; what was readmitted waits since then."""
    return parsed(arrival.readmitted_at or arrival.event_time) or _LONG_AGO
