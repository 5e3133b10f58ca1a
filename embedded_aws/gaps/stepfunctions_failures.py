"""How the adapters tell moto's interpreter that a state failed."""

from typing import Any

from moto.core.exceptions import AWSError
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

# Of a cause in a history's events (botocore's model: SensitiveCause); what is longer is cut.
_LONGEST_CAUSE = 32_768


def task_failure(task: Any, env: Any, error: str, cause: str) -> Any:
    """Event of a task that failed with `error`, for the interpreter's `_from_error`."""
    return FailureEvent(
        env=env,
        error_name=ErrorName(error),
        event_type=HistoryEventType.TaskFailed,
        event_details=EventDetails(
            taskFailedEventDetails={
                "error": error,
                "cause": cause[:_LONGEST_CAUSE],
                "resource": task._get_sfn_resource(),  # noqa: SLF001
                "resourceType": task._get_sfn_resource_type(),  # noqa: SLF001
            }
        ),
    )


def task_failed(task: Any, env: Any, error: str, cause: str) -> Exception:
    """Exception that makes a task fail with `error`."""
    return _exception(task_failure(task, env, error, cause))


def state_failed(env: Any, error: str, cause: str) -> Exception:
    """Exception that makes a state which is no task fail with `error`."""
    event = FailureEvent(
        env=env,
        error_name=ErrorName(error),
        event_type=HistoryEventType.ExecutionFailed,
        event_details=EventDetails(executionFailedEventDetails={"error": error, "cause": cause}),
    )
    return _exception(event)


def query_evaluation_error(env: Any, cause: str) -> Exception:
    """Exception that makes a state fail with `States.QueryEvaluationError`; history tells it."""
    error = "States.QueryEvaluationError"
    event = FailureEvent(
        env=env,
        error_name=ErrorName(error),
        event_type=HistoryEventType.EvaluationFailed,
        event_details=EventDetails(evaluationFailedEventDetails={"error": error, "cause": cause}),
    )
    exception = _exception(event)
    env.event_manager.add_event(
        context=env.event_history_context,
        event_type=HistoryEventType.EvaluationFailed,
        event_details=EventDetails(
            evaluationFailedEventDetails=exception.get_evaluation_failed_event_details()  # type: ignore[attr-defined]
        ),
    )
    return exception


def _exception(event: Any) -> Exception:
    exception: Exception = FailureEventException(event)
    return exception


def api_error(code: str, message: str) -> Exception:
    """Exception that makes moto answer a request to Step Functions with an error of the API."""
    exception: Exception = AWSError(message, code)
    return exception
