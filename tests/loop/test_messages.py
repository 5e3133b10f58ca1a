"""What people are told of each run: exactly one message, in Slack and on the topic alike."""

import json
import time
import urllib.request
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from dropforge.build import build
from dropforge.project import Project
from dropforge.target import local_target
from embedded_aws import slack_blocks
from embedded_aws.deploy import deploy_stack

from .stack import ROOT, Stack

DATA = {"rows": 150, "rejected_rows": 3}
PNG = b"\x89PNG\r\n\x1a\n"


def evaluation(accuracy: float, *, champion: bool = False) -> str:
    """The evaluation of a challenger, and of the champion beside it; an argument of a job."""
    document: dict[str, Any] = {"metrics": {"accuracy": accuracy}, "data": DATA}
    if champion:
        difference = {"difference": round(accuracy - 0.92, 2), "low": -0.01, "high": 0.09}
        compared = {"metric": "accuracy", "confidence": 0.95, "rows": 100}
        document["champion"] = {"metrics": {"accuracy": 0.92}}
        document["comparison"] = compared | difference
    return json.dumps(document)


@pytest.fixture(scope="module")
def topic(stack: Stack) -> "Topic":
    """A queue that is subscribed to the stack's topic."""
    return Topic(stack)


class Topic:
    """What a subscriber of the topic got."""

    def __init__(self, stack: Stack) -> None:
        """Subscribe a queue that admits the topic."""
        self._sqs = stack.target.client("sqs")
        arn = stack.target.output("AnnouncementsTopicArn")
        self._url = self._sqs.create_queue(QueueName="announced")["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        queue = attributes["Attributes"]["QueueArn"]
        admit = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue,
            "Condition": {"ArnEquals": {"aws:SourceArn": arn}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [admit]})
        self._sqs.set_queue_attributes(QueueUrl=self._url, Attributes={"Policy": policy})
        stack.target.client("sns").subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue)
        self._got: list[dict[str, Any]] = []

    def about(self, run_id: str) -> list[dict[str, Any]]:
        """Return the messages about one run."""
        while found := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in found:
                self._got.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return [message for message in self._got if run_id in message["Message"]]


def only_message(stack: Stack, topic: Topic, run: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the one message of Slack's and the one text of the topic's about a run.

    Slack would take the former, and both say the same.
    """
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not stack.slack_about(run["run_id"]):
        time.sleep(0.05)  # a skipped run is told on the side
    (message,) = stack.slack_about(run["run_id"])
    assert slack_blocks.problems(message["blocks"]) == []
    while time.monotonic() < deadline and not topic.about(run["run_id"]):
        time.sleep(0.05)
    (told,) = topic.about(run["run_id"])
    attributes = {name: each["Value"] for name, each in told["MessageAttributes"].items()}
    assert attributes == {"pipeline": run["pipeline"], "status": run["status"]}
    text: str = told["Message"]
    pairs = [
        field["text"]
        for block in message["blocks"]
        for field in block.get("fields", [])
        if not field["text"].startswith("Since the first object")
    ]
    assert pairs
    for pair in pairs:
        assert unescaped(pair.replace("\n", ": ", 1)) in text
    assert unescaped(message["blocks"][0]["text"]["text"]) == text.splitlines()[0]
    assert "http" not in text
    return message, text


def unescaped(text: str) -> str:
    """Undo Slack's escapes."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def images(message: dict[str, Any]) -> list[str]:
    """List the addresses of a message's images."""
    return [block["image_url"] for block in message["blocks"] if block["type"] == "image"]


@pytest.fixture(scope="module")
def deployed(stack: Stack, topic: Topic) -> dict[str, Any]:
    """A run that replaced a champion, with all that there may be to tell."""
    assert topic
    told = {"chart": True, "metrics": {"loss": "loss=([0-9.]+);"}, "hourly_usd": 3600}
    stack.publish("told", evaluation=evaluation(0.92), **told)
    stack.run("told", "1\n")
    stack.publish("told", evaluation=evaluation(0.96, champion=True), **told)
    return stack.run("told", "2\n", count=2)


def test_a_deployment_is_told_with_numbers_and_a_picture(
    stack: Stack, topic: Topic, deployed: dict[str, Any]
) -> None:
    """What happened, the judgement, both models, the data, time and cost, and how to look."""
    assert (deployed["status"], deployed["endpoint"]["action"]) == ("DEPLOYED", "UPDATED")
    message, text = only_message(stack, topic, deployed)
    assert message["blocks"][0]["text"]["text"] == "✅ told: deployed, endpoint updated"
    for said in (
        "accuracy 0.96 is 0.04 better than the champion's",
        "accuracy: 0.96, champion 0.92 (+0.04)",
        "Data: 1 object, 2 bytes, 150 rows, 3 rejected",
        "Train job: ",
        " on ml.m5.large, cost about $",
        "Jobs' estimated cost: about $",
        f"Read the report: dropforge report {deployed['run_id']}",
        f"See the run: dropforge show {deployed['run_id']}",
    ):
        assert said in text
    assert "console.aws.amazon.com" not in json.dumps(message)


def test_the_charts_link_gives_a_picture_for_an_hour(
    stack: Stack, topic: Topic, deployed: dict[str, Any]
) -> None:
    """Whoever reads the message sees it, without credentials."""
    message, _ = only_message(stack, topic, deployed)
    (link,) = images(message)
    with urllib.request.urlopen(link, timeout=10) as answer:  # noqa: S310
        assert answer.read().startswith(PNG)
    query = parse_qs(urlsplit(link).query)
    assert query["X-Amz-Expires"] == ["3600"]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]


