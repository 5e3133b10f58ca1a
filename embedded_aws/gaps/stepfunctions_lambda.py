"""Gap (moto 5.2.5): errors of Lambda functions are named differently from AWS.

An error answer of the Lambda service is `Exception` for a function's ARN as a resource, a function
that answers an error without a type is `Exception` (AWS: `Lambda.Unknown`), and an unreachable
service is an uncatchable `States.Runtime` (AWS: `Lambda.SdkClientException`).
"""

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent
from moto.stepfunctions.parser.asl.component.state.exec.state_task import state_task_lambda
from moto.stepfunctions.parser.asl.component.state.exec.state_task.lambda_eval_utils import (
    LambdaFunctionErrorException,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_callback,
    state_task_service_lambda,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

from embedded_aws.gaps.stepfunctions_failures import task_failure

_Callback = state_task_service_callback.StateTaskServiceCallback
_arn_error = state_task_lambda.StateTaskLambda._from_error  # noqa: SLF001


def error_and_cause(ex: Exception) -> tuple[str, str] | None:
    """Name and cause of an error of a Lambda call, as AWS gives them; None for other errors."""
    if isinstance(ex, LambdaFunctionErrorException):
        return _function_error(ex.payload)
    if isinstance(ex, ClientError):
        return _service_error(ex)
    if isinstance(ex, BotoCoreError):
        return "Lambda.SdkClientException", str(ex)
    return None


def _function_error(payload: str) -> tuple[str, str]:
    try:
        error = json.loads(payload)["errorType"]
    except (ValueError, TypeError, KeyError):
        cause = (
            "The cause could not be determined because Lambda did not return an error type. "
            f"Returned payload: {payload}"
        )
        return "Lambda.Unknown", cause
    return str(error), payload


def _service_error(err: ClientError) -> tuple[str, str]:
    code = err.response["Error"]["Code"]
    metadata = err.response.get("ResponseMetadata", {})
    parts = [
        "Service: AWSLambda",
        f"Status Code: {metadata.get('HTTPStatusCode')}",
        f"Error Code: {code}",
        f"Request ID: {metadata.get('RequestId')}",
        "Proxy: null",
    ]
    is_modelled = type(err).__name__ != "ClientError"
    name = f"Lambda.{code}" if is_modelled else "Lambda.AWSLambdaException"
    return name, f"{err.response['Error'].get('Message', '')} ({'; '.join(parts)})"


def _from_error(self: Any, env: Any, ex: Exception) -> Any:
    found = error_and_cause(ex)
    if found is None:
        return _Callback._from_error(self, env=env, ex=ex)  # noqa: SLF001
    return task_failure(self, env, *found)


def _from_arn_error(self: Any, env: Any, ex: Exception) -> Any:
    found = error_and_cause(ex)
    if found is None:
        return _arn_error(self, env=env, ex=ex)
    error, cause = found
    return FailureEvent(
        env=env,
        error_name=ErrorName(error),
        event_type=HistoryEventType.LambdaFunctionFailed,
        event_details=EventDetails(
            lambdaFunctionFailedEventDetails={"error": error, "cause": cause}
        ),
    )


def apply() -> None:
    """Name errors of Lambda calls as AWS does."""
    state_task_service_lambda.StateTaskServiceLambda._from_error = _from_error  # noqa: SLF001
    state_task_lambda.StateTaskLambda._from_error = _from_arn_error  # noqa: SLF001
