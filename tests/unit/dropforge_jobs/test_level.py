from pathlib import Path

import numpy as np
import pytest

from dropforge_jobs.level import Level, between_knots, knots
from dropforge_jobs.series_grid import Grid, Segment
from dropforge_jobs.series_store import Scaler, read_series, write_series
from dropforge_jobs.windows import Windows

SEASON = 24


def windows_of(folder: Path, values: object) -> Windows:
    """Store a series and return its windows of a day and the day after."""
    grid = Grid(step=3600, season=SEASON, fill=0, context=0)
    write_series(folder, [Segment("", 0, np.asarray(values))], grid, Scaler(0.0, 1.0), 1.0)
    return Windows(read_series(folder), SEASON, SEASON)


def test_it_is_the_least_squares_fit(tmp_path: Path) -> None:
    """As NumPy's own solver finds it, one step after the other, and so is the spread."""
    windows = windows_of(tmp_path, np.random.default_rng(1).normal(size=400).cumsum())
    level = Level.fit(windows, 5.0, 2.0)
    cut = (windows.cut(np.arange(len(windows))).astype(float) - 5.0) / 2.0
    inputs, after = cut[:, :SEASON], cut[:, SEASON:]
    jump = inputs[:, -1:] - inputs[:, :1]
    for ahead in range(1, SEASON):
        left = after[:, ahead] - inputs[:, ahead]
        (share,), *_ = np.linalg.lstsq(jump, left, rcond=None)
        assert level.decay[ahead] == pytest.approx(share, rel=1e-4)
        spread = np.sqrt(((left - share * jump[:, 0]) ** 2).mean())
        assert level.spread[ahead] == pytest.approx(spread, rel=1e-4)


def test_one_step_ahead_the_last_value_stays(tmp_path: Path) -> None:
    """Whatever the season before did; and it forecasts from more values than a season too."""
    windows = windows_of(tmp_path, np.random.default_rng(2).normal(size=300).cumsum())
    level = Level.fit(windows, 0.0, 1.0)
    inputs = windows.cut(np.arange(5))[:, :SEASON]
    assert level.forecast(inputs)[:, 0] == pytest.approx(inputs[:, -1], rel=1e-5)
    longer = np.concatenate([np.zeros((5, 7)), inputs], axis=1)
    np.testing.assert_allclose(level.forecast(longer), level.forecast(inputs), atol=1e-5)


def test_knots_are_dense_at_first() -> None:
    """They begin with the next step and end with the last one."""
    assert knots(288, 12)[:6] == [1, 2, 4, 8, 12, 24]
    assert knots(288, 12)[-1] == 288
    assert knots(24, 1) == list(range(1, 25))
    assert knots(24, 4) == [1, 2, 4, 8, 12, 16, 20, 24]


def test_between_knots_lies_a_straight_line() -> None:
    """Values at the knots stay as they are."""
    lines = np.array([0.0, 10.0, 30.0]) @ between_knots([1, 2, 4], 4)
    assert lines.tolist() == [0, 10, 20, 30]
