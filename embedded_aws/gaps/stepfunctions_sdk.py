"""Gap (moto 5.2.5): SDK integrations name errors wrongly and accept services that do not exist.

moto says `s3.NoSuchKeyException` and `sagemaker.sagemakerException`, AWS says
`S3.NoSuchKeyException` and `SageMaker.SageMakerException`. An error of the connection is an
uncatchable `States.Runtime`.
"""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_aws_sdk,
    state_task_service_callback,
)

from embedded_aws.gaps.stepfunctions_clients import client_for
from embedded_aws.gaps.stepfunctions_failures import task_failure
from embedded_aws.gaps.stepfunctions_services import botocore_name, error_prefix, operation_of

_Sdk = state_task_service_aws_sdk.StateTaskServiceAwsSdk
_Callback = state_task_service_callback.StateTaskServiceCallback


def call(task: Any, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Call the operation that a task names; the answer is botocore's, without its metadata."""
    operation = operation_of(task.resource.api_name, task.resource.api_action)
    client = client_for(region=region, service=botocore_name(task.resource.api_name) or "")
    response: dict[str, Any] = client._make_api_call(operation.name, request)  # type: ignore[union-attr]  # noqa: SLF001
    response.pop("ResponseMetadata", None)
    return response


def error_name(prefix: str, err: ClientError) -> str:
    """Name of a service's error: modelled ones by their own name, others by the service's."""
    kind = type(err).__name__
    if kind == "ClientError":
        kind = prefix
    if kind.endswith("Fault"):
        kind = kind.removesuffix("Fault")
    return f"{prefix}.{kind}" if kind.endswith("Exception") else f"{prefix}.{kind}Exception"


def _cause(prefix: str, err: ClientError) -> str:
    metadata = err.response.get("ResponseMetadata", {})
    parts = [
        f"Service: {prefix}",
        f"Status Code: {metadata.get('HTTPStatusCode')}",
        f"Request ID: {metadata.get('RequestId')}",
    ]
    return f"{err.response['Error'].get('Message', '')} ({', '.join(parts)})"


def _from_error(self: Any, env: Any, ex: Exception) -> Any:
    prefix = error_prefix(self.resource.api_name)
    if isinstance(ex, ClientError):
        return task_failure(self, env, error_name(prefix, ex), _cause(prefix, ex))
    if isinstance(ex, BotoCoreError):
        return task_failure(self, env, f"{prefix}.SdkClientException", str(ex))
    return _Callback._from_error(self, env=env, ex=ex)  # noqa: SLF001


def _check(self: Any) -> None:
    resource = self.resource
    if botocore_name(resource.api_name) is None:
        msg = (
            f"The service '{resource.api_name}' of the resource {resource.resource_arn} is unknown"
        )
        raise ValueError(msg)
    if operation_of(resource.api_name, resource.api_action) is None:
        msg = (
            f"The service '{resource.api_name}' of the resource {resource.resource_arn} has no "
            f"operation '{resource.api_action}'"
        )
        raise ValueError(msg)


def _eval_service_task(
    self: Any,
    env: Any,
    resource_runtime_part: Any,
    normalised_parameters: dict[str, Any],
    state_credentials: Any,
) -> None:
    del state_credentials
    env.stack.append(call(self, resource_runtime_part.region, normalised_parameters))


def apply() -> None:
    """Name errors as AWS does; refuse unknown services and operations."""
    _Sdk._from_error = _from_error  # noqa: SLF001
    _Sdk._validate_service_integration_is_supported = _check  # noqa: SLF001
    _Sdk._eval_service_task = _eval_service_task  # noqa: SLF001
