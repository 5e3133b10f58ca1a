"""Gap (moto 5.2.5): nested executions collide, and outlive the execution that waits for them.

Without a `Name` every child is called "None", so that the second fails; a stopped or timed-out
parent leaves its children running; the wait looks every half second; children's outputs and dates
come unshaped. An error that the API's model does not know, a throttle above all, gets a name of its
own, where AWS gives the service's general one.
"""

import json
import threading
import uuid
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_sfn,
)
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from embedded_aws.gaps import stepfunctions_status as status
from embedded_aws.gaps.stepfunctions_clients import client_for
from embedded_aws.gaps.stepfunctions_failures import task_failed, task_failure
from embedded_aws.gaps.stepfunctions_services import operation_of
from embedded_aws.gaps.stepfunctions_shapes import from_response
from embedded_aws.gaps.stepfunctions_tokens import Submitted
from embedded_aws.gaps.stepfunctions_waiting import waking

_Sfn = state_task_service_sfn.StateTaskServiceSfn
_normalise = _Sfn._normalise_parameters  # noqa: SLF001
_from_error = _Sfn._from_error  # noqa: SLF001
_GENERAL_ERROR = "StepFunctions.AWSStepFunctionsException"
_LEVEL_CHECK_SECONDS = 5.0


def _name_and_normalise(self: Any, parameters: dict[str, Any], *args: Any, **kwargs: Any) -> None:
    if not parameters.get("Name"):
        parameters["Name"] = str(uuid.uuid4())
    _normalise(self, parameters, *args, **kwargs)


def _name_error(self: Any, env: Any, ex: Exception) -> Any:
    if type(ex) is ClientError:  # not one of the API's own, which are subclasses
        return task_failure(self, env, _GENERAL_ERROR, str(ex))
    return _from_error(self, env=env, ex=ex)


def _sync(
    self: Any,
    env: Any,
    resource_runtime_part: Any,
    normalised_parameters: dict[str, Any],
    state_credentials: Any,
) -> Submitted:
    del normalised_parameters, state_credentials
    arn = _execution_arn(env.stack.pop())
    client = client_for(region=resource_runtime_part.region, service="stepfunctions")
    changed = threading.Event()

    def listen(_: Any) -> None:
        changed.set()

    status.listeners.append(listen)
    return Submitted(
        result=lambda: _result(self, env, client, arn),
        wait=lambda waiting: _wait(waiting, changed),
        cancel=lambda: _stop(client, arn),
        close=lambda: status.listeners.remove(listen),
    )


def _execution_arn(started: dict[str, Any]) -> str:
    return str(started.get("executionArn") or started["ExecutionArn"])


def _result(task: Any, env: Any, client: Any, arn: str) -> Any:
    answer = client.describe_execution(executionArn=arn)
    if answer["status"] == "RUNNING":
        return None
    answer.pop("ResponseMetadata", None)
    operation = operation_of("sfn", "describeExecution")
    shape = operation.output_shape if operation else None
    description = from_response(answer, shape, epoch=True)
    if task.resource.condition == "sync:2":
        for name in ("Input", "Output"):
            if name in description:
                description[name] = json.loads(description[name])
    if answer["status"] != "SUCCEEDED":
        cause = to_json_str(description, separators=(",", ":"))
        raise task_failed(task, env, "States.TaskFailed", cause)
    return description


def _wait(env: Any, changed: threading.Event) -> None:
    with waking(env, changed):
        changed.wait(_LEVEL_CHECK_SECONDS)
    changed.clear()


def _stop(client: Any, arn: str) -> None:
    try:
        client.stop_execution(
            executionArn=arn, cause="The parent execution stopped or its task timed out."
        )
    except (ClientError, BotoCoreError):
        return  # best effort, as on AWS; it may have ended meanwhile


def apply() -> None:
    """Name children, wait for their end without polling, stop them with their parent."""
    _Sfn._from_error = _name_error  # noqa: SLF001
    _Sfn._normalise_parameters = _name_and_normalise  # noqa: SLF001
    _Sfn._build_sync_resolver = _sync  # noqa: SLF001
    _Sfn._build_sync2_resolver = _sync  # noqa: SLF001
