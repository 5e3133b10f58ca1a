"""Gap (moto 5.2.5): an attempt of a Task or Parallel state ends in ways that AWS does not know.

- A stop or a timeout waits for the call under way; what that call later answers still enters the
  history.
- `Output` and `Assign` that fail are beyond Retry and Catch, and `Output` sees the variables that
  the same state assigns (on AWS both see the values from before).
- A heartbeat without `TimeoutSeconds` gets a timeout of 60 seconds.
"""

import copy
import threading
from typing import Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.assign.assign_decl import AssignDecl
from moto.stepfunctions.parser.asl.component.common.catch.catch_outcome import CatchOutcome
from moto.stepfunctions.parser.asl.component.common.path import result_path
from moto.stepfunctions.parser.asl.component.common.retry.retry_outcome import RetryOutcome
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import (
    EvalTimeoutError,
    TimeoutSeconds,
)
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.state import CommonStateField
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager

from embedded_aws.gaps.stepfunctions_waiting import waking

_add_event = EventManager.add_event
_from_state_props = ExecutionState.from_state_props
_result_path = result_path.ResultPath._eval_body  # noqa: SLF001
_entered_details = CommonStateField._get_state_entered_event_details  # noqa: SLF001
_exited_details = CommonStateField._get_state_exited_event_details  # noqa: SLF001
_state_output = CommonStateField._eval_state_output  # noqa: SLF001
_PENDING = "variables that the state assigns when it is left"
_LAST_EVENTS = (
    HistoryEventType.ExecutionSucceeded,
    HistoryEventType.ExecutionFailed,
    HistoryEventType.ExecutionAborted,
    HistoryEventType.ExecutionTimedOut,
)


class _Attempt:
    """One evaluation of a state's work, in a frame and a thread of its own."""

    def __init__(self, state: Any, env: Any) -> None:
        self.frame = env.open_frame()
        self.frame.states.reset(input_value=env.states.get_input())
        self.frame.stack = copy.deepcopy(env.stack)
        self.error: Exception | None = None
        self.finished = False
        self._state = state
        self._done = threading.Event()

    def run(self, env: Any, seconds: float) -> None:
        """Run it to its end, at most for so long, and no longer than the execution runs."""
        threading.Thread(target=self._work, daemon=True).start()
        with waking(env, self._done):
            self._done.wait(seconds)
        self.frame.event_history_context.closed = not self.finished
        self.frame.set_ended()
        env.close_frame(self.frame)

    def _work(self) -> None:
        try:
            self._state._eval_execution(self.frame)  # noqa: SLF001
        except Exception as err:  # noqa: BLE001 - the state's Retry and Catch decide
            self.error = err
        self.finished = True
        self._done.set()


def _evaluate_with_timeout(self: Any, env: Any) -> None:
    self.timeout.eval(env=env)
    attempt = _Attempt(self, env)
    attempt.run(env, env.stack.pop())
    if not env.is_running():
        return
    if attempt.error:
        raise attempt.error
    if not attempt.finished:
        raise EvalTimeoutError
    result = attempt.frame.stack.pop()
    if self._is_language_query_jsonpath():
        _finish_jsonpath(self, env, result)
        return
    env.states.set_result(result)
    output = result
    if self.output:
        self.output.jsonata_template_value.eval(env=env)
        output = env.stack.pop()
    if self.assign_decl:
        self.assign_decl.eval(env=env)
    env.stack.append(output)


def _finish_jsonpath(self: Any, env: Any, result: Any) -> None:
    env.stack.append(result)
    for part in (self.assign_decl, self.result_selector, self.result_path):
        if part:
            part.eval(env=env)


def _eval_state(self: Any, env: Any) -> None:
    env.states.context_object.context_object_data["State"]["RetryCount"] = 0
    while env.is_running():
        try:
            self._evaluate_with_timeout(env)
        except Exception as err:  # noqa: BLE001 - the state's Retry and Catch decide
            if env.is_running() and _is_handled(self, env, err):
                return
        else:
            return


def _is_handled(self: Any, env: Any, err: Exception) -> bool:
    """Record a failure; True when it was caught, False when another attempt is due.

    Raises:
        FailureEventException: Neither.
    """
    failure = self._from_error(env=env, ex=err)
    if failure.event_type != HistoryEventType.EvaluationFailed:  # that one is there already
        env.event_manager.add_event(
            context=env.event_history_context,
            event_type=failure.event_type,
            event_details=failure.event_details,
        )
    env.states.set_error_output(self._construct_error_output_value(failure_event=failure))
    if self.retry and self._handle_retry(env=env, failure_event=failure) == RetryOutcome.CanRetry:
        env.states._states_data.pop("errorOutput", None)  # noqa: SLF001
        return False
    if not env.is_running():
        return False
    if self.catch:
        env.states._states_data.pop("result", None)  # noqa: SLF001
        self._handle_catch(env=env, failure_event=failure)
        if env.stack[-1] == CatchOutcome.Caught:
            return True
    self._handle_uncaught(env=env, failure_event=failure)
    return False


def _eval_state_output(self: Any, env: Any) -> None:
    if isinstance(env.stack[-1], CatchOutcome):
        return
    if self._is_language_query_jsonpath():
        _state_output(self, env=env)
    else:
        env.states.reset(input_value=env.stack.pop())  # evaluated with the attempt


def _assign_later(self: Any, env: Any) -> None:
    values: dict[str, Any] = {}
    for binding in self.declaration_bindings:
        binding.eval(env=env)
        values.update(env.stack.pop())
    env.heap[_PENDING] = values


def _enter(self: Any, env: Any) -> Any:
    env.heap.pop(_PENDING, None)
    return _entered_details(self, env=env)


def _leave(self: Any, env: Any) -> Any:
    for name, value in env.heap.pop(_PENDING, {}).items():
        env.variable_store.set(variable_identifier=name, variable_value=value)
    return _exited_details(self, env=env)


def _add_open_event(self: Any, context: Any, event_type: Any, *args: Any, **kwargs: Any) -> int:
    """Add an event unless its execution, or the attempt that it belongs to, is over."""
    if getattr(self, "is_closed", False) or getattr(context, "closed", False):
        return int(context.last_published_event_id)
    if event_type in _LAST_EVENTS:
        self.is_closed = True
    return int(_add_event(self, context, event_type, *args, **kwargs))


def _without_invented_timeout(self: Any, state_props: Any) -> None:
    _from_state_props(self, state_props)
    if self.heartbeat is not None and self.timeout.is_default_value():
        self.timeout = TimeoutSeconds(TimeoutSeconds.DEFAULT_TIMEOUT_SECONDS)


def _whole_result(self: Any, env: Any) -> None:
    # "$" keeps the result as it is; moto compiles a JSONPath parser for it each time.
    if self.result_path_src != "$":
        _result_path(self, env)


def apply() -> None:
    """Let attempts end as AWS's do."""
    ExecutionState._evaluate_with_timeout = _evaluate_with_timeout  # noqa: SLF001
    ExecutionState._eval_state = _eval_state  # noqa: SLF001
    ExecutionState._eval_state_output = _eval_state_output  # noqa: SLF001
    ExecutionState.from_state_props = _without_invented_timeout
    AssignDecl._eval_body = _assign_later  # noqa: SLF001
    CommonStateField._get_state_entered_event_details = _enter  # noqa: SLF001
    CommonStateField._get_state_exited_event_details = _leave  # noqa: SLF001
    EventManager.add_event = _add_open_event
    result_path.ResultPath._eval_body = _whole_result  # noqa: SLF001
