from datetime import UTC, datetime
from typing import Any

import pytest
from dropforge_core.announcement import Announcement, announce
from dropforge_core.contracts import (
    EndpointChange,
    RowCounts,
    RunNews,
    StepError,
)

from tests.unit.dropforge_core.news import HERE, ON_AWS, RUN, a_job, some_news

NOW = datetime(2026, 11, 21, 5, 21, 23, tzinfo=UTC)
PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/dropforge-iris/2"


def told(news: RunNews) -> Announcement:
    """The news in words."""
    return announce(news, HERE, NOW)


@pytest.mark.parametrize(
    ("config", "serves"), [("iris-1", "the old model serves"), (None, "there is no endpoint")]
)
def test_a_deployment_that_was_undone_says_what_serves(config: str | None, serves: str) -> None:
    """The first model that does not hold leaves none behind."""
    endpoint = EndpointChange(name="dropforge-iris", action="NONE", config=config)
    said = told(some_news("ROLLED_BACK", endpoint=endpoint))
    assert said.title == f"↩️ iris: rolled back, {serves}"


@pytest.mark.parametrize(
    ("status", "title"),
    [
        ("DEPLOYED", "↩️ iris: went back to the model of {}"),
        ("ROLLED_BACK", "↩️ iris: the model of {} did not hold, the one before serves"),
        ("FAILED", "❌ iris: going back to the model of {} failed"),
    ],
)
def test_a_rollback_has_titles_of_its_own(status: Any, title: str) -> None:
    """They name the run whose model was to serve again; no data was dropped for it."""
    said = told(some_news(status, restores="iris-20261120t081500-5e6f7a8b"))
    assert said.title == title.format("iris-20261120t081500-5e6f7a8b")
    assert "Data" not in dict(said.facts)


@pytest.mark.parametrize(
    ("status", "action", "title"),
    [
        ("DEPLOYED", "CREATED", "✅ iris: deployed, endpoint created"),
        ("DEPLOYED", "UPDATED", "✅ iris: deployed, endpoint updated"),
        ("DEPLOYED", "NONE", "✅ iris: deployed"),
        ("REJECTED", "NONE", "🛑 iris: rejected, endpoint untouched"),
        ("SKIPPED", "NONE", "⏭️ iris: skipped, nothing new to use"),
        ("FAILED", "NONE", "❌ iris: failed"),
        ("WAITING_FOR_APPROVAL", "NONE", "⏸️ iris: waits for approval"),
        ("RUNNING", "NONE", "▶️ iris: runs"),
    ],
)
def test_each_status_has_its_title(status: str, action: str, title: str) -> None:
    """What happened comes first."""
    assert told(some_news(status, action)).title == title


def test_what_people_want_to_know() -> None:
    """Metrics, reason, data, duration, endpoint, run, and what each job took and cost."""
    end = some_news(
        metrics={"accuracy": 0.9777777777777777, "rows": 45, "nested": {"a": [1]}},
        endpoint=EndpointChange(name="dropforge-iris", action="UPDATED", config=f"{RUN}-1"),
        rows=RowCounts(rows=150, rejected_rows=3),
        jobs=(a_job("Preprocess"), a_job(seconds=90, billable_seconds=36, instance_count=2)),
    )
    made = told(end)
    assert made.reason == "So it was."
    assert made.metrics == [("accuracy", "0.9778"), ("rows", "45"), ("nested", '{"a": [1]}')]
    assert made.facts == [
        ("Run", RUN),
        ("Endpoint", f"dropforge-iris: updated, serves {RUN}-1"),
        ("Data", "3 objects, 4.2 kB, 150 rows, 3 rejected"),
        ("Since the first object came", "1 min 12 s"),
        ("Jobs' estimated cost", "about $1.02"),
    ]
    assert made.jobs == [
        ("Preprocess job", "1 h 0 min on ml.m5.large, cost about $1.00"),
        ("Train job", "1 min 30 s on 2 x ml.m5.large, cost about $0.02"),
    ]
    assert made.commands == [
        ("Read the report", f"dropforge report {RUN}"),
        ("See the run", f"dropforge show {RUN}"),
    ]


