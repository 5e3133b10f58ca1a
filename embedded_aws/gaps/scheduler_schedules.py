"""Gap: schedules never fire; any expression, time zone, role and target is taken for one.

A group that is not there fails the server. Firing is done by `embedded_aws.scheduler`.
"""

from typing import Any

from moto.scheduler.exceptions import ScheduleGroupNotFound, ValidationException
from moto.scheduler.models import EventBridgeSchedulerBackend

from embedded_aws import schedule_expressions
from embedded_aws.errors import AwsError
from embedded_aws.scheduler import check_trust, role_of

_TARGET = {"Arn", "DeadLetterConfig", "Input", "RetryPolicy", "RoleArn"}
_UNSUPPORTED = ("action_after_completion", "end_date", "kms_key_arn", "start_date")


def apply() -> None:
    """Refuse what Scheduler refuses, or what would not be done."""
    create, update = (
        EventBridgeSchedulerBackend.create_schedule,
        EventBridgeSchedulerBackend.update_schedule,
    )

    def checked_create(backend: Any, **given: Any) -> Any:
        _check(backend, given)
        return create(backend, **given)

    def checked_update(backend: Any, **given: Any) -> Any:
        _check(backend, given)
        schedule = update(backend, **given)
        schedule.state = given["state"] or "ENABLED"
        return schedule

    EventBridgeSchedulerBackend.create_schedule = checked_create
    EventBridgeSchedulerBackend.update_schedule = checked_update


def _check(backend: Any, given: dict[str, Any]) -> None:
    group = given["group_name"] or "default"
    if group not in backend.schedule_groups:
        raise ScheduleGroupNotFound(group)
    target = given["target"]
    unsupported = [name for name in _UNSUPPORTED if given.get(name)]
    unsupported += sorted(f"Target.{name}" for name in target.keys() - _TARGET)
    if (given["flexible_time_window"] or {}).get("Mode") != "OFF":
        unsupported.append("FlexibleTimeWindow")
    if ":sqs:" not in target["Arn"]:
        unsupported.append(f"the target {target['Arn']}")
    if unsupported:
        raise NotImplementedError(", ".join(unsupported))
    place = f"{backend.region_name}:{backend.account_id}"
    arn = f"arn:aws:scheduler:{place}:schedule/{group}/{given['name']}"
    try:
        zone = given["schedule_expression_timezone"] or "UTC"
        schedule_expressions.read(given["schedule_expression"], zone)
        check_trust(role_of(backend.account_id, target["RoleArn"]), arn)
    except AwsError as err:
        raise ValidationException(err.message) from err
