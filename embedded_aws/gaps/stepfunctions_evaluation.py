"""Gap (moto 5.2.5): values that AWS refuses after evaluating are cast, or fail as States.Runtime.

A Choice condition that is no boolean, seconds that are no whole number, an error name or a cause
that is no text: all are `States.QueryEvaluationError` on AWS.
"""

from collections.abc import Callable
from typing import Any

from moto.stepfunctions.parser.asl.component.common.string.string_expression import StringJSONata
from moto.stepfunctions.parser.asl.component.common.timeouts import heartbeat, timeout
from moto.stepfunctions.parser.asl.component.state.choice.comparison import comparison
from moto.stepfunctions.parser.asl.component.state.fail import cause_decl, error_decl
from moto.stepfunctions.parser.asl.component.state.wait.wait_function import seconds

from embedded_aws.gaps.stepfunctions_failures import query_evaluation_error

_LONGEST_SECONDS = 99_999_999


def _refuse(env: Any, string: Any, wanted: str) -> Exception:
    cause = f"The JSONata expression '{string.literal_value}' must evaluate to {wanted}."
    return query_evaluation_error(env, cause)


def _condition(self: Any, env: Any) -> None:
    self.string_jsonata.eval(env=env)
    if not isinstance(env.stack[-1], bool):
        raise _refuse(env, self.string_jsonata, "a boolean")


def _whole_seconds(least: int) -> Callable[[Any, Any], int]:
    def evaluate(self: Any, env: Any) -> int:
        self.string_jsonata.eval(env=env)
        value = env.stack.pop()
        is_whole = isinstance(value, int | float) and not isinstance(value, bool)
        if is_whole and value == int(value) and least <= value <= _LONGEST_SECONDS:
            return int(value)
        raise _refuse(
            env, self.string_jsonata, f"a whole number from {least} to {_LONGEST_SECONDS}"
        )

    return evaluate


def _text(self: Any, env: Any) -> None:
    self.string_expression.eval(env=env)
    is_evaluated = isinstance(self.string_expression, StringJSONata)
    if is_evaluated and not isinstance(env.stack[-1], str):
        raise _refuse(env, self.string_expression, "a string")


def apply() -> None:
    """Check evaluated values as AWS does."""
    comparison.ConditionStringJSONata._eval_body = _condition  # noqa: SLF001
    timeout.TimeoutSecondsJSONata._eval_seconds = _whole_seconds(1)  # noqa: SLF001
    heartbeat.HeartbeatSecondsJSONata._eval_seconds = _whole_seconds(1)  # noqa: SLF001
    seconds.SecondsJSONata._get_wait_seconds = _whole_seconds(0)  # noqa: SLF001
    cause_decl.Cause._eval_body = _text  # noqa: SLF001
    error_decl.Error._eval_body = _text  # noqa: SLF001
