"""One small module for each gap of moto: its docstring names the gap, `apply` closes it."""

from collections.abc import Callable

from embedded_aws.events import EventBridge
from embedded_aws.gaps import (
    cloudformation_cloudwatch,
    cloudformation_dynamodb,
    cloudformation_iam,
    cloudformation_lambda,
    cloudformation_references,
    cloudformation_s3,
    cloudformation_sqs,
    cloudformation_stacks,
    cloudformation_states,
    cloudformation_templates,
    dynamodb_atomicity,
    events_patterns,
    events_targets,
    s3_events,
    s3_policies,
    stepfunctions_all,
)

_GAPS = [
    dynamodb_atomicity,
    events_patterns,
    s3_events,
    s3_policies,
    cloudformation_references,
    cloudformation_templates,
    cloudformation_stacks,
    cloudformation_cloudwatch,
    cloudformation_dynamodb,
    cloudformation_iam,
    cloudformation_lambda,
    cloudformation_s3,
    cloudformation_sqs,
    cloudformation_states,
]


def apply_all(events: EventBridge, wait_for_change: Callable[[float], None]) -> None:
    """Close every gap, once, before the first request.

    Args:
        events: Sends events, moto's and AWS services' own, to rules and their targets.
        wait_for_change: Waits at most so many seconds, less when a SageMaker job changes status.
    """
    for gap in _GAPS:
        gap.apply()
    events_targets.apply(events.send)
    stepfunctions_all.apply(emit=events.emit, wait_for_change=wait_for_change)
