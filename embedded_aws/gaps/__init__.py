"""One small module for each gap of moto: its docstring names the gap, `apply` closes it."""

from collections.abc import Callable
from typing import Any

from embedded_aws.deliveries import Deliveries
from embedded_aws.events import EventBridge
from embedded_aws.gaps import (
    cloudformation_cloudwatch,
    cloudformation_dynamodb,
    cloudformation_iam,
    cloudformation_lambda,
    cloudformation_references,
    cloudformation_s3,
    cloudformation_scheduler,
    cloudformation_sns,
    cloudformation_sqs,
    cloudformation_stacks,
    cloudformation_states,
    cloudformation_templates,
    cloudwatch_alarms,
    cloudwatch_metrics,
    dynamodb_answers,
    dynamodb_atomicity,
    dynamodb_transactions,
    events_patterns,
    events_schedules,
    events_targets,
    s3_events,
    s3_policies,
    scheduler_schedules,
    sns_delivery,
    stepfunctions_all,
)

_GAPS = [
    cloudwatch_metrics,
    dynamodb_answers,
    dynamodb_atomicity,
    dynamodb_transactions,
    events_patterns,
    events_schedules,
    s3_events,
    s3_policies,
    scheduler_schedules,
    cloudformation_references,
    cloudformation_templates,
    cloudformation_stacks,
    cloudformation_cloudwatch,
    cloudformation_dynamodb,
    cloudformation_iam,
    cloudformation_lambda,
    cloudformation_s3,
    cloudformation_scheduler,
    cloudformation_sns,
    cloudformation_sqs,
    cloudformation_states,
]


def apply_all(
    events: EventBridge,
    notifications: Deliveries,
    alarm_changed: Callable[[Any, dict[str, Any]], None],
    wait_for_change: Callable[[float], None],
) -> None:
    """Close every gap, once, before the first request.

    Args:
        events: Sends events, moto's and AWS services' own, to rules and their targets.
        notifications: Delivers what topics send.
        alarm_changed: Hears of an alarm that has another state, and of the one before.
        wait_for_change: Waits at most so many seconds, less when a SageMaker job changes status.
    """
    for gap in _GAPS:
        gap.apply()
    events_targets.apply(events.send)
    sns_delivery.apply(notifications)
    cloudwatch_alarms.apply(alarm_changed)
    stepfunctions_all.apply(emit=events.emit, wait_for_change=wait_for_change)
