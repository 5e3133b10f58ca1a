"""What the values of a numeric column look like, so small that it can be kept for ever.

Two profiles can be compared later by any edges, such as the deciles of the older one, although
neither knew them when it was made: the values are kept as a fine histogram of buckets of equal
share. A bucket is `[lowest, highest, count]` and has at most 1 % of the values; a value that comes
more often than that has a bucket of its own. So how many values are at most x is known exactly at
the end of each bucket, and to within 1 % between; a histogram with fixed edges could say neither
for data whose range is not known beforehand.

This module needs the standard library only: preprocessing is done before NumPy would be imported.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Optional

BUCKETS = 100  # each with a hundredth of the values; common values make it up to twice as many
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class NumberProfile:
    """Collects the values of one column, 8 bytes each, and sums them up.

    Attributes:
        missing: how many rows had no usable value.
    """

    def __init__(self) -> None:
        """Begin with no value."""
        self.missing = 0
        self._values = array("d")

    def add(self, value: float) -> None:
        """Take in a finite value."""
        self._values.append(value)

    def document(self) -> dict[str, Any]:
        """Return the profile as JSON has it; what does not exist without values is null."""
        values = sorted(self._values)
        count = len(values)
        mean = math.fsum(values) / count if values else None
        squares = math.fsum((value - mean) ** 2 for value in values) if mean is not None else 0.0
        return {
            "count": count,
            "missing": self.missing,
            "mean": mean,
            "sd": math.sqrt(squares / (count - 1)) if count > 1 else None,
            "min": values[0] if values else None,
            "max": values[-1] if values else None,
            # The smallest value that at least this share of the values does not exceed.
            "quantiles": {
                str(share): values[math.ceil(share * count) - 1] if values else None
                for share in QUANTILES
            },
            "buckets": _buckets(values),
        }


def _buckets(values: list[float]) -> list[list[float]]:
    """Put sorted values into buckets of at most 1 %, equal values always into the same one."""
    room = len(values) / BUCKETS
    buckets: list[list[float]] = []
    for value, equal in groupby(values):
        count = sum(1 for _ in equal)
        if buckets and buckets[-1][2] + count <= room:
            buckets[-1][1] = value
            buckets[-1][2] += count
        else:
            buckets.append([value, value, count])
    return buckets


@dataclass(frozen=True)
class Histogram:
    """The buckets of a profile, to be read at any edges."""

    buckets: list[list[float]]

    @classmethod
    def read(cls, column: Any) -> Optional[Histogram]:
        """Take the buckets of a column's profile; None when it has none or they make no sense."""
        try:
            buckets = [[float(n) for n in bucket] for bucket in column["buckets"]]
            sound = all(low <= high and count > 0 for low, high, count in buckets)
        except (KeyError, TypeError, ValueError):
            return None
        return cls(buckets) if buckets and sound else None

    @property
    def count(self) -> float:
        """How many values there are."""
        return sum(bucket[2] for bucket in self.buckets)

    @property
    def low(self) -> float:
        """The smallest value."""
        return self.buckets[0][0]

    @property
    def high(self) -> float:
        """The largest value."""
        return self.buckets[-1][1]

    def up_to(self, value: float) -> float:
        """Return how many values are at most `value`; within a bucket, evenly spread ones."""
        found = 0.0
        for low, high, count in self.buckets:
            if high <= value:
                found += count
            elif low <= value:
                found += count * (value - low) / (high - low)
        return found

    def between(self, edges: list[float]) -> list[float]:
        """Return how many values there are up to each edge since the last, and above all."""
        levels = [0.0, *(self.up_to(edge) for edge in edges), self.count]
        return [after - before for before, after in zip(levels, levels[1:])]  # noqa: B905, RUF007

    def edges(self, bins: int) -> list[float]:
        """Return the inner edges of `bins` bins of equal share, fewer where values are equal."""
        edges: list[float] = []
        found, full, total = 0.0, 0, self.count
        for _, high, count in self.buckets[:-1]:
            found += count
            if found * bins >= (full + 1) * total:
                edges.append(high)
                full = int(found * bins / total)
        return edges
