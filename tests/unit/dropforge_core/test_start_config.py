from typing import Any

import pytest
from dropforge_core.published import DriftAlarm, Schedule, StartPolicy
from dropforge_core.start_config import Start
from pydantic import ValidationError


def test_runs_start_at_once() -> None:
    """Unless the pipeline says otherwise."""
    assert Start().resolved() is None


@pytest.mark.parametrize(
    "given",
    [
        {"quiet_seconds": 60, "at_latest_seconds": 600},
        {"marker": "_SUCCESS"},
        {"marker": "_SUCCESS", "at_latest_seconds": 600},
    ],
)
def test_what_a_run_waits_for(given: dict[str, Any]) -> None:
    """Goes to the trigger as it was written."""
    assert Start(**given).resolved() == StartPolicy(**given)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"quiet_seconds": 60}, "needs at_latest_seconds"),
        ({"quiet_seconds": 60, "at_latest_seconds": 59}, "at least quiet_seconds"),
        ({"quiet_seconds": 60, "at_latest_seconds": 600, "marker": "x"}, "not both"),
        ({"at_latest_seconds": 60}, "goes with"),
        ({"quiet_seconds": 0}, "greater than"),
        ({"marker": "a/b"}, "pattern"),
        ({"marker": ""}, "pattern"),
        ({"quiet": 60}, "Extra inputs"),
    ],
)
def test_what_makes_no_sense(given: dict[str, Any], problem: str) -> None:
    """Is refused before anything is published."""
    with pytest.raises(ValidationError, match=problem):
        Start(**given)


def test_a_schedule_may_be_its_expression_alone() -> None:
    """In UTC then; or with a time zone."""
    alone = Start.model_validate({"schedule": "rate(1 day)"}).resolved_schedule()
    assert alone == Schedule(expression="rate(1 day)", timezone="UTC")
    given = {"expression": "cron(0 3 ? * MON-FRI *)", "timezone": "Europe/Berlin"}
    assert Start.model_validate({"schedule": given}).resolved_schedule() == Schedule(**given)
    assert Start().resolved_schedule() is None


@pytest.mark.parametrize(
    "schedule",
    [
        "every day",
        "rate(1 days)",
        "rate(0 days)",
        "rate(5 minute)",
        "cron(0 3 * * *)",
        "cron(0 3 * * * *)",
        "cron(0 3 ? * ? *)",
        "at(2026-11-28T03:00:00)",
        {"expression": "rate(1 day)", "timezone": "Europe/Nowhere"},
        {"expression": "rate(1 day)", "timezone": "../etc/passwd"},
        {"timezone": "UTC"},
    ],
)
def test_what_is_no_schedule_is_refused(schedule: Any) -> None:
    """Before anything is published."""
    with pytest.raises(ValidationError):
        Start.model_validate({"schedule": schedule})


def test_drift_is_ours_or_any_metric() -> None:
    """With a threshold; the periods of an alarm are whole minutes."""
    assert Start.model_validate({"drift": {}}).resolved_drift() == DriftAlarm(
        threshold=0.25, period_seconds=60
    )
    metric = {"namespace": "aws/sagemaker/Endpoints/data-metrics", "name": "feature_drift"}
    drift = {
        "threshold": 0.4,
        "period_seconds": 3600,
        "metric": metric | {"dimensions": {"a": "b"}},
    }
    found = Start.model_validate({"drift": drift}).resolved_drift()
    assert found is not None
    assert (found.metric, found.dimensions) == ("feature_drift", {"a": "b"})
    for wrong in ({"period_seconds": 90}, {"threshold": float("nan")}, {"metric": {"name": "x"}}):
        with pytest.raises(ValidationError):
            Start.model_validate({"drift": wrong})
