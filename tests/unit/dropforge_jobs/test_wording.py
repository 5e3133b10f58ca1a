from typing import Any

import pytest

from dropforge_jobs.wording import number, score, sensitivity, signed, verdict


def plain(text: str) -> str:
    """Return the text with hyphens for minus signs and dashes."""
    return text.replace("\N{MINUS SIGN}", "-").replace("\N{EN DASH}", "-")


def comparison(low: float, difference: float, high: float, **changes: Any) -> dict[str, Any]:
    """Return a comparison as evaluation.json has it."""
    values = {"metric": "accuracy", "low": low, "difference": difference, "high": high}
    return {**values, "rows": 1045, "minimum_detectable": 0.0512, "confidence": 0.95, **changes}


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (12345, "12,345"), (-3, "-3"), (3.14159, "3.142"), (0.0, "0"), (1e-9, "1e-09")],
)
def test_numbers_are_short(value: float | None, text: str) -> None:
    """Counts in full, measured values to four digits, and what is missing is no number."""
    assert plain(number(value)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (45, "45"), (1.0, "1.0000"), (0.97777, "0.9778"), (-0.00012, "-0.00012"),
     (0.0, "0.0000"), (12345.678, "1.235e+04")],
)  # fmt: skip
def test_scores_line_up(value: float | None, text: str) -> None:
    """Four decimals, unless that would show nothing or too much."""
    assert plain(score(value)) == text


def test_differences_have_their_sign() -> None:
    """None and nothing have none."""
    assert [plain(signed(v)) for v in (0.05, -0.05, 0.0, 3, None)] == [
        "+0.0500", "-0.0500", "0.0000", "+3", "-",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "beginning"),
    [
        ((0.01, 0.02, 0.03), "The challenger is better than the champion"),
        ((-0.03, -0.02, -0.01), "The challenger is worse than the champion"),
        ((-0.01, 0.02, 0.05), "Which one is better cannot be told"),
        ((0.0, 0.02, 0.05), "Which one is better cannot be told"),
        ((0.0, 0.0, 0.0), "Challenger and champion have the same accuracy; none of 1,045 rows"),
    ],
)
def test_the_verdict_follows_the_interval(
    values: tuple[float, float, float], beginning: str
) -> None:
    """It claims a winner only when 0 is outside."""
    assert verdict(comparison(*values)).startswith(beginning)


def test_the_verdict_has_its_numbers() -> None:
    """Difference, interval and rows are in the sentence."""
    assert plain(verdict(comparison(-0.01, 0.02, 0.05))).endswith(
        "the difference in accuracy is +0.0200 on 1,045 rows, with a 95 % interval of -0.0100 to "
        "+0.0500; above 0 the challenger is better."
    )


def test_what_cannot_be_said_is_not_said() -> None:
    """The smallest difference is a number, or a sentence that there is none."""
    assert "0.0512" in sensitivity(comparison(0, 0, 0))
    assert "cannot be said" in sensitivity(comparison(0, 0, 0, minimum_detectable=None))
