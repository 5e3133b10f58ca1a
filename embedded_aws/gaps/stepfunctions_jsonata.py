"""Gap (moto 5.2.5): JSONata is not evaluated at all without a Java machine.

Even with one, values are pasted into the expression as text (a quote in a value breaks or changes
it), type errors end as `States.Runtime`, which nothing can catch, `$eval` works, and the functions
`$hash`, `$random` and `$uuid` are missing. Here `jsonata-python` evaluates, values are bound as
values, and every failure is the catchable `States.QueryEvaluationError` of AWS.
"""

import copy
import functools
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jsonata.jsonata import Jsonata
from jsonata.parser import Parser
from jsonata.utils import Utils
from moto.stepfunctions.parser.asl.component.common.string import string_expression
from moto.stepfunctions.parser.asl.eval import states

from embedded_aws.gaps.stepfunctions_failures import query_evaluation_error
from embedded_aws.gaps.stepfunctions_jsonata_functions import FUNCTIONS, UNDEFINED

# Evaluating is pure computing under the interpreter's lock, and jsonata-python keeps some state
# per thread: one at a time loses nothing and cannot mix two evaluations.
_evaluating = threading.Lock()


class QueryError(Exception):
    """An expression cannot be parsed, cannot be evaluated, or gives nothing or no JSON."""


@functools.lru_cache(maxsize=4096)
def _parsed(expression: str) -> Jsonata:
    try:
        parsed = Jsonata(expression)
    except Exception as err:  # the library raises Python's own errors too
        raise QueryError(_reason(err)) from err
    parsed.set_output_convert_nulls(False)  # keeps null and undefined apart
    parsed.set_validate_input(False)
    return parsed


def check(expression: str) -> None:
    """Refuse an expression (without `{%` and `%}`) that cannot be parsed or calls `$eval`.

    Raises:
        QueryError: It does.
    """
    with _evaluating:
        tree = _parsed(expression).ast
    if any(_calls_eval(symbol) for symbol in _symbols(tree, set())):
        msg = "the function $eval is not supported by Step Functions"
        raise QueryError(msg)


def evaluate(expression: str, variables: Mapping[str, Any]) -> Any:
    """Evaluate an expression to a JSON value, with `variables` (names without `$`) bound.

    Raises:
        QueryError: It fails, gives undefined, or gives what JSON cannot hold.
    """
    frame: dict[str, Any] = {name: Jsonata.JLambda(_lifted(f)) for name, f in FUNCTIONS.items()}
    frame["eval"] = None
    frame |= {name: _to_jsonata(value) for name, value in variables.items()}
    with _evaluating:
        query = copy.copy(_parsed(expression))
        Jsonata.CURRENT.jsonata = query
        try:
            result = query.evaluate(None, frame)
        except Exception as err:
            msg = f"threw an error during evaluation. {_reason(err)}"
            raise QueryError(msg) from err
    if result is None:
        msg = "returned nothing (undefined)."
        raise QueryError(msg)
    return _to_json(result)


def _lifted(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        result = function(*(_to_json(arg) for arg in args))
        return None if result is UNDEFINED else _to_jsonata(result)

    return call


def _to_jsonata(value: Any) -> Any:
    """Copy a JSON value as jsonata-python wants it: None means undefined there, not null."""
    if value is None:
        return Utils.NULL_VALUE
    if isinstance(value, dict):
        return {str(key): _to_jsonata(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_to_jsonata(item) for item in value]
    return value


def _to_json(value: Any) -> Any:
    if value is Utils.NULL_VALUE or value is None:
        return None
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, dict):
        return {key: _to_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_to_json(item) for item in value]
    msg = "returned an unsupported result type."
    raise QueryError(msg)


def _reason(err: Exception) -> str:
    code = getattr(err, "error", None)
    text = str(err) or type(err).__name__
    return f"{code}: {text}" if code else text


def _symbols(node: Any, seen: set[int]) -> Iterator[Parser.Symbol]:
    if isinstance(node, list | tuple):
        for item in node:
            yield from _symbols(item, seen)
    elif isinstance(node, Parser.Symbol) and id(node) not in seen:
        seen.add(id(node))
        yield node
        for item in vars(node).values():
            yield from _symbols(item, seen)


def _calls_eval(symbol: Parser.Symbol) -> bool:
    return getattr(symbol, "type", None) == "variable" and symbol.value == "eval"


def _init(self: Any, expression: str) -> None:
    self.literal_value = expression
    self.expression = expression
    try:
        check(expression)
    except QueryError as err:
        msg = f"The JSONata expression '{expression}' is not valid: {err}"
        raise ValueError(msg) from err


def _eval_body(self: Any, env: Any) -> None:
    variables = env.variable_store
    try:
        result = evaluate(
            self.expression,
            {
                **variables._outer_scope,  # noqa: SLF001 - there is no reader for all of them
                **variables._inner_scope,  # noqa: SLF001
                "states": env.states._states_data,  # noqa: SLF001
            },
        )
    except QueryError as err:
        msg = f"The JSONata expression '{self.expression}' {err}"
        raise query_evaluation_error(env, msg) from err
    env.stack.append(result)


def _reset(self: Any, input_value: Any) -> None:
    self._states_data["input"] = copy.deepcopy(input_value)
    # A state that has no result, or saw no error, has no such member; null would be a value.
    self._states_data.pop("result", None)
    self._states_data.pop("errorOutput", None)


def apply() -> None:
    """Let jsonata-python evaluate every `{% ... %}`."""
    string_expression.StringJSONata.__init__ = _init
    string_expression.StringJSONata._eval_body = _eval_body  # noqa: SLF001
    states.States.reset = _reset
