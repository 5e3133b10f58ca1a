import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from dropforge_core.messages import read_message
from dropforge_core.published import DriftAlarm, PublishedPipeline, Schedule
from dropforge_core.start_requests import Asked

from dropforge.errors import InputError
from dropforge.target import Target
from dropforge.triggers import remove_triggers, set_triggers
from tests.unit.dropforge.deployments import CURRENT

OUTPUTS = {
    "ScheduleGroupName": "df",
    "SchedulerRoleArn": "arn:aws:iam::123456789012:role/df-SchedulerRole",
    "IncomingQueueArn": "arn:aws:sqs:us-east-1:123456789012:df-IncomingQueue",
    "IncomingDeadLettersArn": "arn:aws:sqs:us-east-1:123456789012:df-IncomingDeadLetters",
}
NIGHTLY = Schedule(expression="cron(0 3 * * ? *)", timezone="Europe/Berlin")
DRIFT = DriftAlarm(threshold=0.25, period_seconds=60)


@pytest.fixture
def stack(target: Target, monkeypatch: pytest.MonkeyPatch) -> Target:
    """A stack with a group of schedules, and what schedules name."""
    output = target.output
    monkeypatch.setattr(target, "output", lambda name: OUTPUTS.get(name) or output(name))
    target.client("scheduler").create_schedule_group(Name="df")
    return target


def config(schedule: Schedule | None = None, drift: DriftAlarm | None = None) -> PublishedPipeline:
    """Return a version with these."""
    return CURRENT.model_copy(update={"schedule": schedule, "drift": drift})


def alarms(target: Target) -> list[dict[str, Any]]:
    """List all alarms."""
    found: list[dict[str, Any]] = target.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return found


def test_a_schedule_sends_what_the_trigger_reads(stack: Target) -> None:
    """Once Scheduler has filled in the time, by which both deliveries of one event are one."""
    set_triggers(stack, config(NIGHTLY), None)
    found = stack.client("scheduler").get_schedule(Name="df-iris", GroupName="df")
    assert found["ScheduleExpression"] == NIGHTLY.expression
    assert found["ScheduleExpressionTimezone"] == "Europe/Berlin"
    told = found["Target"]
    assert (told["Arn"], told["RoleArn"]) == (
        OUTPUTS["IncomingQueueArn"],
        OUTPUTS["SchedulerRoleArn"],
    )
    assert told["DeadLetterConfig"] == {"Arn": OUTPUTS["IncomingDeadLettersArn"]}
    body = told["Input"].replace("<aws.scheduler.scheduled-time>", "2026-11-28T03:00:00Z")
    machine = stack.output("RetrainStateMachineArn")
    asked = read_message(body, bucket="df-data", stack="df", state_machine=machine)
    assert isinstance(asked, Asked)
    assert (asked.pipeline, asked.request.cause) == ("iris", "SCHEDULE")
    assert asked.request.request_id == "2026-11-28T03:00:00Z"
    assert json.loads(body)["time"] == "2026-11-28T03:00:00Z"


def test_it_is_changed_and_removed_with_the_version(stack: Target) -> None:
    """Made again it stays one; what a version before had and this one has not goes."""
    set_triggers(stack, config(NIGHTLY, DRIFT), None)
    daily = config(Schedule(expression="rate(1 day)", timezone="UTC"))
    set_triggers(stack, daily, config(NIGHTLY, DRIFT))
    scheduler = stack.client("scheduler")
    (only,) = scheduler.list_schedules()["Schedules"]
    changed = scheduler.get_schedule(Name=only["Name"], GroupName="df")
    assert changed["ScheduleExpression"] == "rate(1 day)"
    assert alarms(stack) == []
    set_triggers(stack, config(), daily)
    assert scheduler.list_schedules()["Schedules"] == []


def test_an_alarm_looks_at_our_figure_or_another(stack: Target) -> None:
    """By the dimensions that finish_run tells it by; and it ignores missing values."""
    set_triggers(stack, config(drift=DRIFT), None)
    (alarm,) = alarms(stack)
    assert alarm["AlarmName"] == "df/drift/iris"
    assert (alarm["Namespace"], alarm["MetricName"]) == ("Dropforge", "DataDrift")
    assert {one["Name"]: one["Value"] for one in alarm["Dimensions"]} == {
        "service": "finish_run",
        "stack": "df",
        "pipeline": "iris",
    }
    assert (alarm["Threshold"], alarm["TreatMissingData"]) == (0.25, "ignore")
    other = DriftAlarm(threshold=3, period_seconds=3600, namespace="N", metric="M")
    set_triggers(stack, config(drift=other), config(drift=DRIFT))
    (alarm,) = alarms(stack)
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Dimensions"]) == ("N", "M", [])


def test_destroying_tells_what_was_there(stack: Target) -> None:
    """And finds nothing the second time."""
    both = config(NIGHTLY, DRIFT)
    set_triggers(stack, both, None)
    assert remove_triggers(stack, both) == ["schedule df-iris", "alarm df/drift/iris"]
    assert remove_triggers(stack, both) == []


def test_what_aws_refuses_is_wrong_input(stack: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the file; every other error stays what it is."""

    def refuse(code: str) -> None:
        def create(**_: Any) -> None:
            error = {"Error": {"Code": code, "Message": "Invalid Schedule Expression"}}
            raise ClientError(error, "CreateSchedule")  # type: ignore[arg-type]

        monkeypatch.setattr(stack.client("scheduler"), "create_schedule", create)

    refuse("ValidationException")
    with pytest.raises(InputError, match=r"iris/pipeline.yaml: start: Invalid Schedule"):
        set_triggers(stack, config(NIGHTLY), None)
    refuse("AccessDeniedException")
    with pytest.raises(ClientError):
        set_triggers(stack, config(NIGHTLY), None)
