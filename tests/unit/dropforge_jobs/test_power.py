import math

import pytest

from dropforge_jobs.power import smallest_difference, smallest_share_difference


@pytest.mark.parametrize(
    ("worse", "better", "pairs"), [(0.05, 0.45, 23), (0.1, 0.2, 233), (0.03, 0.07, 488)]
)
def test_the_formula_is_connors(worse: float, better: float, pairs: int) -> None:
    """Pairs by Connor's formula, computed here at 80 % power, show the difference they are for."""
    discordant, difference = worse + better, better - worse
    needed = (
        (1.959964 * math.sqrt(discordant) + 0.841621 * math.sqrt(discordant - difference**2))
        / difference
    ) ** 2
    assert math.ceil(needed) == pytest.approx(pairs, abs=2)
    rows = round(needed)
    found = smallest_share_difference(rows, round(discordant * rows))
    assert found == pytest.approx(difference, rel=0.03)


def test_agreement_does_not_make_a_small_holdout_sharp() -> None:
    """Where two models agree on 45 rows, a difference must still move about 8 of them."""
    found = smallest_share_difference(45, 0)
    assert found
    assert 7 < found * 45 < 8
    assert smallest_share_difference(45, 3) == found


def test_more_rows_show_less() -> None:
    """At the same share of disagreement, 100 times the rows show a tenth of the difference."""
    few, many = (smallest_share_difference(rows, rows // 10) for rows in (1000, 100_000))
    assert few
    assert many
    assert few / many == pytest.approx(10, rel=0.02)


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_too_few_rows_show_nothing(rows: int) -> None:
    """Not even that one model is always right and the other never."""
    assert smallest_share_difference(rows, rows) is None


def test_any_metric_needs_two_point_eight_standard_errors() -> None:
    """That is 1.96 + 0.84; and an error of 0 is none."""
    assert smallest_difference(0.01) == pytest.approx(0.028016, abs=1e-6)
    assert smallest_difference(0.0) is None