def test_what_came_of_the_data() -> None:
    """Refused objects are counted, and where all that was bad lies is told."""
    place = f"s3://data/quarantine/iris/{RUN}/"
    rows = RowCounts(rows=150, rejected_rows=3, quarantined_objects=1)
    facts = told(some_news(rows=rows, quarantine=place)).facts
    assert ("Data", "3 objects, 4.2 kB, 150 rows, 3 rejected, 1 object in quarantine") in facts
    assert ("In quarantine", place) in facts
    assert "In quarantine" not in dict(told(some_news()).facts)


def test_a_price_that_nobody_knows() -> None:
    """The machine's time is told all the same."""
    made = told(some_news(jobs=(a_job(hourly_usd=None), a_job("Evaluate"))))
    assert ("Train job", "1 h 0 min on ml.m5.large, cost unknown") in made.jobs
    assert ("Jobs' estimated cost", "unknown") in made.facts


def test_challenger_and_champion() -> None:
    """Where both have a metric its difference is told, and the package with what was judged."""
    end = some_news(
        metrics={"accuracy": 0.9777777777777777, "rows": 45, "odd": "NaN", "new": 1.5},
        champion_metrics={"accuracy": 0.9666666666666667, "rows": 45, "odd": 1, "old": 2},
        model_package=PACKAGE,
    )
    made = told(end)
    assert made.metrics == [
        ("accuracy", "0.9778, champion 0.9667 (+0.0111)"),
        ("rows", "45, champion 45 (+0)"),
        ("odd", "NaN, champion 1"),
        ("new", "1.5"),
    ]
    assert ("Model package", PACKAGE) in made.facts


def test_a_failure_says_where_and_how_to_try_again() -> None:
    """The step, the worded error and the command are there, and no reason of its own."""
    error = StepError(step="Train", error="States.TaskFailed", cause='{"FailureReason": "no"}')
    made = told(some_news("FAILED", "NONE", reason="", error=error))
    assert made.title == "❌ iris: failed in Train"
    assert made.reason == "Train failed with States.TaskFailed: no."
    assert ("Failed step", "Train") in made.facts
    assert made.commands == [
        ("Try again on the same data", f"dropforge redrive {RUN} --wait"),
        ("See the run", f"dropforge show {RUN}"),
    ]
    made = told(some_news("FAILED", "NONE", reason="", error=error, restores="iris-before"))
    assert made.commands[0] == ("Try again", "dropforge rollback iris --to iris-before")


@pytest.mark.parametrize(
    ("by", "set_aside"),
    [(None, True), ("JUDGE", True), ("APPROVER", True), ("TIMEOUT", False), ("NEWER_RUN", False)],
)
def test_a_rejection_says_what_becomes_of_the_data(by: Any, set_aside: bool) -> None:  # noqa: FBT001
    """New objects are set aside when somebody found the model bad, and there is a way to look."""
    made = told(some_news("REJECTED", "NONE", rejected_by=by))
    assert ("set aside" in made.note) == set_aside
    assert (("Look at the objects", "dropforge data iris") in made.commands) == set_aside


def test_waiting_says_how_to_decide_and_until_when() -> None:
    """Both answers can be copied."""
    made = announce(
        some_news("WAITING_FOR_APPROVAL", "NONE", waits_until="2026-11-28T05:20:11.000Z"),
        ON_AWS,
        NOW,
    )
    assert ("Waits until", "2026-11-28 05:20 UTC") in made.facts
    where = "--stack flowers --target aws"
    assert made.commands[:2] == [
        ("Approve it", f"dropforge approve {RUN} {where}"),
        ("Reject it", f"dropforge approve {RUN} --reject {where}"),
    ]
    assert made.note == ""


def test_no_secret_in_a_reason() -> None:
    """A webhook's address in a reason is taken out."""
    made = told(some_news(reason="posted to https://hooks.slack.com/services/T0/B0/XXXX"))
    assert "XXXX" not in str(made)


def test_a_log_line_has_it_all() -> None:
    """Without a webhook the log is where people read."""
    made = told(some_news(metrics={"accuracy": 1}, jobs=(a_job(),)))
    assert made.fields() == {
        "title": made.title,
        "reason": made.reason,
        "note": "",
        "metrics": {"accuracy": "1"},
        "facts": dict(made.facts),
        "jobs": made.jobs,
        "commands": dict(made.commands),
        "links": {},
    }
