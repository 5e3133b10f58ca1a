from typing import Any

import numpy as np
import pytest
from scipy import stats

from dropforge_jobs.bootstrap import bootstrap

VALUES = np.random.default_rng(0).exponential(size=40)


def mean(sums: Any) -> Any:
    """Return the mean of what has a sum and a count."""
    return sums[..., 0] / sums[..., 1]


def with_counts(values: Any) -> Any:
    """Let each value add itself to the sum and 1 to the count."""
    return np.column_stack([values, np.ones_like(values)])


def test_it_is_scipys_percentile_interval_at_the_level_that_student_asks_for() -> None:
    """Another implementation, given the wider level, comes to the same ends and standard error."""
    found = bootstrap(with_counts(VALUES), np.ones(40, dtype=int), mean)
    tail = stats.norm.cdf(-np.sqrt(40 / 39) * stats.t.ppf(0.975, 39))
    expected = stats.bootstrap(
        (VALUES,), np.mean, confidence_level=1 - 2 * tail, method="percentile",
        n_resamples=100_000, rng=np.random.default_rng(1),
    )  # fmt: skip
    assert found
    assert found.low == pytest.approx(expected.confidence_interval.low, abs=0.015)
    assert found.high == pytest.approx(expected.confidence_interval.high, abs=0.015)
    assert found.standard_error == pytest.approx(expected.standard_error, rel=0.03)


@pytest.mark.parametrize("units", [7, 30, 300])
def test_the_level_is_hesterbergs(units: int) -> None:
    """For a normal mean the interval is about Student's, also for a week of days."""
    values = stats.norm.ppf((np.arange(units) + 0.5) / units)
    found = bootstrap(with_counts(values), np.ones(units, dtype=int), mean)
    half = stats.t.ppf(0.975, units - 1) * np.std(values, ddof=1) / np.sqrt(units)
    assert found
    assert [found.low, found.high] == pytest.approx([-half, half], rel=0.09)


def test_units_that_are_alike_may_be_put_together() -> None:
    """A kind with its count is the same as the units one by one, up to the luck of the draw."""
    values = np.array([1.0, -1.0, 0.0])
    counts = np.array([12, 4, 84])
    together = bootstrap(with_counts(values), counts, mean)
    apart = bootstrap(with_counts(np.repeat(values, counts)), np.ones(100, dtype=int), mean)
    assert together
    assert apart
    assert together.low == pytest.approx(apart.low, abs=0.011)
    assert together.high == pytest.approx(apart.high, abs=0.011)


def test_it_repeats_exactly() -> None:
    """The same data is the same interval: a judgement can be looked into later."""
    one, two = (bootstrap(with_counts(VALUES), np.ones(40, dtype=int), mean) for _ in range(2))
    assert one == two


def test_the_ends_are_values_that_can_occur() -> None:
    """Of 10 rows' shares nothing between two tenths is made up."""
    found = bootstrap(with_counts(np.array([1.0, 0.0])), np.array([6, 4]), mean)
    assert found
    assert [found.low * 10, found.high * 10] == pytest.approx(
        [round(found.low * 10), round(found.high * 10)]
    )


def test_one_unit_has_no_interval() -> None:
    """A single row, or a single day, says nothing about its luck."""
    assert bootstrap(np.array([[1.0, 1.0]]), np.array([1]), mean) is None


@pytest.mark.parametrize(("rare", "known"), [(1, False), (5, True)])
def test_what_resamples_often_lack_has_no_interval(rare: int, *, known: bool) -> None:
    """NaN is left out when it is rare, and never becomes a number when it is not."""

    def rare_mean(sums: Any) -> Any:
        return np.divide(
            sums[..., 0], sums[..., 1], out=np.full(len(sums), np.nan), where=sums[..., 1] > 0
        )

    units = np.array([[1.0, 1.0], [0.0, 0.0]])
    assert (bootstrap(units, np.array([rare, 45]), rare_mean) is not None) == known
