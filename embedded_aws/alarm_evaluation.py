"""Whether an alarm sounds: its metric's last periods, held against its threshold.

Two deviations from CloudWatch, which looks once a period at periods that begin on the clock's
minutes: here the last period ends now, and somebody looks every second, so that an alarm sounds
within seconds. And only as many periods are looked at as are evaluated, where CloudWatch looks
further back when some of them are missing.

Sources: CloudWatch user guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat
missing data"; the wording of reasons as clients report it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_COMPARISONS = {
    "GreaterThanThreshold": "greater than",
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}
COMPARISONS = frozenset(_COMPARISONS)
STATISTICS = frozenset({"Average", "Maximum", "Minimum", "SampleCount", "Sum"})


@dataclass(frozen=True)
class Condition:
    """What an alarm is about, apart from its metric."""

    statistic: str
    comparison: str
    threshold: float
    period: int  # seconds
    periods: int
    datapoints: int  # of these, to alarm
    missing: str  # "missing", "ignore", "breaching", "notBreaching"

    def breaches(self, value: float) -> bool:
        """Whether a value is on the wrong side."""
        if self.comparison.startswith("Greater"):
            over = value > self.threshold
        else:
            over = value < self.threshold
        return over or ("OrEqual" in self.comparison and value == self.threshold)


@dataclass(frozen=True)
class Sample:
    """One datum of a metric: a value, or an aggregate of several."""

    at: datetime
    total: float
    count: float
    least: float
    most: float


@dataclass(frozen=True)
class Verdict:
    """The state that an alarm should have, and why."""

    state: str
    reason: str
    reason_data: str


@dataclass(frozen=True)
class _Period:
    start: datetime
    value: float


def judge(condition: Condition, samples: Sequence[Sample], now: datetime) -> Verdict | None:
    """Give the state of an alarm; None when it stays what it is."""
    known = _known(condition, samples, now)
    breaching = [each for each in known if condition.breaches(each.value)]
    good = len(known) - len(breaching)
    unknown = condition.periods - len(known)
    treated = len(breaching) + (unknown if condition.missing == "breaching" else 0)
    data = _data(condition, known, now)
    if condition.missing in ("breaching", "notBreaching") and not known:
        state = "ALARM" if treated >= condition.datapoints else "OK"
        return Verdict(state, _all_missing(condition), data)
    if not known:
        if condition.missing == "ignore":
            return None
        reason = f"Insufficient Data: {_datapoints(unknown)} {_was(unknown)} unknown."
        return Verdict("INSUFFICIENT_DATA", reason, data)
    # Some known, all of them breaching, others missing: CloudWatch alarms before its time.
    premature = condition.missing == "missing" and not good
    if treated >= condition.datapoints or premature:
        return Verdict("ALARM", _crossed(condition, breaching, breaches=True), data)
    if condition.missing == "ignore" and not good:
        return None
    fine = [each for each in known if not condition.breaches(each.value)]
    return Verdict("OK", _crossed(condition, fine or known, breaches=False), data)


def _known(condition: Condition, samples: Sequence[Sample], now: datetime) -> list[_Period]:
    """Give the periods that have data, the newest first."""
    period = timedelta(seconds=condition.period)
    found = []
    for number in range(condition.periods):
        end = now - number * period
        inside = [each for each in samples if end - period < each.at <= end]
        if inside:
            found.append(_Period(end - period, _statistic(condition.statistic, inside)))
    return found


def _statistic(name: str, samples: Sequence[Sample]) -> float:
    total, count = sum(each.total for each in samples), sum(each.count for each in samples)
    match name:
        case "Sum":
            return total
        case "SampleCount":
            return count
        case "Minimum":
            return min(each.least for each in samples)
        case "Maximum":
            return max(each.most for each in samples)
        case _:
            return total / count if count else 0.0


def _crossed(condition: Condition, periods: Sequence[_Period], *, breaches: bool) -> str:
    values = ", ".join(f"{each.value} ({each.start:%d/%m/%y %H:%M:%S})" for each in periods)
    least = condition.datapoints
    if not breaches:
        least = condition.periods - condition.datapoints + 1
    way = "OK -> ALARM" if breaches else "ALARM -> OK"
    return (
        f"Threshold Crossed: {len(periods)} out of the last {condition.periods} datapoints"
        f" [{values}] {_was(len(periods))} {'' if breaches else 'not '}"
        f"{_COMPARISONS[condition.comparison]} the threshold ({condition.threshold})"
        f" (minimum {_datapoints(least)} for {way} transition)."
    )


def _all_missing(condition: Condition) -> str:
    count = condition.periods
    treatment = "Breaching" if condition.missing == "breaching" else "NonBreaching"
    return (
        f"Threshold Crossed: no datapoints were received for {count}"
        f" period{'s' if count > 1 else ''} and {count} missing"
        f" datapoint{'s' if count > 1 else ''} {_was(count)} treated as [{treatment}]."
    )


def _data(condition: Condition, known: Sequence[_Period], now: datetime) -> str:
    return json.dumps(
        {
            "version": "1.0",
            "queryDate": stamp(now),
            "statistic": condition.statistic,
            "period": condition.period,
            "recentDatapoints": [each.value for each in reversed(known)],
            "threshold": condition.threshold,
        }
    )


def stamp(moment: datetime) -> str:
    """Write a time as CloudWatch does, to the millisecond; one without a zone is UTC."""
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}+0000"


def _datapoints(count: int) -> str:
    return f"{count} datapoint{'s' if count > 1 else ''}"


def _was(count: int) -> str:
    return "were" if count > 1 else "was"
