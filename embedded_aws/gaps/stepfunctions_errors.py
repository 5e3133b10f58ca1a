"""Gap (moto 5.2.5): errors are matched and carried on differently from AWS.

- `States.ALL` and `States.TaskFailed` match too much or too little.
- An error named `States....` that leaves a branch of a Parallel state, or that a task token is
  answered with, becomes an uncatchable `States.Runtime`.
- A Choice state without a match fails with `States.Runtime`; state-level `Assign` and `Output` are
  also applied when a rule leads to the default's state.
- State data is measured with spaces and escapes, and 262,144 bytes themselves are refused.
"""

import json
from typing import Any

from moto.stepfunctions.parser import quotas
from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import (
    ErrorEqualsDecl,
)
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.state import state
from moto.stepfunctions.parser.asl.component.state.choice.state_choice import StateChoice
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel import branches_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task import state_task_lambda
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service,
    state_task_service_callback,
    state_task_service_lambda,
)
from moto.stepfunctions.parser.asl.component.state.fail import state_fail

from embedded_aws.gaps.stepfunctions_failures import state_failed

_choice_output = StateChoice._eval_state_output  # noqa: SLF001
_DEFAULT_TAKEN = "the default of the Choice state is taken"
_DATA_LIMIT_BYTES = 262_144  # Step Functions' quota for input and output of a state
_TIMEOUTS = ("States.Timeout", "States.HeartbeatTimeout")
_TERMINAL = ("States.DataLimitExceeded", "States.Runtime")


def matches(pattern: str, error: str | None) -> bool:
    """Whether an entry of `ErrorEquals` matches an error's name.

    Source: "Error names" in the Step Functions developer guide. A missed heartbeat is also a
    `States.Timeout` there.
    """
    if error == "States.Runtime":
        return False
    if pattern == error:
        return True
    if pattern == "States.ALL":
        return error not in _TERMINAL
    if pattern == "States.TaskFailed":
        return error not in (*_TERMINAL, *_TIMEOUTS)
    return pattern == "States.Timeout" and error in _TIMEOUTS


def _error_equals(self: Any, env: Any) -> None:
    error: Any = env.stack.pop()
    name = error.error_name if error else None
    env.stack.append(any(matches(pattern.error_name, name) for pattern in self.error_names))


def _choose(self: Any, env: Any) -> None:
    for rule in self.choices_decl.rules:
        rule.eval(env)
        if env.stack.pop() is True:
            env.stack.append(rule.next_stmt.name)
            return
    if self.default_state is None:
        cause = f"No choice rule of the state '{self.name}' matched, and it has no Default."
        raise state_failed(env, "States.NoChoiceMatched", cause)
    env.heap[_DEFAULT_TAKEN] = True
    env.stack.append(self.default_state.state_name)


def _choice_leaves(self: Any, env: Any) -> None:
    if self._is_language_query_jsonpath():
        _choice_output(self, env=env)
        return
    target = env.stack.pop()
    if env.heap.pop(_DEFAULT_TAKEN, False):
        for part in (self.assign_decl, self.output):
            if part:
                part.eval(env=env)
    env.next_state_name = target


def _is_within_quota(value: Any) -> bool:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return len(text.encode("utf-8", "surrogatepass")) <= _DATA_LIMIT_BYTES


def apply() -> None:
    """Match, carry on and measure as AWS does."""
    ErrorEqualsDecl._eval_body = _error_equals  # noqa: SLF001
    for module in (
        branches_decl,
        state_task_service_callback,
        state_task_service_lambda,
        state_task_lambda,
        state_fail,
    ):
        module.CustomErrorName = ErrorName
    StateChoice._eval_state = _choose  # noqa: SLF001
    StateChoice._eval_state_output = _choice_leaves  # noqa: SLF001
    for module in (quotas, state, state_task_service, state_task_lambda):
        module.is_within_size_quota = _is_within_quota
