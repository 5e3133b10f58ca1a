import pytest

from dropforge_jobs.numbers import parse_number


@pytest.mark.parametrize(
    ("text", "number"),
    [("5.1", 5.1), ("5.10", 5.1), (" 5 ", 5.0), ("-1e-3", -0.001), ("+.5", 0.5), ("-0.0", 0.0)],
)
def test_numbers_are_read_by_their_meaning(text: str, number: float) -> None:
    """Spelling does not matter, and zero has no sign."""
    assert str(parse_number(text)) == str(number)


@pytest.mark.parametrize(
    "text",
    ["", " ", "five", "1_000", "nan", "-inf", "Infinity", "1e999", "٣", "5,1", "0x10", "1 2"],
)
def test_what_python_alone_would_read_too_generously_is_no_number(text: str) -> None:
    """Nothing but a finite decimal number in ASCII digits counts."""
    assert parse_number(text) is None
