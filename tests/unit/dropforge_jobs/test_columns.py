from typing import Any

import pytest

from dropforge_jobs.columns import BadCellError, Column


def column(kind: str, **rules: Any) -> Column:
    """Return a column named a, as its JSON has it."""
    return Column.from_document({"name": "a", "type": kind, **rules})


@pytest.mark.parametrize(
    ("given", "cell", "value"),
    [
        (column("text"), "  two words ", "two words"),
        (column("text", pattern="[a-z ]+"), "two words", "two words"),
        (column("text", values=["no", "yes"]), "no", "no"),
        (column("number"), " -1.50e1 ", -15.0),
        (column("number", minimum=0, maximum=1), "1", 1.0),
        (column("number", minimum=0, maximum=1), "-0", 0.0),
        (column("integer"), "+7", 7),
        (column("timestamp"), "1970-01-01 00:05:01", 301),
        (column("timestamp", step=300), "1970-01-01T00:05", 300),
        (column("integer", values=[0, 1]), "1", 1),
        (column("number", nullable=True), "  ", None),
        (column("text", nullable=True, pattern="x"), "", None),
    ],
)
def test_a_good_cell_is_read_by_its_type(given: Column, cell: str, value: object) -> None:
    """Spaces around it do not count, and bounds are within."""
    read = given.read(cell)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("given", "cell", "reason"),
    [
        (column("text"), " ", "a is empty"),
        (column("text"), "x\x1by", "a has control characters"),
        (column("text", pattern="[a-z]+"), "abc1", "a does not match [a-z]+"),
        (column("timestamp"), "noon", "a is no timestamp like 2017-05-01 00:05:00"),
        (
            column("timestamp"),
            "1970-01-01 00:05Z",
            "a has a time zone: give the times of one clock, without it",
        ),
        (column("timestamp", step=300), "1970-01-01 00:06", "a is off the grid of 300 seconds"),
        (column("text", values=["no", "yes"]), "No", "a is none of the allowed values"),
        (column("number"), "", "a is empty"),
        (column("number"), "1,5", "a is no finite number"),
        (column("number"), "nan", "a is no finite number"),
        (column("number"), "1e400", "a is no finite number"),
        (column("number", minimum=0), "-1e-9", "a is below 0"),
        (column("number", maximum=2.5), "2.6", "a is above 2.5"),
        (column("integer"), "1.0", "a is no whole number"),
        (column("integer"), "٣", "a is no whole number"),
        (column("integer"), "9" * 19, "a is no whole number"),
        (column("integer", minimum=1), "0", "a is below 1"),
        (column("integer", values=[0, 1]), "2", "a is none of the allowed values"),
    ],
)
def test_a_bad_cell_is_refused_with_the_rule(given: Column, cell: str, reason: str) -> None:
    """The reason names column and rule, and nothing of the cell: equal faults count as one."""
    with pytest.raises(BadCellError) as raised:
        given.read(cell)
    assert str(raised.value) == reason


@pytest.mark.parametrize("rules", [{"pattern": "("}, {"colour": "red"}, {"values": 3}])
def test_what_is_no_column(rules: dict[str, Any]) -> None:
    """JSON that publish never writes is refused before any data is read."""
    with pytest.raises((TypeError, ValueError)):
        column("text", **rules)
    with pytest.raises(ValueError, match="date"):
        column("date")
