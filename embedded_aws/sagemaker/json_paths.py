"""The JSONPath that batch transform's filters take, and no more of JSONPath than that.

Source: developer guide, "Associate Prediction Results with Input Records", supported operators:
`$`, `.name`, `*`, `['name' (, 'name')]`, `[number (, number)]`, `[start:end]`.
"""

import re
from collections.abc import Callable
from typing import Any

from embedded_aws.errors import AwsError

type Step = Callable[[Any], Any]

_NAME = re.compile(r"\.([A-Za-z_][\w-]*)")
_STAR = re.compile(r"\.\*|\[\*\]")
_NAMES = re.compile(r"\.?\[\s*('[^']*'(?:\s*,\s*'[^']*')*)\s*\]")
_NUMBERS = re.compile(r"\[\s*(-?\d+(?:\s*,\s*-?\d+)*)\s*\]")
_SLICE = re.compile(r"\[\s*(-?\d*)\s*:\s*(-?\d*)\s*\]")


class PathError(Exception):
    """A record has nothing where a path leads."""


class JsonPath:
    """A path into a record: a document, or the list of a row's columns."""

    def __init__(self, text: str) -> None:
        """Read a path; raises AwsError ValidationException for what is none."""
        self.text = text
        self.is_whole = text.strip() in {"", "$"}
        self._steps = [] if self.is_whole else _read(text.strip())

    def of(self, record: Any) -> Any:
        """Give what the path leads to; raises PathError when there is nothing."""
        found = record
        for step in self._steps:
            try:
                found = step(found)
            except (LookupError, TypeError) as err:
                raise PathError(f"{self.text} leads to nothing") from err
        return found


def _read(text: str) -> list[Step]:
    if not text.startswith("$"):
        raise _refuse(text)
    steps: list[Step] = []
    rest = text[1:]
    while rest:
        for pattern, make in _KINDS:
            found = pattern.match(rest)
            if found:
                steps.append(make(*found.groups()))
                rest = rest[found.end() :]
                break
        else:
            raise _refuse(text)
    return steps


def _refuse(text: str) -> AwsError:
    return AwsError("ValidationException", f"{text!r} is no JSONPath that a filter can be.")


def _child(name: str) -> Step:
    return lambda value: _mapping(value)[name]


def _all() -> Step:
    return lambda value: list(value.values()) if isinstance(value, dict) else _sequence(value)


def _children(names: str) -> Step:
    wanted = re.findall(r"'([^']*)'", names)
    if len(wanted) == 1:
        return _child(wanted[0])
    return lambda value: {name: _mapping(value)[name] for name in wanted}


def _items(numbers: str) -> Step:
    wanted = [int(number) for number in numbers.split(",")]
    if len(wanted) == 1:
        return lambda value: _sequence(value)[wanted[0]]
    return lambda value: [_sequence(value)[number] for number in wanted]


def _slice(start: str, end: str) -> Step:
    part = slice(int(start) if start else None, int(end) if end else None)
    return lambda value: _sequence(value)[part]


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _sequence(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return value


_KINDS: list[tuple[re.Pattern[str], Callable[..., Step]]] = [
    (_STAR, _all),
    (_NAME, _child),
    (_NAMES, _children),
    (_SLICE, _slice),
    (_NUMBERS, _items),
]
