import json
from typing import Any

import pytest
from dropforge_core.contracts import RunEnd
from dropforge_core.times import iso, utc_now

from tests.unit.dropforge_core.stack import DATA_BUCKET, Stack

from .conftest import TOPIC

STATUSES = [
    "deployed",
    "rejected",
    "rolled_back",
    "skipped",
    "unusable",
    "failed",
    "waiting_for_approval",
]


@pytest.fixture
def subscriber(stack: Stack) -> str:
    """A queue that gets what the topic gets."""
    stack.clients.sns.create_topic(Name="announcements")
    sqs = stack.clients.sqs
    queue: str = sqs.create_queue(QueueName="mails")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    stack.clients.sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=arn["QueueArn"])
    return queue


@pytest.mark.usefixtures("subscriber")
@pytest.mark.parametrize("status", STATUSES)
def test_without_a_webhook_the_log_tells(
    functions: Any, sample: Any, output: Any, status: str
) -> None:
    """The same content is one log line, with run id and execution, and it is counted."""
    event = sample(f"notify_metrics.{status}")
    answer = functions.invoke("notify_metrics", event)
    assert answer == {"channel": "log", "delivered": True, "published": True}
    lines, counted = output()
    (line,) = lines
    assert (line["run_id"], line["execution"]) == (event["run_id"], event["execution"])
    assert event["pipeline"] in line["title"]
    assert line["facts"]["Run"] == event["run_id"]
    assert line["facts"].get("Model package") == event.get("model_package")
    assert line["facts"].get("In quarantine") == event.get("quarantine")
    assert ("champion" in line["metrics"].get("accuracy", "")) == ("champion_metrics" in event)
    assert ("Execution" in line["links"]) == bool(event["execution"])
    assert f"dropforge show {event['run_id']} --target aws" in line["commands"].values()
    assert counted == {"MessageLogged": 1, "AnnouncementPublished": 1}


def test_the_topic_gets_the_same(
    functions: Any, stack: Stack, sample: Any, subscriber: str
) -> None:
    """As text, with a subject, and attributes to filter by."""
    functions.invoke("notify_metrics", sample("notify_metrics.deployed"))
    (message,) = stack.clients.sqs.receive_message(QueueUrl=subscriber)["Messages"]
    told = json.loads(message["Body"])
    assert told["Subject"] == "Dropforge iris: deployed, endpoint updated"
    assert "accuracy: 0.9778, champion 0.9667 (+0.0111)" in told["Message"]
    assert "Data: 2 objects, 4.6 kB, 150 rows, 3 rejected" in told["Message"]
    assert {name: each["Value"] for name, each in told["MessageAttributes"].items()} == {
        "pipeline": "iris",
        "status": "DEPLOYED",
    }


def test_a_topic_that_fails_changes_nothing(functions: Any, sample: Any, output: Any) -> None:
    """There is none: logged and counted, and the answer is no error."""
    answer = functions.invoke("notify_metrics", sample("notify_metrics.rejected"))
    assert answer == {"channel": "log", "delivered": True, "published": False}
    lines, counted = output()
    assert counted == {"MessageLogged": 1, "AnnouncementFailed": 1}
    assert "NotFound" in lines[-1]["problem"]


