"""Gap (moto 5.2.5): integrations that moto does not support are tried, or parts of them ignored.

An unknown service's request is passed on with a warning, parameters that an integration does not
have are dropped, `.sync` on an integration without it is ignored or fails when the task runs.
"""

from typing import Any

from moto.stepfunctions.parser.asl.component.state.exec.state_task import (
    state_task,
    state_task_factory,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service,
    state_task_service_factory,
    state_task_service_lambda,
)

from embedded_aws.gaps.stepfunctions_failures import state_failed
from embedded_aws.gaps.stepfunctions_glue import GlueTask
from embedded_aws.gaps.stepfunctions_sagemaker import SageMakerTask

_moto_task_for = state_task_service_factory.state_task_service_for
_Base = state_task_service.StateTaskService
_from_state_props = _Base.from_state_props


def _task_for(service_name: str) -> Any:
    if service_name == "sagemaker":
        return SageMakerTask()
    if service_name == "glue":
        return GlueTask()
    if service_name in state_task_service_factory._UNSUPPORTED_SERVICE_NAMES:  # noqa: SLF001
        msg = f"The embedded AWS does not support the integration of '{service_name}'"
        raise ValueError(msg)
    return _moto_task_for(service_name)


def _checked_from_state_props(self: Any, state_props: Any) -> None:
    _from_state_props(self, state_props)
    resource = self.resource
    if resource.condition is None:
        return
    patterns = getattr(self, "_supported_integration_patterns", ())
    if resource.condition not in patterns:
        msg = f"The resource {resource.resource_arn} has no '.{resource.condition}'"
        raise ValueError(msg)


def _known_parameters(self: Any, env: Any) -> Any:
    parameters: Any = {}
    if self.parargs is not None:
        self.parargs.eval(env=env)
        parameters = env.stack.pop()
    known = self._get_supported_parameters()
    if not isinstance(parameters, dict):
        msg = f"The Arguments of the state '{self.name}' must be an object"
        raise state_failed(env, "States.Runtime", msg)
    for name in parameters:
        if known and name not in known:
            msg = f"The field '{name}' is not supported by Step Functions"
            raise state_failed(env, "States.Runtime", msg)
    return parameters


def apply() -> None:
    """Refuse, by name, what is not supported."""
    state_task_factory.state_task_service_for = _task_for
    _Base.from_state_props = _checked_from_state_props
    state_task.StateTask._eval_parameters = _known_parameters  # noqa: SLF001
    state_task_service_lambda._SUPPORTED_API_PARAM_BINDINGS["invoke"].add("InvocationType")  # noqa: SLF001
