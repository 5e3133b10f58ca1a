"""JSONata: values, errors, and what Step Functions adds to the language."""

import hashlib
import re
from typing import Any

import pytest

from embedded_aws.gaps.stepfunctions_jsonata import QueryError, check, evaluate

INPUT = {
    "nil": None,
    "quote": "a \"quoted\" \\ text with 'both' and {% braces %}",
    "unicode": "Grüße 😀 \u2028",
    "whole": 7,
    "large": 9007199254740993,
    "half": 0.5,
    "list": [1, None, {"k": None}],
    "empty": {},
    "nested": {"a": {"b": [True, False]}},
}
STATES = {"input": INPUT, "context": {"Execution": {"Name": "run-1"}}}


def _value(expression: str, **variables: Any) -> Any:
    return evaluate(expression, {"states": STATES, **variables})


@pytest.mark.parametrize("name", INPUT)
def test_values_pass_unchanged(name: str) -> None:
    """Whatever JSON a state's input holds comes out as it went in, type included."""
    found = _value(f"$states.input.{name}")
    assert found == INPUT[name]
    assert type(found) is type(INPUT[name])


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("$states.context.Execution.Name & '/x'", "run-1/x"),
        ("$merge([{'a': 1}, $states.input.empty, {'b': null}])", {"a": 1, "b": None}),
        ("$exists($states.input.missing)", False),
        ("$exists($states.input.nil)", True),
        ("$exists($states.result)", False),
        ("$states.input.missing = 1", False),
        ("$type($states.input.nil)", "null"),
        ("$append([1], [2])", [1, 2]),
        ("$map([1, 2], function($v) { $v * 2 })", [2, 4]),
        ("[$filter([1, 2], function($v) { $v > 1 })]", [2]),
        ("$string({'a': null, 'b': 1.5})", '{"a":null,"b":1.5}'),
        ("$number('12')", 12),
        ("$split('a/b', '/')", ["a", "b"]),
        ("$replace('a_b', '_', '-')", "a-b"),
        ("$toMillis('2026-01-01T00:00:00.000Z')", 1767225600000),
        ("$fromMillis(0)", "1970-01-01T00:00:00.000Z"),
        ("$lookup({'a': {'b': 1}}, 'a')", {"b": 1}),
        ("$sort($keys({'b': 1, 'a': 2}))", ["a", "b"]),
        ("$each({'a': 1, 'b': 2}, function($v, $k) { $k & $v })", ["a1", "b2"]),
        ("$boolean([])", False),
        ("4 / 2", 2),
        ("{'present': 1, 'absent': $states.input.missing}", {"present": 1}),
        ("(  $x := 2; $x * $factor )", 6),
    ],
)
def test_language(expression: str, expected: object) -> None:
    """The functions that the shipped machines use give what JSONata documents."""
    assert _value(expression, factor=3) == expected


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("$states.input.missing", "nothing"),
        ("$states.input.missing > 1", "nothing"),
        ("1 + 'a'", "T2002"),
        ("1 / 0", "zero"),
        ("$uppercase(1)", "T0410"),
        ("$error('stop here')", "stop here"),
        ("$sum", "unsupported result type"),
        ("{'f': $sum}", "unsupported result type"),
        ("$eval('1')", "T1006"),
        ("$power(10, 400)", "evaluation"),
        ("$unknown(1)", "T1006"),
    ],
)
def test_failures(expression: str, reason: str) -> None:
    """What AWS answers with States.QueryEvaluationError is an error that says why."""
    with pytest.raises(QueryError, match=reason):
        _value(expression)


@pytest.mark.parametrize("expression", ["(1", "$states.input.", "1 +", "$map([1], $eval)"])
def test_refused_before_running(expression: str) -> None:
    """Broken syntax and `$eval` are seen without evaluating."""
    with pytest.raises(QueryError):
        check(expression)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("$partition([1, 2, 3], 2)", [[1, 2], [3]]),
        ("$partition([1], 5)", [[1]]),
        ("$range(1, 7, 3)", [1, 4, 7]),
        ("$range(3, 1, -1)", [3, 2, 1]),
        ("$hash('ü', 'SHA-256')", hashlib.sha256("ü".encode()).hexdigest()),
        ("$hash('a', 'MD5')", "0cc175b9c0f1b6a831c399e269772661"),
        ("$random(7) = $random(7)", True),
        ("$random() < 1", True),
        ("$parse('{\"a\": [1, null, 1.5]}')", {"a": [1, None, 1.5]}),
        ("$map(['1', '2'], $parse)", [1, 2]),
        ("$exists($parse($states.input.missing))", False),
        ("$type($parse('null'))", "null"),
    ],
)
def test_own_functions(expression: str, expected: object) -> None:
    """Step Functions' own functions do what its guide says."""
    assert _value(expression) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "$parse('NaN')",
        "$parse('[Infinity]')",
        "$parse('{')",
        "$parse(1)",
        "$hash('a', 'CRC')",
        "$partition([1], 0)",
        "$range(1, 2, 0)",
    ],
)
def test_own_functions_refuse(expression: str) -> None:
    """No NaN, no Infinity, no unknown algorithm, no empty chunks."""
    with pytest.raises(QueryError):
        _value(expression)


def test_uuid() -> None:
    """`$uuid` gives a new version 4 UUID each time."""
    first, second = _value("$uuid()"), _value("$uuid()")
    assert first != second
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", first)


def test_a_result_is_a_copy() -> None:
    """Changing a result does not change the variable that it came from."""
    kept = {"list": [None, 1]}
    found = _value("$kept", kept=kept)
    found["list"].append(2)
    assert kept == {"list": [None, 1]}