@pytest.mark.usefixtures("subscriber")
def test_a_slack_that_fails_changes_nothing(
    functions: Any, stack: Stack, sample: Any, output: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unreachable webhook is logged and counted; the answer is no error, the URL nowhere.

    The bucket cannot be reached either: the chart is left out, and the link that failed is in no
    line.
    """
    stack.clients.ssm.put_parameter(
        Name="/hook", Value="http://127.0.0.1:1/services/T0/B0/SECRET", Type="SecureString"
    )
    monkeypatch.setenv("SLACK_WEBHOOK_SOURCE", "ssm")
    answer = functions.invoke("notify_metrics", sample("notify_metrics.deployed"))
    assert answer == {"channel": "slack", "delivered": False, "published": True}
    lines, counted = output()
    assert counted == {"SlackFailed": 1, "AnnouncementPublished": 1}
    assert lines[0]["problem"] == "EndpointConnectionError"
    assert "cannot be reached" in lines[1]["problem"]
    assert "SECRET" not in str(lines)
    assert "Signature" not in str(lines)


@pytest.mark.parametrize("status", ["deployed", "rejected", "failed", "skipped", "execution_died"])
def test_finishing_an_unknown_run(functions: Any, sample: Any, output: Any, status: str) -> None:
    """On an empty stack there is nothing to close."""
    answer = functions.invoke("finish_run", sample(f"finish_run.{status}"))
    assert answer == {"closed": False}
    assert output()[1] == {"RunAlreadyClosed": 1}


@pytest.mark.parametrize(
    ("status", "metric"),
    [("deployed", "RunDeployed"), ("rejected", "RunRejected"), ("failed", "RunFailed")],
)
def test_finishing_a_run(  # noqa: PLR0913, PLR0917 - fixtures
    functions: Any, stack: Stack, sample: Any, output: Any, status: str, metric: str
) -> None:
    """The run is closed with what the event says; waiting data gets its follow-up."""
    stack.publish()
    stack.drop("a.csv", "first")
    (run,) = stack.starter().start_waiting("iris")
    stack.drop("b.csv", "second", order=2)
    event = sample(f"finish_run.{status}")
    event |= {"run_id": run.run_id, "execution": run.execution}
    answer = functions.invoke("finish_run", event)
    closed = stack.ledger.run(run.run_id)
    assert closed is not None
    assert closed.status == event["status"]
    assert closed.champion_metrics == event.get("champion_metrics")
    assert closed.comparison == event.get("comparison")
    assert closed.model_package == event.get("model_package")
    assert closed.jobs == event.get("jobs", [])
    assert closed.training_metrics == event.get("training_metrics", {})
    assert closed.model_data == event.get("model_data")
    assert closed.data.get("rows") == event.get("rows", {}).get("rows")
    assert closed.ended_at is not None
    assert closed.ended_at <= iso(utc_now())
    assert answer == {"closed": True, "follow_up": stack.ledger.runs("iris")[0].run_id}
    lines, counted = output()
    assert counted == {metric: 1, "RunStarted": 1}
    assert (lines[-1]["run_id"], lines[-1]["execution"]) == (run.run_id, run.execution)


def test_finishing_a_run_whose_data_was_of_no_use(
    functions: Any, stack: Stack, sample: Any, output: Any
) -> None:
    """The run is SKIPPED, and what the job refused is quarantined, by its index."""
    stack.publish()
    arrival = stack.drop("station 7.csv", "broken")
    (run,) = stack.starter().start_waiting("iris")
    entry = {"etag": arrival.etag, "size": arrival.size, "whole": True, "reason": "No row."}
    stack.clients.s3.put_object(
        Bucket=DATA_BUCKET,
        Key=f"quarantine/iris/{run.run_id}/quarantine.json",
        Body=json.dumps({"objects": [{**entry, "key": arrival.key, "files": []}]}).encode(),
    )
    event = sample("finish_run.skipped") | {"run_id": run.run_id, "execution": run.execution}
    assert functions.invoke("finish_run", event) == {"closed": True}
    closed = stack.ledger.run(run.run_id)
    assert closed is not None
    assert (closed.status, closed.reason) == ("SKIPPED", event["reason"])
    assert closed.data == {**run.data, **event["rows"], "quarantine": event["quarantine"]}
    assert stack.fates() == [("station 7.csv", "QUARANTINED")]
    assert output()[1] == {"RunSkipped": 1}


def test_a_run_whose_execution_died_is_closed_and_told_once(
    functions: Any, stack: Stack, sample: Any, output: Any
) -> None:
    """Whatever killed it: FAILED with the reason, the pipeline free, one message sent."""
    stack.publish()
    stack.drop("a.csv", "first")
    (run,) = stack.starter().start_waiting("iris")
    event = sample("finish_run.execution_died")
    event["detail"] |= {"executionArn": run.execution, "name": f"{run.run_id}-1"}
    assert functions.invoke("finish_run", event) == {"closed": True}
    closed = stack.ledger.run(run.run_id)
    assert closed is not None
    assert (closed.status, closed.ended_at is not None) == ("FAILED", True)
    assert "ABORTED: Stopped by an operator" in closed.reason
    assert stack.ledger.lock("iris") is None
    assert functions.invoke("finish_run", event) == {"closed": False}
    (told,) = stack.clients.told
    end = RunEnd.read(json.loads(told["Payload"]))
    assert (end.data, end.first_event_at) == (run.run_data, run.first_event_at)
    assert output()[1] == {"RunFailed": 1, "RunAlreadyClosed": 1}


DRIFT_TOLD = {"rejected": 0.4, "deployed": 0.0}


@pytest.mark.parametrize("status", DRIFT_TOLD)
def test_drift_is_told_by_stack_and_pipeline(
    functions: Any, stack: Stack, sample: Any, capsys: pytest.CaptureFixture[str], status: str
) -> None:
    """A model that is deployed knows the data that had drifted; a run is told of once."""
    stack.publish()
    stack.drop("a.csv", "first")
    (run,) = stack.starter().start_waiting("iris")
    event = sample(f"finish_run.{status}") | {
        "run_id": run.run_id,
        "execution": run.execution,
        "rows": {"rows": 9, "drift": 0.4},
    }
    for _ in range(2):
        functions.invoke("finish_run", event)
    lines = [line for line in capsys.readouterr().out.splitlines() if "DataDrift" in line]
    (line,) = [json.loads(line) for line in lines]
    assert (line["stack"], line["pipeline"], line["DataDrift"]) == (
        "dropforge",
        "iris",
        [DRIFT_TOLD[status]],
    )
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert {"stack", "pipeline", "service"} == set(directive["Dimensions"][0])
    found = stack.ledger.run(run.run_id)
    assert found is not None
    assert found.data["drift"] == 0.4
