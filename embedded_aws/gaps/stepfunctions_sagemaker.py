"""Gap (moto 5.2.5): the SageMaker integration is not supported.

`arn:aws:states:::sagemaker:createTrainingJob.sync` and its like fail ("Unsupported .sync callback
procedure"). Here the job is made, waited for through its Describe operation, and stopped when the
attempt that waits ends; its description is the task's output, or the Cause of its failure.

AWS does not say how a `Stopped` job ends. It is a failure here, the stricter of the two.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import (
    ResourceCondition,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (  # noqa: E501
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from embedded_aws.gaps.stepfunctions_clients import client_for
from embedded_aws.gaps.stepfunctions_failures import task_failed, task_failure
from embedded_aws.gaps.stepfunctions_sdk import call
from embedded_aws.gaps.stepfunctions_services import operation_of
from embedded_aws.gaps.stepfunctions_shapes import from_response, sdk_name
from embedded_aws.gaps.stepfunctions_tokens import Submitted

# The double wakes the wait; this is how soon a stop, or a change just before the wait, is seen.
_LONGEST_WAIT_SECONDS = 0.25
_ENDED = ("Completed", "Failed", "Stopped")


@dataclass(frozen=True)
class _Job:
    """A kind of job: the operations on it and the members that hold its name and status."""

    kind: str

    @property
    def name(self) -> str:
        return f"{self.kind}JobName"

    @property
    def status(self) -> str:
        return f"{self.kind}JobStatus"


_JOBS = {
    "createTrainingJob": _Job("Training"),
    "createProcessingJob": _Job("Processing"),
    "createTransformJob": _Job("Transform"),
}
# Source: "Create and manage Amazon SageMaker AI jobs with Step Functions" in the developer guide.
_ACTIONS = (
    *_JOBS,
    "createEndpoint",
    "createEndpointConfig",
    "createModel",
    "updateEndpoint",
)


def _sleep(seconds: float) -> None:
    time.sleep(seconds)


class _Wait:
    """How to wait for a change of any job: the double's way once `apply` gave it."""

    for_change: Callable[[float], None] = staticmethod(_sleep)


class SageMakerTask(StateTaskServiceCallback):  # type: ignore[misc]
    """A Task state with a resource `arn:aws:states:::sagemaker:...`."""

    def __init__(self) -> None:
        """Support plain calls and `.sync`."""
        super().__init__(supported_integration_patterns={ResourceCondition.Sync})

    def _get_supported_parameters(self) -> set[str] | None:
        action = self.resource.api_action
        if action not in _ACTIONS or (self.resource.condition and action not in _JOBS):
            return None
        operation = operation_of("sagemaker", action)
        members = operation.input_shape.members if operation and operation.input_shape else ()
        return {sdk_name(name) for name in members} | set(members)

    def _from_error(self, env: Any, ex: Exception) -> Any:
        if isinstance(ex, ClientError):
            return task_failure(self, env, _error_name(ex), _cause(ex))
        if isinstance(ex, BotoCoreError):
            return task_failure(self, env, "SageMaker.SdkClientException", str(ex))
        return super()._from_error(env=env, ex=ex)

    def _eval_service_task(
        self,
        env: Any,
        resource_runtime_part: Any,
        normalised_parameters: dict[str, Any],
        state_credentials: Any,
    ) -> None:
        del state_credentials
        env.stack.append(call(self, resource_runtime_part.region, normalised_parameters))

    def _build_sync_resolver(
        self,
        env: Any,
        resource_runtime_part: Any,
        normalised_parameters: dict[str, Any],
        state_credentials: Any,
    ) -> Submitted:
        del state_credentials
        env.stack.pop()  # what Create answered
        job = _JOBS[self.resource.api_action]
        client = client_for(region=resource_runtime_part.region, service="sagemaker")
        request = {job.name: normalised_parameters[job.name]}
        return Submitted(
            result=lambda: self._result(env, client, job, request),
            wait=lambda _: _Wait.for_change(_LONGEST_WAIT_SECONDS),
            cancel=lambda: _stop(client, job, request),
        )

    def _result(self, env: Any, client: Any, job: _Job, request: dict[str, Any]) -> Any:
        answer = client._make_api_call(f"Describe{job.kind}Job", request)  # noqa: SLF001
        status = answer[job.status]
        if status not in _ENDED:
            return None
        operation = operation_of("sagemaker", f"describe{job.kind}Job")
        answer.pop("ResponseMetadata", None)
        shape = operation.output_shape if operation else None
        description = from_response(answer, shape, epoch=True)
        if status != "Completed":
            cause = to_json_str(description, separators=(",", ":"))
            raise task_failed(self, env, "States.TaskFailed", cause)
        return description


def _error_name(err: ClientError) -> str:
    kind = type(err).__name__
    if kind == "ClientError":  # not one of the API's own
        kind = "AmazonSageMakerException"
    return f"SageMaker.{kind}" if kind.endswith("Exception") else f"SageMaker.{kind}Exception"


def _cause(err: ClientError) -> str:
    error = err.response["Error"]
    metadata = err.response.get("ResponseMetadata", {})
    parts = [
        "Service: AmazonSageMaker",
        f"Status Code: {metadata.get('HTTPStatusCode')}",
        f"Error Code: {error['Code']}",
        f"Request ID: {metadata.get('RequestId')}",
        "Proxy: null",
    ]
    return f"{error.get('Message', '')} ({'; '.join(parts)})"


def _stop(client: Any, job: _Job, request: dict[str, Any]) -> None:
    try:
        client._make_api_call(f"Stop{job.kind}Job", request)  # noqa: SLF001
    except (ClientError, BotoCoreError):
        return  # best effort, as on AWS; it may have ended meanwhile


def apply(wait_for_change: Callable[[float], None]) -> None:
    """Wait for jobs by `wait_for_change(seconds)`, which returns early when one changes status.

    The integration itself comes with `stepfunctions_integrations.apply`.
    """
    _Wait.for_change = staticmethod(wait_for_change)
