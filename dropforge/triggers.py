"""A pipeline's schedule and drift alarm: made, changed and removed as its pipeline.yaml says."""

import json
from typing import Any

from botocore.exceptions import ClientError
from dropforge_core.aws_errors import error_code
from dropforge_core.published import DriftAlarm, PublishedPipeline, Schedule
from dropforge_core.start_requests import drift_alarm, message

from dropforge.errors import InputError
from dropforge.target import Target

NAMESPACE = "Dropforge"
DRIFT_METRIC = "DataDrift"
# Equal for both deliveries of one event, should Scheduler deliver it twice.
_TIME = "<aws.scheduler.scheduled-time>"
_RETRIES = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}


def set_triggers(
    target: Target, config: PublishedPipeline, known: PublishedPipeline | None
) -> None:
    """Make schedule and alarm what a pipeline's new version says; `known` is the version before.

    Raises:
        InputError: AWS refuses the schedule or the alarm.
    """
    try:
        if config.schedule:
            _put_schedule(target, config.name, config.schedule)
        elif known and known.schedule:
            _delete_schedule(target, config.name)
        if config.drift:
            _put_alarm(target, config.name, config.drift)
        elif known and known.drift:
            _delete_alarm(target, config.name)
    except ClientError as err:
        if error_code(err) not in {"ValidationException", "ValidationError"}:
            raise
        said = err.response["Error"].get("Message", "")
        raise InputError(f"pipelines/{config.name}/pipeline.yaml: start: {said}") from err


def remove_triggers(target: Target, config: PublishedPipeline) -> list[str]:
    """Remove the schedule and the alarm that a version has; return what was there."""
    removed = []
    if config.schedule and _delete_schedule(target, config.name):
        removed.append(f"schedule {_schedule_name(target, config.name)}")
    if config.drift and _delete_alarm(target, config.name):
        removed.append(f"alarm {drift_alarm(target.stack, config.name)}")
    return removed


def _put_schedule(target: Target, pipeline: str, schedule: Schedule) -> None:
    scheduler = target.client("scheduler")
    wanted = _schedule(target, pipeline, schedule)
    try:
        scheduler.create_schedule(**wanted)
    except scheduler.exceptions.ConflictException:
        scheduler.update_schedule(**wanted)


def _schedule(target: Target, pipeline: str, schedule: Schedule) -> dict[str, Any]:
    asks = message(target.stack, pipeline, "SCHEDULE", _TIME, _TIME)
    return {
        "Name": _schedule_name(target, pipeline),
        "GroupName": target.output("ScheduleGroupName"),
        "Description": f"Asks for a run of the Dropforge pipeline {pipeline}",
        "ScheduleExpression": schedule.expression,
        "ScheduleExpressionTimezone": schedule.timezone,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": target.output("IncomingQueueArn"),
            "RoleArn": target.output("SchedulerRoleArn"),
            "Input": json.dumps(asks),
            "RetryPolicy": _RETRIES,
            "DeadLetterConfig": {"Arn": target.output("IncomingDeadLettersArn")},
        },
    }


def _schedule_name(target: Target, pipeline: str) -> str:
    return f"{target.stack}-{pipeline}"


def _delete_schedule(target: Target, pipeline: str) -> bool:
    scheduler = target.client("scheduler")
    try:
        scheduler.delete_schedule(
            Name=_schedule_name(target, pipeline), GroupName=target.output("ScheduleGroupName")
        )
    except scheduler.exceptions.ResourceNotFoundException:
        return False
    return True


def _put_alarm(target: Target, pipeline: str, drift: DriftAlarm) -> None:
    dimensions = drift.dimensions if drift.metric else own_dimensions(target.stack, pipeline)
    target.client("cloudwatch").put_metric_alarm(
        AlarmName=drift_alarm(target.stack, pipeline),
        AlarmDescription=f"The data of {pipeline} has drifted: Dropforge retrains it.",
        Namespace=drift.namespace or NAMESPACE,
        MetricName=drift.metric or DRIFT_METRIC,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        Statistic="Maximum",
        Period=drift.period_seconds,
        EvaluationPeriods=1,
        Threshold=drift.threshold,
        ComparisonOperator="GreaterThanThreshold",
        # A figure holds until the next one: a run that changes nothing starts no other.
        TreatMissingData="ignore",
        Tags=[
            {"Key": "dropforge:stack", "Value": target.stack},
            {"Key": "dropforge:pipeline", "Value": pipeline},
        ],
    )


def own_dimensions(stack: str, pipeline: str) -> dict[str, str]:
    """Return by which dimensions the function finish_run tells a pipeline's drift."""
    return {"service": "finish_run", "stack": stack, "pipeline": pipeline}


def _delete_alarm(target: Target, pipeline: str) -> bool:
    cloudwatch = target.client("cloudwatch")
    name = drift_alarm(target.stack, pipeline)
    if not cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]:
        return False
    cloudwatch.delete_alarms(AlarmNames=[name])
    return True
