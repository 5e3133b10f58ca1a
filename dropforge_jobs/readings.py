"""Measurements as they arrived: what one object holds, and all objects put together.

Times are positions on the grid: seconds since 1970-01-01, divided by the step.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from dropforge_jobs.timestamps import spell_timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence


class ObjectReadings:
    """The rows of one object, in the order in which they stand there."""

    def __init__(self, step: int) -> None:
        """Begin without a row; `step` is in seconds."""
        self.step = step
        self._rows: dict[str, tuple[array[int], array[float]]] = {}

    def add(self, series: str, seconds: int, value: Optional[float]) -> None:
        """Take in a row; without a value it only says that there was nothing to measure."""
        times, values = self._rows.setdefault(series, (array("q"), array("d")))
        times.append(seconds // self.step)
        values.append(float("nan") if value is None else value)

    def series(self) -> dict[str, tuple[Any, Any]]:
        """Return the times and values of each series, as rows stand in the object."""
        return {
            name: (np.frombuffer(times, np.int64), np.frombuffer(values, np.float64))
            for name, (times, values) in self._rows.items()
        }

    def fault(self, longest_flat: int) -> str:
        """Say why no row of the object should be used although each is fine alone; else "".

        Args:
            longest_flat: a series with at least so many values, all the same, comes from a sensor
                that is stuck.
        """
        known = {name: ~np.isnan(values) for name, (_, values) in self.series().items()}
        if not any(each.any() for each in known.values()):
            return f"None of its {sum(map(len, known.values()))} rows has a value."
        for name, (times, values) in self.series().items():
            of = f" of series {name!r}" if name else ""
            present, when = values[known[name]], times[known[name]]
            if len(present) >= longest_flat and np.ptp(present) == 0:
                return f"All {len(present)} values{of} are {present[0]:g}: is the sensor stuck?"
            torn = _torn(when, present)
            if len(torn):
                first = spell_timestamp(torn[0] * self.step)
                return (
                    f"{len(torn)} times{of} come twice with different values, the first {first}:"
                    " was the clock set back there?"
                )
        return ""


def _torn(times: Any, values: Any) -> Any:
    """Return the times that come several times with different values."""
    order = np.lexsort((values, times))
    when, what = times[order], values[order]
    torn = (when[1:] == when[:-1]) & (what[1:] != what[:-1])
    return np.unique(when[1:][torn])


@dataclass
class Merged:
    """One series of all objects.

    Attributes:
        times: positions that have a value, ascending.
        values: the values, float64.
        rows: positions that have a row, with or without a value, ascending.
    """

    times: Any
    values: Any
    rows: Any


@dataclass
class Merge:
    """All series of all objects, and what was met on the way.

    Attributes:
        series: by name.
        counts: rows; empty, rows without a value; out_of_order, rows whose time is before that of
            the row above; repeated, values that another object had at that time already; replaced,
            values that gave way to those of a newer object.
    """

    series: dict[str, Merged] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)


def merge(objects: Sequence[ObjectReadings]) -> Merge:
    """Put objects together; where two have a value of the same time, the later one counts.

    Args:
        objects: those that can be used, the one that arrived first coming first.
    """
    done = Merge(counts=Counter(rows=0, empty=0, out_of_order=0, repeated=0, replaced=0))
    parts: dict[str, list[tuple[Any, Any]]] = {}
    for each in objects:
        for name, (times, values) in each.series().items():
            parts.setdefault(name, []).append((times, values))
            done.counts["out_of_order"] += int((np.diff(times) < 0).sum())
    for name, found in sorted(parts.items()):
        times = np.concatenate([times for times, _ in found])
        values = np.concatenate([values for _, values in found])
        known = ~np.isnan(values)
        done.counts["rows"] += len(times)
        done.counts["empty"] += int((~known).sum())
        done.series[name] = _newest(times, values, known, done.counts)
    return done


def _newest(times: Any, values: Any, known: Any, counts: Counter[str]) -> Merged:
    rows = np.unique(times)
    times, values = times[known], values[known]
    order = np.argsort(times, kind="stable")  # of the same time, the later object stays behind
    times, values = times[order], values[order]
    again = times[1:] == times[:-1]
    same = values[1:] == values[:-1]
    counts["repeated"] += int((again & same).sum())
    counts["replaced"] += int((again & ~same).sum())
    last = np.append(~again, [True] * min(len(times), 1))
    return Merged(times[last], values[last], rows)
