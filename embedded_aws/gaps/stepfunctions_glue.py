"""Gap (moto 5.2.5): Glue's `.sync` breaks when its execution is stopped, and tells half of a run.

moto's service class lists `Sync` alone, so that ending an execution dies in `interrupt_all`; a run
that ended badly is `States.TaskFailed` without its description, and stopping leaves it running.
Here a run is waited for as SageMaker's jobs are; the task's output, or the Cause of its failure, is
the run. (AWS polls Glue too: its `.sync` needs no EventBridge rule.)
"""

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
from embedded_aws.gaps.stepfunctions_waiting import pause

_LOOK_SECONDS = 0.1
_ACTION = "startJobRun"
_ENDED = {"SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "ERROR", "EXPIRED"}


class GlueTask(StateTaskServiceCallback):  # type: ignore[misc]
    """A Task state with a resource `arn:aws:states:::glue:startJobRun`."""

    def __init__(self) -> None:
        """Support plain calls and `.sync`."""
        super().__init__(supported_integration_patterns={ResourceCondition.Sync})

    def _get_supported_parameters(self) -> set[str] | None:
        operation = operation_of("glue", self.resource.api_action)
        if self.resource.api_action != _ACTION or operation is None:
            return None
        members = operation.input_shape.members if operation.input_shape else ()
        return {sdk_name(name) for name in members} | set(members)

    def _from_error(self, env: Any, ex: Exception) -> Any:
        if isinstance(ex, ClientError):
            kind = type(ex).__name__
            name = "AWSGlueException" if kind == "ClientError" else kind
            cause = ex.response["Error"].get("Message", "")
            return task_failure(self, env, f"Glue.{name}", f"{cause} (Service: AWSGlue)")
        if isinstance(ex, BotoCoreError):
            return task_failure(self, env, "Glue.SdkClientException", str(ex))
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
        answer = env.stack.pop()
        client = client_for(region=resource_runtime_part.region, service="glue")
        job, run = normalised_parameters["JobName"], answer["JobRunId"]
        return Submitted(
            result=lambda: self._result(env, client, job, run),
            wait=lambda attempt: pause(attempt, _LOOK_SECONDS),
            cancel=lambda: _stop(client, job, run),
        )

    def _result(self, env: Any, client: Any, job: str, run: str) -> Any:
        told = client.get_job_run(JobName=job, RunId=run)["JobRun"]
        if told["JobRunState"] not in _ENDED:
            return None
        operation = operation_of("glue", "getJobRun")
        shape = operation.output_shape.members["JobRun"] if operation else None  # type: ignore[union-attr]
        description = from_response(told, shape, epoch=True)
        if told["JobRunState"] != "SUCCEEDED":
            cause = to_json_str(description, separators=(",", ":"))
            raise task_failed(self, env, "States.TaskFailed", cause)
        return description


def _stop(client: Any, job: str, run: str) -> None:
    try:
        client.batch_stop_job_run(JobName=job, JobRunIds=[run])
    except (ClientError, BotoCoreError):
        return  # best effort, as on AWS; it may have ended meanwhile
