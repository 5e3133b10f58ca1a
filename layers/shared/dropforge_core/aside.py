"""Data that is set aside, so that no run reads it, and data that is taken back in.

What is set aside is contents: arrivals with the same bytes share one fate, whatever their keys, so
that nothing comes back in under another name. Pure functions over arrivals.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from dropforge_core.records import Arrival, Content, Run

# Who rejects a run for what its data made of the model; the others say nothing about the data.
_JUDGES_OF_DATA = {None, "JUDGE", "APPROVER"}
_CAN_BE_SET_ASIDE = {"WAITING", "USED", "SKIPPED"}
# No run reads what is there, until somebody wants it in again.
OUT = {"SET_ASIDE", "QUARANTINED"}
_JUDGED_NOTHING = {"FAILED", "SKIPPED"}


def spoils_its_data(run: Run) -> bool:
    """Say whether a run that has ended leaves the data that it read first set aside."""
    return run.status == "REJECTED" and run.rejected_by in _JUDGES_OF_DATA


def first_read(arrivals: Iterable[Arrival], run: Run, runs: Iterable[Run]) -> set[Content]:
    """Return the contents that no run before this one has read, but for runs without a model.

    What a run read that failed or was skipped was not judged by it.
    """
    earlier = {
        one.run_id
        for one in runs
        if one.run_id != run.run_id
        and one.started_at <= run.started_at
        and one.status not in _JUDGED_NOTHING
    }
    known = list(arrivals)
    read_before = {one.content for one in known if one.status == "USED" and one.run_id in earlier}
    read = {
        one.content
        for one in known
        if one.run_id == run.run_id and one.status in {"IN_RUN", "USED"}
    }
    return read - read_before


def settled(arrivals: Iterable[Arrival], run: Run, spoilt: Collection[Content]) -> list[Arrival]:
    """Return the arrivals that a run's end changes: its own, and others with bytes it spoilt."""
    by = "by its approver" if run.rejected_by == "APPROVER" else "by the judge"
    reason = _reason(run.pipeline, f"the run {run.run_id}, which read it first, was rejected {by}")
    changed = []
    for one in arrivals:
        own = one.is_read_by(run.run_id)
        if one.content in spoilt and (own or one.status in _CAN_BE_SET_ASIDE - {"WAITING"}):
            changed.append(replace(one, status="SET_ASIDE", reason=reason))
        elif own:
            changed.append(replace(one, status="USED"))
    return changed


def set_aside(
    arrivals: Iterable[Arrival], contents: Collection[Content], pipeline: str
) -> list[tuple[Arrival, Arrival]]:
    """Return what changes when a person sets these contents aside, each as it was and will be."""
    reason = _reason(pipeline, "by hand")
    return [
        (one, replace(one, status="SET_ASIDE", reason=reason))
        for one in arrivals
        if one.content in contents and one.status in _CAN_BE_SET_ASIDE
    ]


def readmitted(
    arrivals: Iterable[Arrival], contents: Collection[Content], now: str
) -> list[tuple[Arrival, Arrival]]:
    """Return what changes when these contents wait again, each arrival as it was and will be."""
    return [
        (one, replace(one, status="WAITING", run_id="", reason="", readmitted_at=now))
        for one in arrivals
        if one.content in contents and one.status in OUT
    ]


def _reason(pipeline: str, why: str) -> str:
    return f"Set aside: {why}. To bring it back: dropforge data {pipeline} --readmit KEY"
