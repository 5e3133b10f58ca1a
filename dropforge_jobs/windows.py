"""Windows of stored series, cut while they are read: what stays in memory is one batch.

A window is `inputs` values and the `horizon` values that follow. Those that follow belong to the
side itself, the inputs may reach back into what the side has for context.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dropforge_jobs.series_store import StoredSeries


class Windows:
    """All windows of a side whose first values to forecast are `stride` apart.

    Places to start from are counted from the first value of the side that has enough before it, in
    each segment by itself.
    """

    def __init__(self, series: StoredSeries, inputs: int, horizon: int, stride: int = 1) -> None:
        """Count the windows; nothing is cut yet."""
        self.series = series
        self.inputs, self.horizon, self.stride = inputs, horizon, stride
        self._firsts = [max(each.context, inputs) for each in series.segments]
        counts = [
            max(0, (each.length - horizon - first) // stride + 1)
            for each, first in zip(series.segments, self._firsts)  # noqa: B905
        ]
        self._ends = np.cumsum(counts, dtype=np.int64)

    def __len__(self) -> int:
        """How many there are."""
        return int(self._ends[-1]) if len(self._ends) else 0

    def cut(self, numbers: Any) -> Any:
        """Return the windows with these numbers: float32, (windows, inputs + horizon)."""
        places = np.asarray(numbers)
        which, origin = self._locate(places)
        offsets = np.array([each.offset for each in self.series.segments])
        starts = offsets[which] + origin - self.inputs
        return self.series.values[starts[:, None] + np.arange(self.inputs + self.horizon)]

    def times(self, numbers: Any) -> Any:
        """Return the position in time of the first value to forecast, for each number."""
        which, origin = self._locate(np.asarray(numbers))
        return np.array([each.start for each in self.series.segments])[which] + origin

    def batches(self, size: int, seed: Any = None, begin: int = 0) -> Iterator[Any]:
        """Yield all windows, `size` at a time.

        Args:
            size: of a batch.
            seed: shuffles them, the same way for the same seed; None: in the order of time.
            begin: how many batches to leave out, because they were seen before.
        """
        count = len(self)
        order = None if seed is None else np.random.default_rng(seed).permutation(count)
        for low in range(begin * size, count, size):
            numbers = np.arange(low, min(low + size, count))
            yield self.cut(numbers if order is None else order[numbers])

    def _locate(self, numbers: Any) -> tuple[Any, Any]:
        """Return the segment of each window, and where in it the values to forecast begin."""
        which = np.searchsorted(self._ends, numbers, side="right")
        before = np.concatenate([[0], self._ends])[which]
        firsts = np.array(self._firsts, dtype=np.int64)
        return which, firsts[which] + (numbers - before) * self.stride
