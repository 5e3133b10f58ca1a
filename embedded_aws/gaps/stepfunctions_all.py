"""All gaps of moto's Step Functions, closed in one call."""

from collections.abc import Callable

from embedded_aws.gaps import (
    stepfunctions_attempts,
    stepfunctions_backend,
    stepfunctions_clients,
    stepfunctions_context,
    stepfunctions_definitions,
    stepfunctions_errors,
    stepfunctions_evaluation,
    stepfunctions_events,
    stepfunctions_executions,
    stepfunctions_history,
    stepfunctions_integrations,
    stepfunctions_jsonata,
    stepfunctions_lambda,
    stepfunctions_logging,
    stepfunctions_nested,
    stepfunctions_parsing,
    stepfunctions_sagemaker,
    stepfunctions_sdk,
    stepfunctions_shapes,
    stepfunctions_status,
    stepfunctions_tokens,
    stepfunctions_waiting,
)


def apply(*, emit: stepfunctions_events.Emit, wait_for_change: Callable[[float], None]) -> None:
    """Close every gap; to be called once, before the first machine is made.

    Args:
        emit: Sends an AWS service's event: `emit(source, detail_type, detail, resources)`.
        wait_for_change: Waits at most so many seconds, less when a SageMaker job changes status.
    """
    for module in (
        stepfunctions_backend,
        stepfunctions_parsing,
        stepfunctions_clients,
        stepfunctions_jsonata,
        stepfunctions_evaluation,
        stepfunctions_waiting,
        stepfunctions_attempts,
        stepfunctions_errors,
        stepfunctions_shapes,
        stepfunctions_sdk,
        stepfunctions_lambda,
        stepfunctions_tokens,
        stepfunctions_integrations,
        stepfunctions_nested,
        stepfunctions_context,
        stepfunctions_status,
        stepfunctions_executions,
        stepfunctions_history,
        stepfunctions_definitions,
        stepfunctions_logging,
    ):
        module.apply()
    stepfunctions_sagemaker.apply(wait_for_change)
    stepfunctions_events.apply(emit)
