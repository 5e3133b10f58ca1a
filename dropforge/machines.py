"""State machines on paper: JSON, substitutions, the language's grammar, JSONata's syntax."""

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonata import Jsonata
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

from dropforge.errors import InputError

_SUBSTITUTION = re.compile(r"\$\{(\w+)\}")
_EXPRESSION = re.compile(r"\{%(.*)%\}", re.DOTALL)


def check(path: Path, substitutions: set[str]) -> None:
    """Check one definition against the names that the template substitutes in it.

    Raises:
        InputError: something is wrong with it; the message says what.
    """
    try:
        text = path.read_text(encoding="utf-8")
        definition = json.loads(text)
    except OSError as err:
        raise InputError(f"cannot be read: {err.strerror}") from err
    except ValueError as err:
        raise InputError(f"no JSON: {err}") from err
    _check_substitutions(text, substitutions)
    _check_grammar(text)
    _check_targets(definition, "")
    for place, expression in _expressions(definition, ""):
        _check_expression(place, expression)


def _check_substitutions(text: str, given: set[str]) -> None:
    used = set(_SUBSTITUTION.findall(text))
    if missing := sorted(used - given):
        raise InputError(f"DefinitionSubstitutions lacks {', '.join(missing)}")
    if spare := sorted(given - used):
        raise InputError(f"DefinitionSubstitutions has {', '.join(spare)}, which nothing uses")


def _check_grammar(text: str) -> None:
    # It warns of every integration that it would forward, which is all of SageMaker's.
    logging.getLogger("moto.stepfunctions").setLevel(logging.ERROR)
    try:
        AmazonStateLanguageParser.parse(text)
    except Exception as err:
        raise InputError(f"no Amazon States Language: {' '.join(str(err).split())}") from err


def _check_targets(machine: dict[str, Any], place: str) -> None:
    """Check that every state that is named is there, and every state that is there is reached."""
    states = machine["States"]
    reached: set[str] = set()
    ahead = [machine["StartAt"]]
    while ahead:
        name = ahead.pop()
        if name not in states:
            raise InputError(f"{place or 'the machine'} leads to {name!r}, which is not there")
        if name not in reached:
            reached.add(name)
            ahead += _targets(states[name])
    if lost := sorted(set(states) - reached):
        raise InputError(f"{place or 'the machine'} never reaches {', '.join(lost)}")
    for name, state in states.items():
        inner = [*state.get("Branches", []), state.get("ItemProcessor")]
        for number, child in enumerate(child for child in inner if child):
            _check_targets(child, f"{place}{name}[{number}]")


def _targets(state: dict[str, Any]) -> Iterator[str]:
    ways = [state, *state.get("Choices", []), *state.get("Catch", [])]
    for way in ways:
        yield from (way[key] for key in ("Next", "Default") if key in way)


def _check_expression(place: str, expression: str) -> None:
    try:
        Jsonata(expression)
    except Exception as err:
        raise InputError(f"{place}: no JSONata: {' '.join(str(err).split())}") from err


def _expressions(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _expressions(inner, f"{place}.{key}" if place else key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _expressions(inner, f"{place}[{index}]")
    elif isinstance(value, str) and (found := _EXPRESSION.fullmatch(value)):
        yield place, found.group(1)
