import json
import random
import statistics
from typing import Any

import pytest

from dropforge_jobs.profile import Histogram, NumberProfile

RANDOM = random.Random(0)  # noqa: S311  test data
SMOOTH = [RANDOM.gauss(5, 2) for _ in range(20_000)]
LUMPY = [0.0] * 6000 + [round(RANDOM.expovariate(1), 1) for _ in range(4000)]


def profile(values: list[float], missing: int = 0) -> dict[str, Any]:
    """Profile a column, and read it back as another run would."""
    column = NumberProfile()
    for value in values:
        column.add(value)
    column.missing = missing
    document: dict[str, Any] = json.loads(json.dumps(column.document(), allow_nan=False))
    return document


def histogram(values: list[float]) -> Histogram:
    """Return the histogram that a later run reads."""
    found = Histogram.read(profile(values))
    assert found
    return found


def test_the_figures_are_those_of_the_values() -> None:
    """Counts, mean, deviation, extremes and quantiles agree with the standard library."""
    document = profile(SMOOTH, missing=3)
    assert (document["count"], document["missing"]) == (20_000, 3)
    assert document["mean"] == pytest.approx(statistics.fmean(SMOOTH))
    assert document["sd"] == pytest.approx(statistics.stdev(SMOOTH))
    assert (document["min"], document["max"]) == (min(SMOOTH), max(SMOOTH))
    cuts = statistics.quantiles(SMOOTH, n=20)
    expected = [cuts[0], cuts[4], cuts[9], cuts[14], cuts[18]]
    assert list(document["quantiles"].values()) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("values", [SMOOTH, LUMPY], ids=["smooth", "lumpy"])
def test_it_knows_how_many_values_lie_below_any_edge(values: list[float]) -> None:
    """To within 1 % of the values, wherever the edge is, although it keeps some 100 buckets."""
    found = histogram(values)
    assert len(found.buckets) <= 200
    assert found.count == len(values)
    for edge in [min(values) - 1, 0.0, 0.05, 0.1, 1.0, 3.3, 5.0, 6.78, max(values)]:
        exact = sum(value <= edge for value in values)
        assert found.up_to(edge) == pytest.approx(exact, abs=0.01 * len(values)), edge


def test_few_values_are_known_exactly() -> None:
    """Up to 100 different values, nothing is lost."""
    found = histogram([1.0, 1.0, 2.0, 4.0])
    assert [found.up_to(x) for x in (0.9, 1, 1.5, 2, 3.9, 4)] == [0, 2, 2, 3, 3, 4]


def test_deciles_are_deciles_where_values_differ() -> None:
    """Each has a tenth of the values, to within a bucket."""
    found = histogram(SMOOTH)
    edges = found.edges(10)
    assert len(edges) == 9
    assert found.between(edges) == pytest.approx([2000] * 10, abs=200)


def test_a_value_that_fills_many_deciles_is_one_bin() -> None:
    """Edges never repeat, and the bins behind it are not smaller than a tenth."""
    found = histogram(LUMPY)
    edges = found.edges(10)
    assert edges[0] == 0.0
    assert sorted(set(edges)) == edges
    assert found.between(edges)[0] == pytest.approx(LUMPY.count(0.0), abs=1)
    assert min(found.between(edges)) > 300


@pytest.mark.parametrize("values", [[], [2.5]])
def test_what_does_not_exist_is_null(values: list[float]) -> None:
    """No values have no mean, one value has no deviation: neither is a number."""
    document = profile(values)
    assert document["sd"] is None
    assert document["mean"] == (values[0] if values else None)
    assert document["quantiles"]["0.5"] == document["mean"]


@pytest.mark.parametrize(
    "column",
    [None, {}, {"buckets": []}, {"buckets": None}, {"buckets": [[1, 2]]}, {"buckets": [[2, 1, 3]]},
     {"buckets": [["a", 1, 3]]}, profile([])],
)  # fmt: skip
def test_what_is_no_histogram_is_not_read(column: Any) -> None:
    """An older or a damaged profile is no reason to fail."""
    assert Histogram.read(column) is None
