from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from dropforge_core.guide import Guide
from dropforge_core.progress_reports import Report, reports
from dropforge_core.published import MetricDefinition
from dropforge_core.slack_message import slack_message

from tests.unit.dropforge_core.stack import REGION, Stack, a_stack, published
from tests.unit.dropforge_core.test_retention import an_ended

SCHEDULED = "2026-11-21T05:25:10Z"  # so the minute from 05:22 to 05:23 is told
GUIDE = Guide(stack="dropforge", artifacts_bucket="", on_aws=False)


@pytest.fixture
def stack() -> Iterator[Stack]:
    """A stack whose pipeline iris trains, and is to be told of."""
    with a_stack() as made:
        config = published()
        told = {
            "progress": "slack",
            "metric_definitions": (
                MetricDefinition(name="loss", regex="(.*)"),
                MetricDefinition(name="val:loss", regex="(.*)"),
            ),
        }
        train = config.train.model_copy(update=told)
        made.ledger.publish(config.model_copy(update={"train": train}), "s3://b/p/", "2026")
        yield made


@pytest.fixture
def cloudwatch(stack: Stack) -> Any:
    """CloudWatch, beside the stack."""
    assert stack
    return boto3.client("cloudwatch", region_name=REGION)


def say(cloudwatch: Any, at: str, name: str, value: float, job: str) -> None:
    """Let a training job say something."""
    datum = {
        "MetricName": name,
        "Dimensions": [{"Name": "TrainingJobName", "Value": job}],
        "Timestamp": datetime.fromisoformat(f"2026-11-21T{at}+00:00"),
        "Value": value,
    }
    cloudwatch.put_metric_data(Namespace="/aws/sagemaker/TrainingJobs", MetricData=[datum])


def running(stack: Stack) -> Any:
    """Open a run that goes on."""
    run = replace(an_ended(1), status="RUNNING", ended_at=None)
    lock = stack.ledger.acquire("iris", "me", 1000)
    assert lock is not None
    stack.ledger.open_run(lock, run)
    stack.ledger.hand_to_run(lock, run.run_id)
    return run


def test_what_was_said_in_one_minute_is_told(stack: Stack, cloudwatch: Any) -> None:
    """As means; what was said before and after belongs to other minutes."""
    run = running(stack)
    job = f"{run.run_id}-train-1"
    for at, value in (("05:21:59", 9.0), ("05:22:00", 0.5), ("05:22:59", 0.3), ("05:23:00", 8.0)):
        say(cloudwatch, at, "loss", value, job)
    say(cloudwatch, "05:22:30", "val:loss", 0.25, job)
    say(cloudwatch, "05:22:30", "loss", 7.0, "another-job")
    [report] = reports(stack.ledger, cloudwatch, SCHEDULED)
    assert report.run.run_id == run.run_id
    assert report.metrics == {"loss": pytest.approx(0.4), "val:loss": 0.25}
    assert report.until == datetime(2026, 11, 21, 5, 23, tzinfo=UTC)
    assert reports(stack.ledger, cloudwatch, "2026-11-21T05:27:10Z") == []


def test_only_who_trains_and_asked_for_it_is_told_of(stack: Stack, cloudwatch: Any) -> None:
    """No run, a run that has ended, a pipeline that did not ask: nothing."""
    assert reports(stack.ledger, cloudwatch, SCHEDULED) == []
    run = running(stack)
    say(cloudwatch, "05:22:30", "loss", 0.5, f"{run.run_id}-train-1")
    assert len(reports(stack.ledger, cloudwatch, SCHEDULED)) == 1
    stack.ledger.change_run(run.run_id, {"status": "FAILED"})
    assert reports(stack.ledger, cloudwatch, SCHEDULED) == []
    stack.ledger.change_run(run.run_id, {"status": "RUNNING"})
    stack.ledger.publish(published(), "s3://b/p/", "2026")
    assert reports(stack.ledger, cloudwatch, SCHEDULED) == []


def test_a_report_is_a_short_message_that_says_how_to_follow() -> None:
    """Metrics' names are others' text: no markup."""
    run = replace(an_ended(1), status="RUNNING")
    report = Report(run, {"<loss>": 0.123456}, datetime(2026, 11, 21, 5, 23, tzinfo=UTC))
    message = slack_message(report.announcement(GUIDE))
    text = str(message)
    assert "📈 iris: is training" in text
    assert "In the minute until 05:23 UTC, on average:" in text
    assert "&lt;loss&gt;\\n0.123" in text
    assert f"dropforge show {run.run_id} --follow" in text
