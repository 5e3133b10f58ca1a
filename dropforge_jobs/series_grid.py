"""Series on their grid: short gaps filled, long ones cut, each side of the split by itself.

A side is filled with its own values only. Were a gap that lies across two sides filled, the last
training values would depend on the hold-out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dropforge_jobs.holdout import HOLDOUT, TRAIN, VALIDATION
from dropforge_jobs.timestamps import spell_timestamp

if TYPE_CHECKING:
    from dropforge_jobs.readings import Merged
    from dropforge_jobs.time_split import TimeSplit

_HOUR, _DAY = 3600, 86_400


@dataclass(frozen=True)
class Grid:
    """How series lie in time.

    Attributes:
        step: seconds from one value to the next.
        season: steps of a season, such as a day.
        fill: gaps of up to so many steps are filled, by a straight line; longer ones cut.
        context: how many values before a side its segments begin with, for forecasts to start from.
    """

    step: int
    season: int
    fill: int
    context: int

    @property
    def seconds(self) -> int:
        """The length of a season."""
        return self.step * self.season


@dataclass(frozen=True)
class Segment:
    """A piece of a series without gaps.

    Attributes:
        series: its name.
        start: the position of its first value.
        values: float64, one a step.
        context: how many of its first values belong to an earlier side.
    """

    series: str
    start: int
    values: Any
    context: int = 0

    @property
    def end(self) -> int:
        """The position behind its last value."""
        return self.start + len(self.values)


@dataclass(frozen=True)
class Gap:
    """A place without values: from which position on, for how many steps, and what came of it."""

    series: str
    start: int
    steps: int
    filled: bool
    clock: bool  # whether it looks as if a clock had been set forward

    def document(self, step: int) -> dict[str, Any]:
        """Return it as profile.json has it."""
        return {
            "series": self.series,
            "from": spell_timestamp(self.start * step),
            "steps": self.steps,
            "filled": self.filled,
            "clock": self.clock,
        }


def gaps(name: str, merged: Merged, grid: Grid) -> list[Gap]:
    """Return the gaps of a series."""
    found = []
    places = np.flatnonzero(np.diff(merged.times) > 1)
    for start, end in zip(merged.times[places] + 1, merged.times[places + 1]):  # noqa: B905
        rows = np.searchsorted(merged.rows, [start, end])
        steps = int(end - start)
        clock = _set_forward(int(start) * grid.step, steps * grid.step, int(rows[1] - rows[0]))
        found.append(Gap(name, int(start), steps, steps <= grid.fill and not clock, clock))
    return found


def _set_forward(start: int, seconds: int, rows: int) -> bool:
    """Whether an hour vanished in the small hours, when clocks are set forward for summer."""
    return rows == 0 and seconds == _HOUR and start % _DAY in range(_HOUR, 3 * _HOUR + 1)


def segments(name: str, merged: Merged, grid: Grid) -> list[Segment]:
    """Return a series without its gaps: filled where that is allowed, else cut."""
    if not len(merged.times):
        return []
    cut = [each.start for each in gaps(name, merged, grid) if not each.filled]
    borders = [0, *np.searchsorted(merged.times, cut).tolist(), len(merged.times)]
    pieces = []
    for low, high in zip(borders, borders[1:]):  # noqa: B905, RUF007
        times, values = merged.times[low:high], merged.values[low:high]
        steps = np.arange(times[0], times[-1] + 1)
        pieces.append(Segment(name, int(times[0]), np.interp(steps, times, values)))
    return pieces


def whole_seasons(pieces: list[Segment], season: int) -> set[int]:
    """Return the numbers of the seasons, since 1970-01-01, that have all their values."""
    return {
        number for each in pieces for number in range(-(-each.start // season), each.end // season)
    }


def sides(name: str, merged: Merged, grid: Grid, split: TimeSplit) -> dict[str, list[Segment]]:
    """Share a series out; what comes after the last whole season is on no side."""
    borders = [split.validation_from, split.holdout_from, split.until]
    places = [0, *np.searchsorted(merged.times, [each // grid.step for each in borders]).tolist()]
    shared: dict[str, list[Segment]] = {}
    before: list[Segment] = []
    for side, low, high in zip((TRAIN, VALIDATION, HOLDOUT), places, places[1:]):  # noqa: B905
        part = type(merged)(merged.times[low:high], merged.values[low:high], merged.rows)
        own = segments(name, part, grid)
        shared[side] = [*([_led_in(own[0], before, grid.context)] if own else []), *own[1:]]
        before = own
    return shared


def _led_in(first: Segment, before: list[Segment], context: int) -> Segment:
    """Begin the first segment of a side with the values just before it, when none is missing."""
    if not before or before[-1].end != first.start:
        return first
    lead = before[-1].values[-context:] if context else before[-1].values[:0]
    values = np.concatenate([lead, first.values])
    return Segment(first.series, first.start - len(lead), values, len(lead))
