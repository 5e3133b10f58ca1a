"""The level-corrected seasonal forecast: what a network only has to improve on.

The naive forecast repeats the last season. Its first value is off by the jump from the last value
back to where that season began, and so, less and less, are those that follow. How much of the jump
is still there after h steps is one number per h, fitted by least squares on training windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from dropforge_jobs.windows import Windows

_BATCH = 1024
_LEAST = 1e-6  # of a spread: values that never differ from their forecast


@dataclass(frozen=True)
class Level:
    """The fitted forecast.

    Attributes:
        decay: the share of the jump that is left, for each step ahead.
        spread: the root mean square of what this forecast leaves, for each step ahead.
    """

    decay: Any
    spread: Any

    @classmethod
    def fit(cls, windows: Windows, shift: float, scale: float) -> Level:
        """Fit it in one pass over the windows, scaled by (value - shift) / scale."""
        horizon = windows.horizon
        jumps, products, squares = 0.0, np.zeros(horizon), np.zeros(horizon)
        for batch in windows.batches(_BATCH):
            scaled = (batch.astype(np.float64) - shift) / scale
            jump, left = _parts(scaled[:, : windows.inputs], scaled[:, windows.inputs :])
            jumps += float((jump**2).sum())
            products += (left * jump[:, None]).sum(axis=0)
            squares += (left**2).sum(axis=0)
        decay = products / max(jumps, _LEAST)
        decay[0] = 1.0  # one step ahead: the last value stays
        rest = squares - 2 * decay * products + decay**2 * jumps
        spread = np.sqrt(np.maximum(rest / max(len(windows), 1), _LEAST**2))
        return cls(decay.astype(np.float32), spread.astype(np.float32))

    def forecast(self, inputs: Any) -> Any:
        """Return the forecast for inputs of the shape (windows, at least a season)."""
        season = inputs[:, -len(self.decay) :]
        return season + (season[:, -1:] - season[:, :1]) * self.decay


def _parts(inputs: Any, after: Any) -> tuple[Any, Any]:
    """Return the jump of each window, and what the naive forecast leaves of what comes after."""
    season = inputs[:, -after.shape[1] :]
    return season[:, -1] - season[:, 0], after - season


def knots(horizon: int, distance: int) -> list[int]:
    """Return the steps ahead that are forecast; between them lies a straight line.

    They are dense at first, where forecasts are sharp: 1, 2, 4 and so on, then every `distance`.
    """
    steps = [1]
    while steps[-1] * 2 < distance:
        steps.append(steps[-1] * 2)
    return [*steps, *(step for step in range(distance, horizon + 1, distance) if step > steps[-1])]


def between_knots(steps: list[int], horizon: int) -> Any:
    """Return the matrix (knots, horizon) that draws lines between values at the knots."""
    ahead = np.arange(1, horizon + 1)
    rows = [np.interp(ahead, steps, row) for row in np.eye(len(steps))]
    return np.array(rows, dtype=np.float32)
