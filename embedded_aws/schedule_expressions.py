"""Schedule expressions of EventBridge: rate(5 minutes), cron(0 12 * * ? *).

Source: EventBridge user guide, "Schedule expressions for scheduled rules", and "Schedule types" of
EventBridge Scheduler. Rules go by UTC, schedules by their time zone: a time that summer time leaves
out does not come, one that it repeats comes once. Of cron's characters L, W and # are not
supported, nor are at(...) and one-time schedules.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from embedded_aws.errors import AwsError

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)(s?)\)")
_CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")
_UNITS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_RANGES = (range(60), range(24), range(1, 32), range(1, 13), range(1, 8), range(1970, 2200))
_NAMES: tuple[list[str], ...] = ([], [], [], _MONTHS, _DAYS, [])
_PART = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/(\d+))?")
_SPECIAL = re.compile(r"#|\d[LW]|\b(L|W|LW)\b")
_MINUTE = timedelta(minutes=1)
_FAR_DAYS = 366 * 9  # a 29 February is at most eight years away


@dataclass(frozen=True)
class Rate:
    """Every so often."""

    every: timedelta

    def after(self, moment: datetime) -> datetime | None:
        """Give the next time, counted from the last one or from the rule's start."""
        return moment + self.every


@dataclass(frozen=True)
class Cron:
    """At certain minutes of certain hours on certain days."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int] | None  # of the month; None for "?"
    months: frozenset[int]
    weekdays: frozenset[int] | None  # 1 is Sunday; None for "?"
    years: frozenset[int]
    zone: tzinfo = UTC

    def after(self, moment: datetime) -> datetime | None:
        """Give the next time that fits; None when there is none."""
        start = moment.astimezone(self.zone).replace(second=0, microsecond=0) + _MINUTE
        for number in range(_FAR_DAYS):
            midnight = start.replace(hour=0, minute=0)
            day = start if number == 0 else midnight + timedelta(days=number)
            if self._is_on(day):
                for hour in sorted(self.hours):
                    for minute in sorted(self.minutes):
                        at = day.replace(hour=hour, minute=minute, fold=0)
                        later = (hour, minute) >= (day.hour, day.minute)
                        if later and at > moment and _exists(at):
                            return at.astimezone(UTC)
        return None

    def _is_on(self, day: datetime) -> bool:
        weekday = day.isoweekday() % 7 + 1
        return (
            day.year in self.years
            and day.month in self.months
            and (self.days is None or day.day in self.days)
            and (self.weekdays is None or weekday in self.weekdays)
        )


type Schedule = Rate | Cron


def read(expression: str, timezone: str = "UTC") -> Schedule:
    """Read an expression; raises AwsError for one that EventBridge refuses, or we cannot do."""
    zone = _zone(timezone)
    rate = _RATE.fullmatch(expression)
    if rate:
        count = int(rate[1])
        if count == 0 or (count == 1) is bool(rate[3]):
            raise _invalid()
        return Rate(count * _UNITS[rate[2]])
    cron = _CRON.fullmatch(expression)
    if not cron:
        raise _invalid()
    if _SPECIAL.search(f"{cron[3]} {cron[5]}"):
        raise AwsError(
            "ValidationException", f"The embedded AWS does not support L, W and # in {expression}."
        )
    minutes, hours, days, months, weekdays, years = cron.groups()
    if (days == "?") is (weekdays == "?"):
        raise _invalid()  # exactly one of the two is left open
    return Cron(
        minutes=_values(minutes, 0),
        hours=_values(hours, 1),
        days=None if days == "?" else _values(days, 2),
        months=_values(months, 3),
        weekdays=None if weekdays == "?" else _values(weekdays, 4),
        years=_values(years, 5),
        zone=zone,
    )


def _exists(moment: datetime) -> bool:
    """Say whether clocks show this time: summer time leaves some out."""
    zone = moment.tzinfo
    return moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == moment.replace(
        tzinfo=None
    )


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as err:
        message = f"Invalid ScheduleExpressionTimezone {name}."
        raise AwsError("ValidationException", message) from err


def _values(text: str, position: int) -> frozenset[int]:
    allowed = _RANGES[position]
    values: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if not match:
            raise _invalid()
        first = allowed[0] if match[1] == "*" else _number(match[1], position)
        last = allowed[-1] if match[1] == "*" or match[3] else first
        if match[2]:
            last = _number(match[2], position)
        step = int(match[3] or 1)
        if first not in allowed or last not in allowed or first > last or step == 0:
            raise _invalid()
        values.update(range(first, last + 1, step))
    return frozenset(values)


def _number(text: str, position: int) -> int:
    names = _NAMES[position]
    if text.upper() in names:
        return names.index(text.upper()) + 1
    if not text.isdecimal():
        raise _invalid()
    return int(text)


def _invalid() -> AwsError:
    return AwsError("ValidationException", "Parameter ScheduleExpression is not valid.")