def test_the_ledger_has_what_the_jobs_took(deployed: dict[str, Any]) -> None:
    """Each job's time, machine and cost; the model; what training said of itself; the rows."""
    assert [job["step"] for job in deployed["jobs"]] == ["Preprocess", "Train", "Evaluate"]
    for job in deployed["jobs"]:
        assert (job["instance_type"], job["instance_count"]) == ("ml.m5.large", 1)
        # A machine that costs a dollar a second.
        billed = job.get("billable_seconds", job["seconds"])
        assert job["estimated_cost_usd"] == pytest.approx(billed, abs=1e-5)
    assert "billable_seconds" in deployed["jobs"][1]
    costs = [job["estimated_cost_usd"] for job in deployed["jobs"]]
    assert deployed["estimated_cost_usd"] == pytest.approx(sum(costs), abs=1e-5)
    assert deployed["training_metrics"] == {"loss": 0.25}
    assert deployed["model_data"].endswith("/output/model.tar.gz")
    assert deployed["data"] | DATA == deployed["data"]


def test_a_rejection_says_what_becomes_of_the_data(stack: Stack, topic: Topic) -> None:
    """And that the objects can be looked at; without a chart there is no image."""
    stack.publish("told_no", evaluation=evaluation(0.5))
    run = stack.run("told_no")
    assert (run["status"], run["estimated_cost_usd"]) == ("REJECTED", None)
    message, text = only_message(stack, topic, run)
    assert "accuracy 0.5 is below 0.9" in text
    assert "set aside" in text
    assert "Look at the objects: dropforge data told_no" in text
    assert "cost unknown" in text
    assert images(message) == []


def test_a_failure_says_where_and_how_to_try_again(stack: Stack, topic: Topic) -> None:
    """The step, its error, the jobs that were done before, and the command."""
    stack.publish("told_failure", train="fail", chart=True)
    run = stack.run("told_failure")
    assert [job["step"] for job in run["jobs"]] == ["Preprocess"]
    message, text = only_message(stack, topic, run)
    assert text.startswith("❌ told_failure: failed in Train\n")
    assert "The model did not converge" in text
    assert "Failed step: Train" in text
    again = f"dropforge redrive {run['run_id']} --wait"
    assert f"Try again on the same data: {again}" in text
    assert images(message) == []


