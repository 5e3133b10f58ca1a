"""EventBridge Scheduler: schedules that fire as their roles may, and what is refused."""

import json
import urllib.request
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from embedded_aws.schedule_expressions import read
from tests.conftest import Embedded
from tests.unit.embedded_aws.test_events import ACCOUNT, messages, queue

GROUP = "arn:aws:scheduler:us-east-1:123456789012:schedule-group/default"


def role(embedded: Embedded, name: str, sends_to: str, group: str = GROUP) -> str:
    """Make a role that Scheduler may assume for a group, and that may send to a queue."""
    iam = embedded.client("iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "scheduler.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceArn": group}},
            }
        ],
    }
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    allowed = {"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": sends_to}
    policy = {"Version": "2012-10-17", "Statement": [allowed]}
    iam.put_role_policy(RoleName=name, PolicyName="send", PolicyDocument=json.dumps(policy))
    return str(made["Role"]["Arn"])


def schedule(embedded: Embedded, name: str, role_arn: str, to: str, **more: Any) -> None:
    """Create a schedule that sends to a queue."""
    target = {"Arn": f"{ACCOUNT}{to}", "RoleArn": role_arn, **more.pop("target", {})}
    asked: dict[str, Any] = {
        "Name": name,
        "ScheduleExpression": "rate(1 day)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": target,
        **more,
    }
    embedded.client("scheduler").create_schedule(**asked)


def fire(embedded: Embedded, name: str) -> None:
    """Fire a schedule now."""
    body = json.dumps({"schedule": f"default/{name}"}).encode()
    url = f"{embedded.endpoint_url}/_embedded/schedules/fire"
    urllib.request.urlopen(urllib.request.Request(url, body)).close()  # noqa: S310


def test_a_schedule_sends_its_input_as_its_role(embedded: Embedded) -> None:
    """With its context attributes filled in; no queue policy is asked, but the role's is."""
    url = queue(embedded, "scheduled", None)
    arn = role(embedded, "scheduled", f"{ACCOUNT}scheduled")
    text = {"time": "<aws.scheduler.scheduled-time>", "from": "<aws.scheduler.schedule-arn>"}
    schedule(embedded, "sent", arn, "scheduled", target={"Input": json.dumps(text)})
    fire(embedded, "sent")
    (message,) = messages(embedded, url)
    body = json.loads(message["Body"])
    assert body["from"] == GROUP.replace("schedule-group/", "schedule/") + "/sent"
    assert datetime.fromisoformat(body["time"]).tzinfo is not None


def test_what_a_role_may_not_send_is_a_dead_letter(embedded: Embedded) -> None:
    """Its queue is another one; AWS's attributes say what was to go where."""
    queue(embedded, "forbidden", None)
    url = queue(embedded, "forbidden-dead", None)
    arn = role(embedded, "forbidden", f"{ACCOUNT}forbidden-dead")
    dead = {"DeadLetterConfig": {"Arn": f"{ACCOUNT}forbidden-dead"}, "Input": "{}"}
    schedule(embedded, "forbidden", arn, "forbidden", target=dead)
    fire(embedded, "forbidden")
    (message,) = messages(embedded, url)
    attributes = {k: v["StringValue"] for k, v in message["MessageAttributes"].items()}
    assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"
    assert attributes["TARGET_ARN"] == f"{ACCOUNT}forbidden"


def test_a_schedule_is_changed_and_deleted(embedded: Embedded) -> None:
    """As GetSchedule tells; what is gone is not found."""
    scheduler = embedded.client("scheduler")
    arn = role(embedded, "changing", f"{ACCOUNT}q")
    schedule(embedded, "changing", arn, "q")
    found = scheduler.get_schedule(Name="changing")
    scheduler.update_schedule(
        Name="changing",
        ScheduleExpression="cron(0 3 * * ? *)",
        ScheduleExpressionTimezone="Europe/Berlin",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=found["Target"],
    )
    assert scheduler.get_schedule(Name="changing")["ScheduleExpressionTimezone"] == "Europe/Berlin"
    scheduler.delete_schedule(Name="changing")
    with pytest.raises(scheduler.exceptions.ResourceNotFoundException):
        scheduler.get_schedule(Name="changing")


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"ScheduleExpression": "rate(5 minute)"}, "ValidationException"),
        ({"ScheduleExpression": "at(2026-11-28T03:00:00)"}, "ValidationException"),
        ({"ScheduleExpressionTimezone": "Europe/Nowhere"}, "ValidationException"),
        ({"target": {"RoleArn": "arn:aws:iam::123456789012:role/no"}}, "ValidationException"),
        ({"GroupName": "nowhere"}, "ResourceNotFoundException"),
        ({"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}, "NotImplemented"),
        ({"StartDate": datetime(2026, 11, 28, tzinfo=UTC)}, "NotImplemented"),
        (
            {"target": {"Arn": "arn:aws:lambda:us-east-1:123456789012:function:f"}},
            "NotImplemented",
        ),
    ],
)
def test_what_is_no_schedule_is_refused(
    embedded: Embedded, more: dict[str, Any], code: str
) -> None:
    """By Scheduler's own errors, or since it would not be done here."""
    iam = embedded.client("iam")
    names = [one["RoleName"] for one in iam.list_roles()["Roles"]]
    arn = f"{ACCOUNT.replace('sqs:us-east-1', 'iam:')}role/refused"
    if "refused" not in names:
        arn = role(embedded, "refused", f"{ACCOUNT}q")
    with pytest.raises(ClientError) as caught:
        schedule(embedded, "refused", arn, "q", **more)
    assert caught.value.response["Error"]["Code"] == code


def test_a_role_that_trusts_another_group_is_refused(embedded: Embedded) -> None:
    """It is not for this schedule."""
    arn = role(embedded, "others", f"{ACCOUNT}q", GROUP.replace("default", "another"))
    with pytest.raises(ClientError, match="must allow AWS EventBridge Scheduler"):
        schedule(embedded, "others", arn, "q")


@pytest.mark.parametrize(
    ("after", "due"),
    [
        ("2026-11-28T01:59:00+00:00", "2026-11-28T02:00:00+00:00"),
        ("2026-11-28T02:00:00+00:00", "2026-11-29T02:00:00+00:00"),
        ("2026-07-01T00:00:00+00:00", "2026-07-01T01:00:00+00:00"),
    ],
)
def test_clocks_of_the_time_zone_count(after: str, due: str) -> None:
    """Three o'clock in Berlin, in winter and in summer."""
    found = read("cron(0 3 * * ? *)", "Europe/Berlin").after(datetime.fromisoformat(after))
    assert found == datetime.fromisoformat(due)


def test_a_time_that_is_left_out_or_repeated_comes_at_most_once() -> None:
    """Half past two: not on the last Sunday of March, and once on that of October."""
    night = read("cron(30 2 * * ? *)", "Europe/Berlin")
    spring = night.after(datetime(2026, 3, 28, 12, tzinfo=UTC))
    assert spring == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)
    autumn = night.after(datetime(2026, 10, 24, 12, tzinfo=UTC))
    assert autumn == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert night.after(autumn) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)
