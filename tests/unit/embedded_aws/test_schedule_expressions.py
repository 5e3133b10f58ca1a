"""Schedule expressions: when they are due, and which are refused."""

from datetime import UTC, datetime

import pytest

from embedded_aws import schedule_expressions
from embedded_aws.errors import AwsError

# A Sunday.
NOW = datetime(2026, 11, 22, 10, 30, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "due"),
    [
        ("rate(1 minute)", "2026-11-22T10:31:15"),
        ("rate(5 minutes)", "2026-11-22T10:35:15"),
        ("rate(2 hours)", "2026-11-22T12:30:15"),
        ("rate(1 day)", "2026-11-23T10:30:15"),
        ("cron(* * * * ? *)", "2026-11-22T10:31:00"),
        ("cron(0/15 * * * ? *)", "2026-11-22T10:45:00"),
        ("cron(30 10 * * ? *)", "2026-11-23T10:30:00"),
        ("cron(0 8-17/4 ? * MON-FRI *)", "2026-11-23T08:00:00"),
        ("cron(0 12 ? * 1 *)", "2026-11-22T12:00:00"),
        ("cron(0 9 1,15 * ? *)", "2026-12-01T09:00:00"),
        ("cron(0 0 29 FEB ? *)", "2028-02-29T00:00:00"),
        ("cron(0 0 1 1 ? 2030)", "2030-01-01T00:00:00"),
        ("cron(0 0 1 1 ? 2020)", None),
    ],
)
def test_when_it_is_due(expression: str, due: str | None) -> None:
    """The first time after a moment, in UTC."""
    found = schedule_expressions.read(expression).after(NOW)
    assert found == (datetime.fromisoformat(due).replace(tzinfo=UTC) if due else None)


@pytest.mark.parametrize(
    "expression",
    [
        "rate(0 minutes)",
        "rate(1 minutes)",
        "rate(5 minute)",
        "rate(5 weeks)",
        "every(5 minutes)",
        "cron(* * * * *)",
        "cron(60 * * * ? *)",
        "cron(0 25 * * ? *)",
        "cron(* * * * * *)",
        "cron(* * ? * ? *)",
        "cron(0 0 10-5 * ? *)",
        "cron(0/0 * * * ? *)",
        "cron(0 0 ? * XYZ *)",
        "cron(? * * * ? *)",
    ],
)
def test_what_is_no_schedule(expression: str) -> None:
    """It is refused in EventBridge's words."""
    with pytest.raises(AwsError) as caught:
        schedule_expressions.read(expression)
    assert caught.value.message == "Parameter ScheduleExpression is not valid."


@pytest.mark.parametrize("expression", ["cron(0 0 L * ? *)", "cron(0 0 ? * 3#2 *)"])
def test_what_is_not_supported(expression: str) -> None:
    """Characters of cron's that we cannot do are named, not passed over."""
    with pytest.raises(AwsError, match="does not support L, W and #"):
        schedule_expressions.read(expression)
