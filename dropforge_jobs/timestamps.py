"""Times of measurements as text: one strict reading of them, without time zones.

A time zone, or a clock that is set forward and back, makes an hour of a series vanish or come
twice. Which one was meant cannot be told afterwards, so a time with a zone is no time here.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.0+)?)?)?", re.ASCII)
_ZONE = re.compile(r"\s*(?:[Zz]|UTC|GMT|[+-]\d\d(?::?\d\d)?)", re.ASCII)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  there are no zones here


class BadTimestampError(ValueError):
    """A text is no timestamp; the error's text says why, to be put behind the column's name."""


def parse_timestamp(text: str) -> int:
    """Return the seconds since 1970-01-01 00:00:00 of the same clock.

    Args:
        text: a day, or a day and a time, as in ISO 8601; whole seconds.

    Raises:
        BadTimestampError: it is something else.
    """
    found = _TIME.match(text)
    if found is None:
        raise BadTimestampError("is no timestamp like 2017-05-01 00:05:00")
    rest = text[found.end() :]
    if _ZONE.fullmatch(rest):
        raise BadTimestampError("has a time zone: give the times of one clock, without it")
    if rest:
        raise BadTimestampError("is no timestamp like 2017-05-01 00:05:00")
    try:
        moment = datetime(*(int(part or 0) for part in found.groups()))  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError as error:
        raise BadTimestampError("is no time of the calendar") from error
    return int((moment - _EPOCH).total_seconds())


def spell_timestamp(seconds: int) -> str:
    """Return the time as text, as `parse_timestamp` reads it."""
    return (_EPOCH + timedelta(seconds=int(seconds))).isoformat(" ")
