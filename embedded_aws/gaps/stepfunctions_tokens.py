"""Gap (moto 5.2.5): task tokens and `.sync` waits behave differently from AWS.

- A token stays the same through all retries; a late one is answered `InvalidToken` (AWS:
  `TaskTimedOut`); a token sent while an execution starts crashes; causes are dropped.
- A missed heartbeat is `States.Timeout`.
- `.sync` looks every half second, has nothing to stop what it waits for, and dies for a service
  that has `.sync` alone.
"""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from moto.core.responses import EmptyResult
from moto.stepfunctions import responses
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service,
    state_task_service_callback,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import (
    ResourceCondition,
)
from moto.stepfunctions.parser.asl.component.state.state import CommonStateField
from moto.stepfunctions.parser.asl.eval.callback.callback import (
    CallbackOutcomeFailure,
    CallbackOutcomeFailureError,
    CallbackOutcomeSuccess,
    HeartbeatTimeoutError,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

from embedded_aws.gaps.stepfunctions_failures import api_error
from embedded_aws.gaps.stepfunctions_waiting import pause, waking

_Task = state_task_service_callback.StateTaskServiceCallback
_from_error = _Task._from_error  # noqa: SLF001
_eval_execution = state_task_service.StateTaskService._eval_execution  # noqa: SLF001
_OUTPUT_LIMIT_BYTES = 262_144
_OTHER_SERVICES_SECONDS = 0.5


class AttemptOverError(Exception):
    """The attempt that waits has ended (stopped or timed out): nobody wants the result."""


class TaskToken:
    """One token: of one attempt of one task."""

    def __init__(self, token: str) -> None:
        """Open it."""
        self.callback_id = token
        self.changed = threading.Event()
        self.beaten_at = time.monotonic()
        self._lock = threading.Lock()
        self._is_open = True
        self.outcome: Any = None

    def answer(self, outcome: Any) -> bool:
        """Take the first answer; False when the token is no longer open."""
        with self._lock:
            was_open, self._is_open = self._is_open, False
            if was_open:
                self.outcome = outcome
        self.changed.set()
        return was_open

    def beat(self) -> bool:
        """Take a heartbeat; False when the token is no longer open."""
        with self._lock:
            self.beaten_at = time.monotonic()
            is_open = self._is_open
        self.changed.set()
        return is_open

    def wait(self, env: Any, heartbeat_seconds: float | None) -> Any:
        """Wait for the answer.

        Raises:
            HeartbeatTimeoutError: No heartbeat came in time.
            AttemptOverError: `env` ended first.
        """
        self.beaten_at = time.monotonic()
        with waking(env, self.changed):
            while self.outcome is None:
                if not env.is_running():
                    self.answer(None)
                    raise AttemptOverError
                left = None
                if heartbeat_seconds is not None:
                    left = self.beaten_at + heartbeat_seconds - time.monotonic()
                    if left <= 0 and self.answer(None):
                        raise HeartbeatTimeoutError
                self.changed.wait(left)
                self.changed.clear()
        return self.outcome


@dataclass(frozen=True)
class Submitted:
    """What a `.sync` task waits for.

    Attributes:
        result: Gives the task's output, None while there is none, or raises the task's failure.
        wait: Waits a while for a change, shorter when the environment that it is given ends.
        cancel: Stops it, as well as it can.
        close: Called when the wait is over, however it ended.
    """

    result: Callable[[], Any]
    wait: Callable[[Any], None]
    cancel: Callable[[], None]
    close: Callable[[], None] = lambda: None

    def finish(self, env: Any) -> Any:
        """Wait for the end.

        Raises:
            AttemptOverError: `env` ended first.
        """
        try:
            while env.is_running():
                result = self.result()
                if result is not None:
                    return result
                self.wait(env)
            self.cancel()
            raise AttemptOverError
        finally:
            self.close()


def _wait_a_little(env: Any) -> None:
    pause(env, _OTHER_SERVICES_SECONDS)


def _do_nothing() -> None:
    """Leave what moto's other services started."""


def _eval_execution_with_token(self: Any, env: Any) -> None:
    if self.resource.condition == ResourceCondition.WaitForTaskToken:
        token = env.states.context_object.update_task_token()
        env.callback_pool_manager._pool[token] = TaskToken(token)  # noqa: SLF001
    _eval_execution(self, env)


def _eval_integration_pattern(
    self: Any,
    env: Any,
    resource_runtime_part: Any,
    normalised_parameters: dict[str, Any],
    state_credentials: Any,
) -> None:
    if self.resource.condition == ResourceCondition.WaitForTaskToken:
        env.stack.pop()
        env.stack.append(_answer(self, env))
        return
    is_plain = self.resource.condition == ResourceCondition.Sync
    build = self._build_sync_resolver if is_plain else self._build_sync2_resolver
    submitted = build(
        env=env,
        resource_runtime_part=resource_runtime_part,
        normalised_parameters=normalised_parameters,
        state_credentials=state_credentials,
    )
    if not isinstance(submitted, Submitted):  # of a service that is moto's alone
        submitted = Submitted(submitted, _wait_a_little, _do_nothing)
    env.stack.append(submitted.finish(env))


def _answer(task: Any, env: Any) -> Any:
    heartbeat_seconds = None
    if task.heartbeat:
        task.heartbeat.eval(env=env)
        heartbeat_seconds = env.stack.pop()
    token = env.states.context_object.context_object_data["Task"]["Token"]
    outcome = env.callback_pool_manager.get(token).wait(env, heartbeat_seconds)
    if isinstance(outcome, CallbackOutcomeFailure):
        raise CallbackOutcomeFailureError(callback_outcome_failure=outcome)
    return json.loads(outcome.output)


def _from_error_or_heartbeat(self: Any, env: Any, ex: Exception) -> Any:
    if not isinstance(ex, HeartbeatTimeoutError):
        return _from_error(self, env=env, ex=ex)
    error = "States.HeartbeatTimeout"
    details = {
        "error": error,
        "resource": self._get_sfn_resource(),
        "resourceType": self._get_sfn_resource_type(),
    }
    return FailureEvent(
        env=env,
        error_name=ErrorName(error),
        event_type=HistoryEventType.TaskTimedOut,
        event_details=EventDetails(taskTimedOutEventDetails=details),
    )


def _find(backend: Any, token: str | None) -> TaskToken:
    for machine in backend.state_machines:
        for execution in machine.executions:
            worker = execution.exec_worker
            found = worker.env.callback_pool_manager.get(token) if worker else None
            if isinstance(found, TaskToken):
                return found
    raise api_error("InvalidToken", "Invalid Token: 'Invalid token'")


def _accept(*, accepted: bool) -> EmptyResult:
    if not accepted:
        raise api_error("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
    return EmptyResult()


def _send_task_success(self: Any) -> EmptyResult:
    output = self._get_param("output")
    token = _find(self.stepfunction_backend, self._get_param("taskToken"))
    try:
        json.loads(output)
    except (TypeError, ValueError) as err:
        raise api_error("InvalidOutput", f"Invalid Output: '{err}'") from err
    if len(output.encode()) > _OUTPUT_LIMIT_BYTES:
        msg = f"Invalid Output: 'longer than {_OUTPUT_LIMIT_BYTES} bytes'"
        raise api_error("InvalidOutput", msg)
    return _accept(accepted=token.answer(CallbackOutcomeSuccess(token.callback_id, output)))


def _send_task_failure(self: Any) -> EmptyResult:
    token = _find(self.stepfunction_backend, self._get_param("taskToken"))
    failure = CallbackOutcomeFailure(
        token.callback_id, self._get_param("error") or "", self._get_param("cause") or ""
    )
    return _accept(accepted=token.answer(failure))


def _send_task_heartbeat(self: Any) -> EmptyResult:
    token = _find(self.stepfunction_backend, self._get_param("taskToken"))
    return _accept(accepted=token.beat())


def apply() -> None:
    """Give each attempt its token, and wait without polling where that can be."""
    _Task._eval_execution = _eval_execution_with_token  # noqa: SLF001
    _Task._eval_body = CommonStateField._eval_body  # noqa: SLF001
    _Task._eval_integration_pattern = _eval_integration_pattern  # noqa: SLF001
    _Task._from_error = _from_error_or_heartbeat  # noqa: SLF001
    responses.StepFunctionResponse.send_task_success = _send_task_success
    responses.StepFunctionResponse.send_task_failure = _send_task_failure
    responses.StepFunctionResponse.send_task_heartbeat = _send_task_heartbeat
