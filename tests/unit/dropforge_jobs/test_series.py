from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dropforge_jobs.jobs import JobError
from dropforge_jobs.readings import Merged
from dropforge_jobs.series_grid import Grid, Segment, gaps, segments, sides, whole_seasons
from dropforge_jobs.series_store import META, VALUES, Scaler, naive_error, read_series, write_series
from dropforge_jobs.time_split import TimeSplit
from dropforge_jobs.windows import Windows

HOURLY = Grid(step=3600, season=24, fill=3, context=24)


def a_series(*times: int, without_rows: range = range(0)) -> Merged:
    """Return a series whose values are ten times their place."""
    placed = np.array(times)
    rows = np.setdiff1d(np.arange(placed.min(), placed.max() + 1), np.array(without_rows))
    return Merged(placed, placed * 10.0, rows)


def whole(days: int, start: int = 0) -> Merged:
    """Return whole days without gaps."""
    return a_series(*range(start * 24, (start + days) * 24))


def test_short_gaps_are_filled_and_long_ones_cut() -> None:
    """By a straight line; three steps are the most here."""
    merged = a_series(0, 1, 5, 6, 11, 12)
    pieces = segments("a", merged, HOURLY)
    assert [(each.start, each.values.tolist()) for each in pieces] == [
        (0, [0, 10, 20, 30, 40, 50, 60]),
        (11, [110, 120]),
    ]
    found = [(gap.start, gap.steps, gap.filled) for gap in gaps("a", merged, HOURLY)]
    assert found == [(2, 3, True), (7, 4, False)]


def test_an_hour_that_vanishes_in_the_small_hours_is_told_and_cuts() -> None:
    """Rows without a value are an outage; without rows the clock may have been set forward."""
    times = [hour for hour in range(48) if hour != 26]
    (vanished,) = gaps("a", a_series(*times, without_rows=range(26, 27)), HOURLY)
    (empty,) = gaps("a", a_series(*times), HOURLY)
    assert (vanished.clock, vanished.filled) == (True, False)
    assert (empty.clock, empty.filled) == (False, True)


def test_a_season_is_whole_when_no_value_of_it_is_missing() -> None:
    """A filled one is not missing."""
    times = [hour for hour in range(30, 130) if hour not in {50, 80, 81, 82, 83}]
    assert whole_seasons(segments("a", a_series(*times), HOURLY), 24) == {2, 4}


def test_the_newest_whole_days_are_held_out() -> None:
    """Days that are not whole are passed over; what comes after the last one waits."""
    split = TimeSplit.newest([0, 1, 2, 3, 5, 6], 86_400, holdout=2, validation=2)
    assert split == TimeSplit(2 * 86_400, 5 * 86_400, 7 * 86_400)
    assert TimeSplit.newest(range(4), 86_400, holdout=2, validation=2) is None
    assert TimeSplit.read({"time_split": split.document()}) == split
    assert TimeSplit.read({}) is TimeSplit.read(None) is None


def test_each_side_begins_where_the_other_ends() -> None:
    """With the values just before it as context, and no value on two sides."""
    split = TimeSplit(2 * 86_400, 4 * 86_400, 5 * 86_400)
    shared = sides("a", whole(6), HOURLY, split)
    own = {
        side: [each.values[each.context :] for each in pieces] for side, pieces in shared.items()
    }
    assert np.concatenate([part for parts in own.values() for part in parts]).tolist() == [
        hour * 10.0 for hour in range(5 * 24)
    ]
    assert [(each.start, each.context) for each in shared["holdout"]] == [(3 * 24, 24)]
    assert [(each.start, each.context) for each in shared["train"]] == [(0, 0)]


def test_a_gap_across_two_sides_is_not_filled() -> None:
    """Else the last training values would be made of hold-out values."""
    times = [hour for hour in range(5 * 24) if hour not in {47, 48}]
    shared = sides("a", a_series(*times), HOURLY, TimeSplit(2 * 86_400, 3 * 86_400, 5 * 86_400))
    assert shared["train"][-1].end == 47
    assert (shared["validation"][0].start, shared["validation"][0].context) == (49, 0)


