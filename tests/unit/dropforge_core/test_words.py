from typing import Any

import pytest
from dropforge_core import words


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.97777, "0.9778"),
        (45, "45"),
        (45.0, "45"),
        (-0.0, "0"),
        (0.00001234, "1.234e-05"),
        (12345.6789, "12345.6789"),
        (10**40, "1" + "0" * 40),
        ("NaN", "NaN"),
        (float("nan"), "NaN"),
        (True, "true"),
        (None, "null"),
        ({"a": ["ä"]}, '{"a": ["ä"]}'),
    ],
)
def test_numbers(value: Any, said: str) -> None:
    """Four decimals are enough, tiny ones keep their digits, and what is no number stays."""
    assert words.number(value) == said


@pytest.mark.parametrize(
    ("mine", "theirs", "said"),
    [(0.97777, 0.96667, "+0.0111"), (1, 2.5, "-1.5"), (45, 45, "+0"), (1, "x", ""), (True, 1, "")],
)
def test_differences(mine: Any, theirs: Any, said: str) -> None:
    """With a sign, and only between numbers."""
    assert words.difference(mine, theirs) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (2_500_000, "2.5 MB"),
        (1e20, "100000.0 PB"),
    ],
)
def test_sizes(count: float, said: str) -> None:
    """Bytes are told in the unit that people use."""
    assert words.size(count) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0.0 s"),
        (12.34, "12.3 s"),
        (60, "1 min 0 s"),
        (119.7, "2 min 0 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 0 min"),
        (90_000, "25 h 0 min"),
    ],
)
def test_durations(seconds: float, said: str) -> None:
    """In two units at most, and never sixty of one."""
    assert words.duration(seconds) == said


def test_moments() -> None:
    """To the minute, in UTC; what is no moment stays as it is."""
    assert words.moment("2026-11-28T07:20:11.000+02:00") == "2026-11-28 05:20 UTC"
    assert words.moment("soon") == "soon"


@pytest.mark.parametrize(
    ("usd", "said"),
    [
        (None, "unknown"),
        (0.0, "less than $0.01"),
        (0.0042, "less than $0.01"),
        (1234.5, "about $1,234.50"),
    ],
)
def test_money(usd: float | None, said: str) -> None:
    """An estimate says that it is one."""
    assert words.money(usd) == said


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"objects": 1, "bytes": 999}, "1 object, 999 bytes"),
        ({"objects": 2, "bytes": 4608, "rows": 150}, "2 objects, 4.6 kB, 150 rows"),
        (
            {"objects": 2, "bytes": 10, "rows": 1, "rejected_rows": 0},
            "2 objects, 10 bytes, 1 row, 0 rejected",
        ),
        (
            {"objects": 2, "bytes": 9, "rows": 1, "rejected_rows": 3, "quarantined_objects": 2},
            "2 objects, 9 bytes, 1 row, 3 rejected, 2 objects in quarantine",
        ),
        ({"objects": 1, "bytes": 9, "quarantined_objects": 0}, "1 object, 9 bytes"),
    ],
)
def test_data(facts: dict[str, Any], said: str) -> None:
    """Rows are told when somebody counted them."""
    assert words.data(facts) == said


@pytest.mark.parametrize(("count", "said"), [(1, "ml.m5.large"), (2, "2 x ml.m5.large")])
def test_machines(count: int, said: str) -> None:
    """How many, when it is more than one."""
    assert words.machines({"instance_type": "ml.m5.large", "instance_count": count}) == said
