"""Gap (moto 5.2.5): the context object lacks `RedriveCount`, and its times are Python's.

AWS writes times as `2026-01-31T12:00:00.123Z`; moto keeps a datetime in `Execution.StartTime` and
writes microseconds and `+00:00` in `State.EnteredTime`.
"""

import datetime as dt
from typing import Any

from moto.stepfunctions.parser.asl.component.state import state
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

from embedded_aws.gaps.stepfunctions_shapes import instant

_environment = ExecutionWorker._get_evaluation_environment  # noqa: SLF001


def _environment_with_context(self: Any) -> Any:
    env = _environment(self)
    execution = env.states.context_object.context_object_data["Execution"]
    execution["StartTime"] = instant(execution["StartTime"])
    execution["RedriveCount"] = 0
    return env


def _state_data(**data: Any) -> dict[str, Any]:
    entered = dt.datetime.fromisoformat(data["EnteredTime"])
    return {**data, "EnteredTime": instant(entered)}


def apply() -> None:
    """Fill the context object as AWS does."""
    ExecutionWorker._get_evaluation_environment = _environment_with_context  # noqa: SLF001
    state.StateData = _state_data
