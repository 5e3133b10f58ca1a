"""When an alarm sounds, when it is content, and when it does not know."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from embedded_aws.alarm_evaluation import Condition, Sample, judge

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
PERIOD = 60


def condition(
    periods: int, datapoints: int, missing: str, comparison: str = "GreaterThanThreshold"
) -> Condition:
    """Give a condition with the threshold 5 on a sum."""
    return Condition("Sum", comparison, 5.0, PERIOD, periods, datapoints, missing)


def samples(picture: str) -> list[Sample]:
    """Draw periods, the oldest first: 0 is good, X breaches, - has no data."""
    found = []
    for age, sign in enumerate(reversed(picture.split())):
        at = NOW - timedelta(seconds=age * PERIOD + 1)
        value = {"0": 1.0, "X": 9.0}.get(sign)
        if value is not None:
            found.append(Sample(at, value, 1.0, value, value))
    return found


@pytest.mark.parametrize(
    ("picture", "datapoints", "states"),
    [
        # As in the user guide's tables; in the order missing, ignore, breaching, notBreaching.
        ("0 - -", 3, "OK OK OK OK"),
        ("- - -", 3, "INSUFFICIENT_DATA None ALARM OK"),
        ("X X X", 3, "ALARM ALARM ALARM ALARM"),
        ("- - X", 3, "ALARM None ALARM OK"),
        ("X 0 X", 3, "OK OK OK OK"),
        ("X 0 X", 2, "ALARM ALARM ALARM ALARM"),
        ("0 0 X", 2, "OK OK OK OK"),
        ("0 X -", 2, "OK OK ALARM OK"),
        ("- - 0", 2, "OK OK ALARM OK"),
        ("- - X", 2, "ALARM None ALARM OK"),
    ],
)
def test_missing_data_is_treated_as_asked(picture: str, datapoints: int, states: str) -> None:
    """What is known decides; what is missing is breaching, good or unknown as the alarm says."""
    given = []
    for missing in ("missing", "ignore", "breaching", "notBreaching"):
        verdict = judge(condition(3, datapoints, missing), samples(picture), NOW)
        given.append(verdict.state if verdict else "None")
    assert " ".join(given) == states


@pytest.mark.parametrize(
    ("comparison", "values"),
    [
        ("GreaterThanThreshold", {4: "OK", 5: "OK", 6: "ALARM"}),
        ("GreaterThanOrEqualToThreshold", {4: "OK", 5: "ALARM", 6: "ALARM"}),
        ("LessThanThreshold", {4: "ALARM", 5: "OK", 6: "OK"}),
        ("LessThanOrEqualToThreshold", {4: "ALARM", 5: "ALARM", 6: "OK"}),
    ],
)
def test_comparisons(comparison: str, values: dict[float, str]) -> None:
    """Each operator has its side of the threshold."""
    for value, state in values.items():
        sample = Sample(NOW, value, 1.0, value, value)
        verdict = judge(condition(1, 1, "missing", comparison), [sample], NOW)
        assert verdict is not None
        assert verdict.state == state, value


@pytest.mark.parametrize(
    ("statistic", "value"),
    [("Sum", 12.0), ("SampleCount", 4.0), ("Average", 3.0), ("Minimum", 0.5), ("Maximum", 7.0)],
)
def test_statistics(statistic: str, value: float) -> None:
    """Values and aggregates of one period become one number."""
    alarm = Condition(statistic, "GreaterThanThreshold", 100.0, PERIOD, 1, 1, "missing")
    inside = [Sample(NOW, 2.0, 1.0, 2.0, 2.0), Sample(NOW, 10.0, 3.0, 0.5, 7.0)]
    outside = [Sample(NOW - timedelta(seconds=PERIOD), 99.0, 9.0, 0.0, 99.0)]
    verdict = judge(alarm, inside + outside, NOW)
    assert verdict is not None
    assert json.loads(verdict.reason_data)["recentDatapoints"] == [value]


@pytest.mark.parametrize(
    ("periods", "datapoints", "missing", "picture", "reason"),
    [
        (
            1,
            1,
            "missing",
            "X",
            (
                "Threshold Crossed: 1 out of the last 1 datapoints [9.0 (22/11/26 09:59:00)] was"
                " greater than the threshold (5.0)"
                " (minimum 1 datapoint for OK -> ALARM transition)."
            ),
        ),
        (
            3,
            2,
            "missing",
            "0 0 X",
            (
                "Threshold Crossed: 2 out of the last 3 datapoints"
                " [1.0 (22/11/26 09:58:00), 1.0 (22/11/26 09:57:00)] were not greater than the"
                " threshold (5.0) (minimum 2 datapoints for ALARM -> OK transition)."
            ),
        ),
        (2, 2, "missing", "- -", "Insufficient Data: 2 datapoints were unknown."),
        (
            1,
            1,
            "notBreaching",
            "-",
            (
                "Threshold Crossed: no datapoints were received for 1 period"
                " and 1 missing datapoint was treated as [NonBreaching]."
            ),
        ),
    ],
)
def test_reasons(periods: int, datapoints: int, missing: str, picture: str, reason: str) -> None:
    """The state's reason is told in CloudWatch's words."""
    verdict = judge(condition(periods, datapoints, missing), samples(picture), NOW)
    assert verdict is not None
    assert verdict.reason == reason
