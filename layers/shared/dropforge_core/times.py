"""Moments: as the ledger writes them, and as AWS's answers carry them."""

from datetime import UTC, datetime

# Beyond this, a number of seconds would lie past the year 5000: it counts milliseconds.
_MILLISECONDS_FROM = 100_000_000_000


def utc_now() -> datetime:
    """Return now."""
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """Write a moment as ISO 8601 in UTC with milliseconds: 2026-11-21T05:20:11.000Z."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def parsed(value: object) -> datetime | None:
    """Read epoch seconds, epoch milliseconds or ISO 8601 text; None when it is none of them.

    Step Functions gives SageMaker's times as epoch milliseconds, other ways to them give seconds
    or text. Text without an offset is taken as UTC.
    """
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if abs(value) >= _MILLISECONDS_FROM else value
            return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def seconds_between(start: datetime, end: datetime) -> float:
    """Return the seconds from start to end, never below zero, to the millisecond."""
    return round(max(0.0, (end - start).total_seconds()), 3)
