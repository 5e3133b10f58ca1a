import math
import random
from collections.abc import Callable

import pytest
from scipy import stats

from dropforge_jobs.drift import data_drift, stability
from dropforge_jobs.profile import NumberProfile


def column(rows: int, draw: Callable[[random.Random], float], seed: int = 0) -> dict[str, object]:
    """Profile a column of drawn values."""
    generator = random.Random(seed)  # noqa: S311  test data
    profile = NumberProfile()
    for _ in range(rows):
        profile.add(draw(generator))
    return profile.document()


def index(now: dict[str, object], then: dict[str, object]) -> float:
    """Return the drift of one feature between two profiles."""
    [found] = data_drift({"features": {"x": now}}, {"features": {"x": then}})
    return found.index


def test_the_index_is_the_formula() -> None:
    """Computed by hand for two bins, up to the half row that is added to each."""
    found, _ = stability([500, 500], [600, 400])
    assert found == pytest.approx(0.1 * math.log(0.6 / 0.5) - 0.1 * math.log(0.4 / 0.5), rel=0.01)
    assert stability([10, 20, 30], [10, 20, 30])[0] == 0


def test_an_empty_bin_is_much_but_not_infinite() -> None:
    """Rows where there were none, and none where there were, are strong drift."""
    assert 0.25 < stability([0, 100], [100, 0])[0] < 20


@pytest.mark.parametrize(("bins", "rows"), [(2, 400), (5, 300), (10, 1000)])
def test_the_limit_by_chance_is_that_of_chance(bins: int, rows: int) -> None:
    """Of 400 pairs of samples of one population, about one in 20 is above it."""
    above = 0
    for seed in range(400):
        generator = random.Random(seed)  # noqa: S311  test data
        one, other = (
            [values.count(label) for label in range(bins)]
            for values in (generator.choices(range(bins), k=size) for size in (rows, 2 * rows))
        )
        found, limit = stability(one, other)
        above += found > limit
    assert 8 <= above <= 34
    expected = stats.chi2.ppf(0.95, bins - 1) * (1 / rows + 1 / (2 * rows))
    assert limit == pytest.approx(expected, rel=0.03)


def test_profiles_with_other_edges_can_be_compared() -> None:
    """A shift by half a deviation comes out as what the normal distribution says it is."""
    then = column(20_000, lambda generator: generator.gauss(0, 1))
    now = column(20_000, lambda generator: generator.gauss(0.5, 1), seed=1)
    edges = [stats.norm.ppf(tenth / 10) for tenth in range(1, 10)]
    shares = [
        stats.norm.cdf(high - 0.5) - stats.norm.cdf(low - 0.5)
        for low, high in zip([-math.inf, *edges], [*edges, math.inf], strict=True)
    ]
    expected = sum((share - 0.1) * math.log(share / 0.1) for share in shares)
    assert index(now, then) == pytest.approx(expected, rel=0.1)


def test_the_same_population_is_stable() -> None:
    """Smooth or made of few values, 5,000 rows show no drift."""
    draws: list[Callable[[random.Random], float]] = [
        lambda generator: generator.gauss(5, 1),
        lambda generator: generator.choice([0.0, 0.0, 0.0, 1.0, 2.0]),
    ]
    for draw in draws:
        assert index(column(5000, draw, seed=1), column(5000, draw)) < 0.01


def test_a_column_with_one_value_can_move() -> None:
    """There is no decile to compare by, and still a change is seen."""
    constant, moved = column(100, lambda _: 3.0), column(100, lambda _: 4.0)
    assert index(constant, constant) == pytest.approx(0)
    assert index(moved, constant) > 0.25


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [([500, 500], [510, 490], "stable"), ([5000, 5000], [6700, 3300], "some drift"),
     ([30, 30], [20, 40], "may be chance"), ([500, 500], [900, 100], "strong drift")],
)  # fmt: skip
def test_the_verdict_knows_the_limits_and_chance(
    before: list[int], after: list[int], verdict: str
) -> None:
    """The usual limits, but no alarm over what so few rows show by chance."""
    then, now = ({"a": {"train": one}, "b": {"train": two}} for one, two in (before, after))
    [found] = data_drift({"classes": now}, {"classes": then})
    assert (found.name, found.verdict) == ("label", verdict)


def test_a_new_class_is_drift() -> None:
    """Labels that only one of the runs has count as well."""
    now = {"classes": {"a": {"train": 50}, "b": {"train": 50, "holdout": 20}}}
    [found] = data_drift(now, {"classes": {"a": {"train": 100}}})
    assert found.verdict == "strong drift"


@pytest.mark.parametrize(
    "earlier", [{}, {"features": {"y": {}}}, {"features": {"x": {}}, "classes": {"a": 3}}]
)
def test_an_older_profile_is_compared_as_far_as_it_goes(earlier: dict[str, object]) -> None:
    """What it does not have is left out."""
    now = {"features": {"x": column(10, lambda _: 1.0)}, "classes": {"a": {"train": 3}}}
    assert data_drift(now, earlier) == []
