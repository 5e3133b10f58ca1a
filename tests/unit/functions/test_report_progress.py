from datetime import UTC, datetime
from typing import Any

import pytest
from dropforge_core import slack_delivery
from dropforge_core.progress_reports import Report

from tests.unit.dropforge_core.test_retention import an_ended

RUNS = [an_ended(number) for number in (1, 2)]
FOUND = [Report(run, {"loss": 0.5}, datetime(2026, 11, 21, 5, 23, tzinfo=UTC)) for run in RUNS]


def test_without_a_webhook_nobody_is_told(functions: Any, sample: Any, output: Any) -> None:
    """And nothing is looked up."""
    functions.monkeypatch.setenv("LEDGER_TABLE", "none")
    assert functions.invoke("report_progress", sample("report_progress.schedule")) == {"told": []}
    assert output()[1] == {"ProgressReported": 0, "ProgressFailed": 0}


def test_each_training_is_told_by_itself(
    functions: Any, sample: Any, output: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that Slack does not take is logged and counted, and keeps no other from being told."""
    monkeypatch.setenv("SLACK_WEBHOOK_SOURCE", "ssm")
    posted: list[str] = []

    def deliver(url: str, message: dict[str, Any]) -> None:
        if RUNS[0].run_id in str(message):
            raise slack_delivery.DeliveryError("Slack refused the message: 500")
        posted.append(f"{url} {message['text']}")

    app = functions.load("report_progress")
    monkeypatch.setitem(app.__dict__, "reports", lambda *_: FOUND)
    monkeypatch.setattr(slack_delivery, "deliver", deliver)
    monkeypatch.setattr(slack_delivery, "webhook_url", lambda *_: "the webhook")
    answer = functions.invoke("report_progress", sample("report_progress.schedule"))
    assert answer == {"told": [RUNS[1].run_id]}
    told = "the webhook 📈 iris: is training. In the minute until 05:23 UTC, on average:"
    assert posted == [told]
    lines, counted = output()
    assert counted == {"ProgressReported": 1.0, "ProgressFailed": 1.0}
    assert {line["level"] for line in lines} == {"INFO", "WARNING"}


def test_what_it_looks_up_is_of_the_schedules_minute(
    functions: Any, sample: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A late or repeated invocation tells of the same minute."""
    monkeypatch.setenv("SLACK_WEBHOOK_SOURCE", "ssm")
    seen: list[str] = []

    def look(_ledger: object, _cloudwatch: object, scheduled: str) -> list[Report]:
        seen.append(scheduled)
        return []

    app = functions.load("report_progress")
    monkeypatch.setitem(app.__dict__, "reports", look)
    functions.invoke("report_progress", sample("report_progress.schedule"))
    assert seen == ["2026-11-21T06:05:00Z"]
