import pytest
from hypothesis import given
from hypothesis import strategies as st

from dropforge_jobs.timestamps import BadTimestampError, parse_timestamp, spell_timestamp


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01", 0),
        ("1970-01-02 00:05", 86_700),
        ("1970-01-01T00:00:01", 1),
        ("2017-05-01 00:00:00", 1_493_596_800),
        ("2017-05-01 00:00:00.000", 1_493_596_800),
    ],
)
def test_a_time_is_seconds_of_its_own_clock(text: str, seconds: int) -> None:
    """Days alone, minutes, and a T between are ISO 8601 too."""
    assert parse_timestamp(text) == seconds


@pytest.mark.parametrize("zone", ["Z", "z", " UTC", "+02:00", "-0700", "+00"])
def test_a_time_with_a_zone_is_none(zone: str) -> None:
    """Whichever it is: two zones in one series would put hours into each other."""
    with pytest.raises(BadTimestampError, match="has a time zone"):
        parse_timestamp(f"2017-05-01 00:00:00{zone}")


@pytest.mark.parametrize("text", ["", "x", "1493596800", "01.05.2017", "2017-5-1", "2017-05-01 0"])
def test_what_is_written_otherwise_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(BadTimestampError, match="is no timestamp like"):
        parse_timestamp(text)


@pytest.mark.parametrize("text", ["2017-02-29", "2017-05-01 24:00", "2017-05-01 00:00:60"])
def test_a_time_that_does_not_exist_is_refused(text: str) -> None:
    """It would be another one than was meant."""
    with pytest.raises(BadTimestampError, match="no time of the calendar"):
        parse_timestamp(text)


@given(st.integers(min_value=-10_000_000_000, max_value=100_000_000_000))
def test_what_is_spelt_is_read_again(seconds: int) -> None:
    """Over more than two thousand years."""
    assert parse_timestamp(spell_timestamp(seconds)) == seconds
