import random

import pytest

from dropforge_jobs.holdout import HOLDOUT, TRAIN, VALIDATION, Split, find_leaks

RANDOM = random.Random(0)  # noqa: S311  test data
ROWS = [[round(RANDOM.gauss(5, 2), 3) for _ in range(4)] for _ in range(20_000)]


def test_sides_are_fixed_for_ever() -> None:
    """Another version or platform must put these rows where they always were."""
    split = Split(seed=15, holdout=0.3, validation=0.2)
    sides = "".join(split.side([n / 10, -n, "vhigh"])[0] for n in range(32))
    assert sides == "vhtvhhthttvtvttvvhhvthhhhhhvtvtt"


@pytest.mark.parametrize(
    "spelling", [["5.10", "-0", "text"], [5.1, -0.0, " text "], ["0.51e1", 0, "text"]]
)
def test_a_value_counts_by_its_meaning(spelling: list[str | float]) -> None:
    """Numbers that are equal are on the same side however they are written, under every seed."""
    for seed in range(64):
        split = Split(seed, holdout=0.5)
        assert split.side(spelling) == split.side([5.1, 0.0, "text"])


@pytest.mark.parametrize(
    ("one", "other"),
    [(["ab", "c"], ["a", "bc"]), (["1", "2"], ["2", "1"]), (["nan"], ["inf"]), (["1"], ["1", ""])],
)
def test_rows_that_differ_are_told_apart(one: list[str], other: list[str]) -> None:
    """Neither joining nor reading the values makes different rows equal."""
    splits = [Split(seed, holdout=0.5) for seed in range(64)]
    assert [s.side(one) for s in splits] != [s.side(other) for s in splits]


def test_shares_are_met_on_average() -> None:
    """Of 20,000 rows, the shares come out within one point of what was asked."""
    sides = [Split(1, holdout=0.3, validation=0.1).side(row) for row in ROWS]
    assert sides.count(HOLDOUT) / len(ROWS) == pytest.approx(0.3, abs=0.01)
    assert sides.count(VALIDATION) / len(ROWS) == pytest.approx(0.1, abs=0.01)


def test_validation_is_taken_from_training_only() -> None:
    """A pipeline that starts to use validation keeps its hold-out."""
    without, with_it = Split(1, holdout=0.3), Split(1, holdout=0.3, validation=0.2)
    for row in ROWS[:2000]:
        assert (without.side(row) == HOLDOUT) == (with_it.side(row) == HOLDOUT)


def test_a_smaller_holdout_is_part_of_the_larger_one() -> None:
    """Shrinking the share moves rows into training only, never into the hold-out."""
    small, large = Split(1, holdout=0.1), Split(1, holdout=0.3)
    for row in ROWS[:2000]:
        if small.side(row) == HOLDOUT:
            assert large.side(row) == HOLDOUT


def test_another_seed_is_another_split() -> None:
    """Seeds agree about as often as chance would have it."""
    one, other = Split(1, holdout=0.5), Split(2, holdout=0.5)
    same = sum(one.side(row) == other.side(row) for row in ROWS[:4000])
    assert 0.45 < same / 4000 < 0.55


def test_without_shares_everything_is_trained_on() -> None:
    """A share of 0 means none at all."""
    assert {Split(1, holdout=0).side(row) for row in ROWS[:1000]} == {TRAIN}


@pytest.mark.parametrize(
    ("holdout", "validation"), [(-0.1, 0), (1, 0), (0.6, 0.4), (float("nan"), 0)]
)
def test_shares_that_cannot_be_met_are_refused(holdout: float, validation: float) -> None:
    """They name the shares rather than leave nothing to train on."""
    with pytest.raises(ValueError, match="must leave some rows"):
        Split(1, holdout, validation)


def test_a_planted_leak_is_found() -> None:
    """A training row that someone put into the hold-out is named by its place."""
    split = Split(1, holdout=0.3, validation=0.1)
    holdout = [row for row in ROWS[:2000] if split.side(row) == HOLDOUT]
    assert find_leaks(holdout, split) == []
    trained = next(row for row in ROWS if split.side(row) == TRAIN)
    tuned = next(row for row in ROWS if split.side(row) == VALIDATION)
    assert find_leaks([*holdout[:5], trained, *holdout[5:], tuned], split) == [5, len(holdout) + 1]


@pytest.mark.parametrize(
    ("earlier", "share"), [(Split(2, 0.3), 0.7), (Split(1, 0.1), 2 / 3), (Split(1, 0.4), 0)]
)
def test_rows_that_an_earlier_split_trained_on_are_found(earlier: Split, share: float) -> None:
    """Another seed and a smaller share trained on rows that are held out now; a larger did not."""
    split = Split(1, holdout=0.3)
    holdout = [row for row in ROWS if split.side(row) == HOLDOUT]
    assert len(find_leaks(holdout, earlier)) / len(holdout) == pytest.approx(share, abs=0.03)
