"""A run may read less than all data: only what is new, or a window by time or count."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from dropforge_core.times import iso

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from dropforge_core.manifest import Selection
    from dropforge_core.published import DataPolicy
    from dropforge_core.records import Arrival, Content


def only_new(
    selection: Selection, arrivals: Iterable[Arrival], failed: Collection[str]
) -> Selection:
    """Leave out the bytes that a run has read, but for those that only ``failed`` runs have.

    What is read again after a failure becomes this run's, as what waits does.
    """
    read = {
        one.content
        for one in arrivals
        if one.status in {"USED", "IN_RUN"} and one.run_id not in failed
    }
    objects = [one for one in selection.objects if one.content not in read]
    again = [one for one in objects if one.status != "WAITING"]
    return replace(selection, objects=objects, again=again)


def window(
    selection: Selection, arrivals: Iterable[Arrival], policy: DataPolicy, now: datetime
) -> Selection:
    """Leave out what is too old, or is not among the newest; what waits of it is SKIPPED.

    Bytes are as new as the last time that they came.
    """
    came: dict[Content, str] = {}
    for one in arrivals:
        came[one.content] = max(came.get(one.content, ""), one.event_time)
    newest = sorted(selection.objects, key=lambda one: (came[one.content], one.key), reverse=True)
    if policy.seconds is not None:
        oldest = iso(now - timedelta(seconds=policy.seconds))
        newest = [one for one in newest if came[one.content] >= oldest]
    kept = {one.content for one in newest[: policy.objects]}
    objects = [one for one in selection.objects if one.content in kept]
    reason = "It is outside the window of data that the pipeline reads."
    return replace(
        selection,
        objects=objects,
        replaced=selection.replaced & {one.key for one in objects},
        waiting=[one for one in selection.waiting if one.content in kept],
        left_out=[
            replace(one, status="SKIPPED", reason=reason)
            for one in selection.waiting
            if one.content not in kept
        ],
    )