@given(st.integers(0, 119), st.floats(-1e6, 1e6))
def test_no_later_value_changes_an_earlier_side(place: int, value: float) -> None:
    """Whatever is changed: the sides before it stay as they are, and so does their scaler."""
    split = TimeSplit(2 * 86_400, 3 * 86_400, 5 * 86_400)
    before = sides("a", whole(5), HOURLY, split)
    changed = whole(5)
    changed.values[place] = value
    after = sides("a", changed, HOURLY, split)
    untouched = [side for side, first in (("train", 48), ("validation", 72)) if place >= first]
    for side in untouched:
        assert [each.values.tolist() for each in before[side]] == [
            each.values.tolist() for each in after[side]
        ]
    if untouched:
        assert Scaler.fit(before["train"]) == Scaler.fit(after["train"])


def stored(tmp_path: Path, pieces: list[Segment], grid: Grid = HOURLY) -> Any:
    """Write one side and read it back."""
    write_series(tmp_path, pieces, grid, Scaler(1.5, 2.5), 0.5)
    return read_series(tmp_path)


def test_what_is_stored_is_read_back(tmp_path: Path) -> None:
    """As float32, with all that a reader has to know; four bytes a value and little else."""
    pieces = [Segment("a", 100, np.arange(30.0), 24), Segment("b", 7, np.arange(5.0))]
    read = stored(tmp_path, pieces)
    assert read.values.dtype == np.float32
    assert read.values.tolist() == [*range(30), *range(5)]
    assert [(each.series, each.start, each.context) for each in read.segments] == [
        ("a", 100, 24),
        ("b", 7, 0),
    ]
    assert (read.step, read.season, read.naive_error) == (3600, 24, 0.5)
    assert read.scaler == Scaler(1.5, 2.5)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (META, b"{}"),
        (META, b"["),
        (VALUES, b"no array"),
        (VALUES, b"\x80\x04K\x01."),  # a pickle
    ],
)
def test_what_is_no_series_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    """No pickle is ever read: it would run as code."""
    stored(tmp_path, [Segment("a", 0, np.arange(3.0))])
    (tmp_path / name).write_bytes(content)
    with pytest.raises(JobError, match="holds no series"):
        read_series(tmp_path)
    with pytest.raises(JobError, match="cannot be read"):
        read_series(tmp_path / "missing")


def test_windows_are_cut_from_each_segment_by_itself(tmp_path: Path) -> None:
    """None lies across two segments; their targets are never in what is context."""
    pieces = [Segment("a", 0, np.arange(10.0)), Segment("b", 50, np.arange(100.0, 110.0), 6)]
    windows = Windows(stored(tmp_path, pieces), inputs=3, horizon=2, stride=2)
    assert windows.cut(np.arange(len(windows))).tolist() == [
        [0, 1, 2, 3, 4],
        [2, 3, 4, 5, 6],
        [4, 5, 6, 7, 8],
        [103, 104, 105, 106, 107],
        [105, 106, 107, 108, 109],
    ]
    assert windows.times(np.arange(len(windows))).tolist() == [3, 5, 7, 56, 58]


def test_batches_have_each_window_once_in_an_order_of_their_seed(tmp_path: Path) -> None:
    """Another seed is another order; a part of the batches can be left out."""
    windows = Windows(stored(tmp_path, [Segment("a", 0, np.arange(60.0))]), 3, 2)
    ordered = np.concatenate(list(windows.batches(7)))
    shuffled = [batch.tolist() for batch in windows.batches(7, seed=(1, 2))]
    assert [len(batch) for batch in shuffled] == [7] * 8
    assert sorted(row for batch in shuffled for row in batch) == ordered.tolist()
    assert shuffled == [batch.tolist() for batch in windows.batches(7, seed=(1, 2))]
    assert shuffled != [batch.tolist() for batch in windows.batches(7, seed=(1, 3))]
    assert shuffled[3:] == [batch.tolist() for batch in windows.batches(7, seed=(1, 2), begin=3)]


def test_a_side_too_short_has_no_window(tmp_path: Path) -> None:
    """Four values, where it takes five."""
    windows = Windows(stored(tmp_path, [Segment("a", 0, np.arange(4.0))]), 3, 2)
    assert len(windows) == 0
    assert list(windows.batches(7)) == []


def test_the_naive_error_is_that_of_values_a_season_apart() -> None:
    """Of all segments together; none has one when all are too short."""
    pieces = [Segment("a", 0, np.array([0.0, 0.0, 1.0, 3.0])), Segment("b", 0, np.array([5.0]))]
    assert naive_error(pieces, 2) == 2.0
    assert np.isnan(naive_error(pieces, 4))
