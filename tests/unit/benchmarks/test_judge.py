import pytest
from judge import BETTER, EQUAL, LEAST_BETTER, MOST_EQUAL, judge, simulate

PAIRS = 300


@pytest.mark.parametrize("rows", [30, 100, 300, 1000])
def test_equal_models_are_hardly_ever_promoted(rows: int) -> None:
    """Whatever the size of the hold-out, luck is not taken for a better model."""
    assert simulate(rows, EQUAL, PAIRS).promoted <= MOST_EQUAL


def test_a_clearly_better_model_is_promoted() -> None:
    """A difference of 4 points shows on 1,000 rows, and the interval is about where it is."""
    case = simulate(1000, BETTER, PAIRS)
    assert case.promoted >= LEAST_BETTER
    assert case.covered == pytest.approx(0.95, abs=0.03)


def test_what_is_said_to_be_detectable_is_detected() -> None:
    """Models that differ by the smallest detectable difference are told apart in 80 %."""
    detectable = simulate(300, EQUAL, PAIRS).detectable
    assert simulate(300, detectable, PAIRS).promoted == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize(
    ("wins", "losses", "promoted"), [(4, 0, True), (3, 0, False), (9, 4, False)]
)
def test_a_judgement_follows_the_rows_on_which_they_differ(
    wins: int, losses: int, *, promoted: bool
) -> None:
    """Three lucky rows of 45 are not enough, four are."""
    assert (judge(45, wins, losses).low > 0) == promoted
