from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from dropforge_core.times import iso, parsed, seconds_between, utc_now

MOMENT = datetime(2026, 11, 21, 5, 20, 11, 250_000, tzinfo=UTC)


def test_moments_are_written_in_utc_with_milliseconds() -> None:
    """Whatever zone a moment is given in."""
    assert iso(MOMENT.astimezone(timezone(timedelta(hours=9)))) == "2026-11-21T05:20:11.250Z"
    assert iso(MOMENT.replace(microsecond=0)) == "2026-11-21T05:20:11.000Z"
    assert utc_now().utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-21T05:20:11.250Z",
        "2026-11-21T06:20:11.250+01:00",
        "2026-11-21T05:20:11.250",
        MOMENT.timestamp(),
        int(MOMENT.timestamp() * 1000),
    ],
)
def test_every_form_is_read(value: Any) -> None:
    """ISO text with or without an offset, seconds, milliseconds."""
    assert parsed(value) == MOMENT


@pytest.mark.parametrize(
    "value", [None, "", "soon", True, [], float("nan"), float("inf"), 1e300, 10**400]
)
def test_what_is_no_moment(value: Any) -> None:
    """Everything else is no moment, and no error."""
    assert parsed(value) is None


def test_durations_are_never_negative() -> None:
    """Clocks of two machines may disagree."""
    assert seconds_between(MOMENT, MOMENT + timedelta(milliseconds=1500.4)) == 1.5
    assert seconds_between(MOMENT, MOMENT - timedelta(seconds=1)) == 0