def test_a_skipped_run_is_told_once(stack: Stack, topic: Topic) -> None:
    """It had no execution, and its data is told all the same."""
    stack.publish("told_again")
    first = stack.run("told_again", "1\n")
    assert first["status"] == "DEPLOYED", first["reason"]
    run = stack.run("told_again", "1\n", count=2)
    assert run["status"] == "SKIPPED"
    _, text = only_message(stack, topic, run)
    assert first["run_id"] in text
    assert "Data: 1 object, 2 bytes" in text


def test_a_chart_that_slack_cannot_fetch_costs_only_the_picture(stack: Stack, topic: Topic) -> None:
    """The message is sent again without it: Slack would else take none."""
    stack.publish("told_plain", evaluation=evaluation(0.95), chart=True)
    # The look sees the chart; Slack does not.
    stack.fault("s3", "GetObject", "AccessDenied", times=50, match="/evaluate/chart.png")
    run = stack.run("told_plain")
    stack.clear_faults()
    message, _ = only_message(stack, topic, run)
    assert images(message) == []


def test_every_run_is_told_once(stack: Stack, topic: Topic, deployed: dict[str, Any]) -> None:
    """Neither the machine nor what finishes a run tells it again."""
    runs = stack.target.ledger.runs(deployed["pipeline"])
    assert [run.status for run in runs] == ["DEPLOYED", "DEPLOYED"]
    for run in runs:
        assert len(stack.slack_about(run.run_id)) == 1
        assert len(topic.about(run.run_id)) == 1


def test_a_topic_that_fails_changes_nothing(stack: Stack) -> None:
    """The run is deployed and Slack has its message."""
    stack.publish("told_alone")
    stack.fault("sns", "Publish", "InternalError", times=50)
    run = stack.run("told_alone")
    assert run["status"] == "DEPLOYED"
    assert len(stack.slack_about(run["run_id"])) == 1


def test_an_address_is_subscribed_when_one_is_given(stack: Stack) -> None:
    """Another stack, with mail; the one of the other tests has none."""
    built = build(Project(ROOT, ROOT / ".dropforge/local"))
    parameters = {
        "Architecture": built.architecture,
        "NotificationEmail": "flowers@example.com",
        "KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789012",
    }
    template = built.folder / "template.yaml"
    deploy_stack(stack.target.client, template, "mailed", parameters, "packages")
    mailed = local_target(stack.url, "mailed", "us-east-1")
    sns = mailed.client("sns")
    found = {}
    for target in (mailed, stack.target):
        topic = target.output("AnnouncementsTopicArn")
        listed = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        found[target.stack] = [one["Endpoint"] for one in listed if one["Protocol"] == "email"]
        attributes = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
        encrypted = attributes.get("KmsMasterKeyId") == parameters["KmsKeyArn"]
        assert encrypted == (target is mailed)
        assert "aws:SecureTransport" in attributes["Policy"]
    assert found == {"mailed": ["flowers@example.com"], "dropforge": []}


def test_the_webhooks_address_is_nowhere(stack: Stack, deployed: dict[str, Any]) -> None:
    """Not in a log, a history, a record or a message; but for the chart there is no link at all."""
    state = stack.project.state
    secret = (state / "slack-webhook").read_text("utf-8").rpartition("/")[2]
    assert len(secret) > 20
    for path in (*state.rglob("*.log"), state / "slack.jsonl"):
        assert secret not in path.read_text("utf-8", errors="replace"), path
    told = "".join(
        json.dumps(history, default=str)
        for history in stack.target.stepfunctions.get_paginator("get_execution_history").paginate(
            executionArn=deployed["execution"]
        )
    )
    table = stack.target.output("LedgerTableName")
    items = stack.target.client("dynamodb").scan(TableName=table)["Items"]
    assert deployed["run_id"] in json.dumps(items, default=str)
    for text in (told, json.dumps(items, default=str), json.dumps(stack.slack())):
        assert secret not in text
        assert "slack/services" not in text
    for message in stack.slack():
        plain = [block for block in message["blocks"] if block["type"] != "image"]
        assert "http" not in json.dumps([message["text"], plain])
    assert "X-Amz-Signature" not in told + json.dumps(items, default=str)
