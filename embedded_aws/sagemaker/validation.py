"""Requests checked as SageMaker checks them: against its service model, as botocore carries it.

AWS's messages name members by their path in lower camel case and number list members from 1:
`1 validation error detected: Value 'x_y' at 'trainingJobName' failed to satisfy constraint: ...`.

Two deviations. AWS ignores a field that its API does not have; here it is a problem, since it is
always a mistake. Patterns run on Python's `re`: Unicode classes that it lacks are translated.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

from embedded_aws.errors import AwsError

_SPACES = " \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
# Whatever is no control character; a little more than the letters, marks, signs that AWS lists.
_PRINTABLE = r"[^\x00-\x1f\x7f-\x9f]"
_UNICODE_CLASSES = {
    r"[\p{L}\p{M}\p{Z}\p{S}\p{N}\p{P}]": _PRINTABLE,
    r"[\p{L}\p{M}\p{Z}\p{N}\p{P}]": _PRINTABLE,
    # Each stands inside a character class that has `_` too, so \w adds nothing to the letters.
    r"\p{L}": r"\w",
    r"\p{N}": r"\d",
    r"\p{Z}": _SPACES,
    r"\p{Alnum}": "a-zA-Z0-9",
    # UTF-16's surrogates, which Python's strings do not have.
    r"\uD800\uDC00-\uDBFF\uDFFF": r"\U00010000-\U0010FFFF",
    # A slip in AWS's model: a length, which stands beside the pattern anyway, after the end.
    r"${1,128}": "",
    r"${1,256}": "",
}
_PYTHON_TYPES: dict[str, tuple[str, tuple[type, ...]]] = {
    "string": ("String", (str,)),
    "integer": ("Integer", (int,)),
    "long": ("Long", (int,)),
    "float": ("Float", (int, float)),
    "boolean": ("Boolean", (bool,)),
    "timestamp": ("Timestamp", (int, float, datetime)),
    "structure": ("Object", (Mapping,)),
    "map": ("Map", (Mapping,)),
    "list": ("List", (list, tuple)),
}


def check(operation: str, request: Mapping[str, Any]) -> None:
    """Check a request; all its problems come in one error.

    Raises AwsError: ValidationException, or SerializationException for a value of a wrong type,
    which AWS notices before it looks at values.
    """
    shape = _service_model().operation_model(operation).input_shape
    if shape is None:
        return
    _check_types(shape, request, "")
    problems = list(_problems(shape, request, ""))
    if problems:
        raise invalid(*problems)


def require(value: Mapping[str, Any], path: str, *names: str) -> None:
    """Require members that the model calls optional, though AWS wants them in this case."""
    missing = [_join(path, name) for name in names if value.get(name) is None]
    if missing:
        raise invalid(*(_null(where) for where in missing))


def invalid(*problems: str) -> AwsError:
    """Put problems into AWS's words."""
    count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected"
    return AwsError("ValidationException", f"{count}: {'; '.join(problems)}")


def is_operation(name: str) -> bool:
    """Whether SageMaker's API has an operation of this name."""
    return name in _service_model().operation_names


@cache
def _service_model() -> ServiceModel:
    # Takes 9 MB and 50 ms, so not before the first request.
    return botocore.session.get_session().get_service_model("sagemaker")


def _check_types(shape: Shape, value: Any, path: str) -> None:
    name, allowed = _PYTHON_TYPES[shape.type_name]
    # A bool is an int in Python, but no number in JSON.
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        where = f" (at '{path}')" if path else ""
        raise AwsError(
            "SerializationException",
            f"{type(value).__name__} can not be converted to {name}{where}",
        )
    for member, part, part_path in _parts(shape, value, path):
        _check_types(member, part, part_path)


def _problems(shape: Shape, value: Any, path: str) -> Iterator[str]:
    limits = [f"Member must {limit}" for limit in _limits(shape, value)]
    shown = f"Value '{_shown(shape, value)}' at '{path}'"
    yield from (f"{shown} failed to satisfy constraint: {limit}" for limit in limits)
    if isinstance(shape, StructureShape):
        yield from _structure_problems(shape, value, path)
    if isinstance(shape, MapShape):
        yield from _map_problems(shape, value, shown)
    else:
        for member, part, part_path in _parts(shape, value, path):
            yield from _problems(member, part, part_path)


def _structure_problems(
    shape: StructureShape, value: Mapping[str, Any], path: str
) -> Iterator[str]:
    given = {name for name, part in value.items() if part is not None}
    for name in shape.required_members:
        if name not in given:
            yield _null(_join(path, name))
    for name in sorted(given - shape.members.keys()):
        where = _join(path, name)
        yield f"Value at '{where}' failed to satisfy constraint: Member must be known to the API"
    if shape.is_tagged_union and len(given) != 1:
        yield f"Value at '{path}' failed to satisfy constraint: Exactly one member must be set"


def _null(path: str) -> str:
    return f"Value null at '{path}' failed to satisfy constraint: Member must not be null"


def _map_problems(shape: MapShape, value: Mapping[str, Any], shown: str) -> Iterator[str]:
    for key, part in value.items():
        for kind, limits in (
            ("keys", _limits(shape.key, key)),
            ("values", _limits(shape.value, part)),
        ):
            if limits:
                constraints = ", ".join(f"Member must {limit}" for limit in limits)
                yield (
                    f"{shown} failed to satisfy constraint:"
                    f" Map {kind} must satisfy constraint: [{constraints}]"
                )


def _parts(shape: Shape, value: Any, path: str) -> Iterator[tuple[Shape, Any, str]]:
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            if value.get(name) is not None:
                yield member, value[name], _join(path, name)
    elif isinstance(shape, ListShape):
        for number, part in enumerate(value, start=1):
            yield shape.member, part, f"{path}.{number}.member"
    elif isinstance(shape, MapShape):
        for key, part in value.items():
            yield shape.key, key, path
            yield shape.value, part, f"{path}.{key}"


def _limits(shape: Shape, value: Any) -> list[str]:
    """Say what a value must do and does not."""
    limits = []
    sized = shape.type_name in ("string", "list", "map")
    if sized or shape.type_name in ("integer", "long", "float"):
        size, what = (len(value), "length") if sized else (value, "value")
        if "min" in shape.metadata and size < shape.metadata["min"]:
            limits.append(f"have {what} greater than or equal to {shape.metadata['min']}")
        if "max" in shape.metadata and size > shape.metadata["max"]:
            limits.append(f"have {what} less than or equal to {shape.metadata['max']}")
    if "pattern" in shape.metadata and not _pattern(shape.metadata["pattern"]).fullmatch(value):
        limits.append(f"satisfy regular expression pattern: {shape.metadata['pattern']}")
    if "enum" in shape.metadata and value not in shape.metadata["enum"]:
        limits.append(f"satisfy enum value set: [{', '.join(shape.metadata['enum'])}]")
    return limits


def _shown(shape: Shape, value: Any) -> str:
    return f"[{len(value)} members]" if shape.type_name in ("list", "map") else str(value)


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    for theirs, ours in _UNICODE_CLASSES.items():
        pattern = pattern.replace(theirs, ours)
    return re.compile(pattern)


def _join(path: str, name: str) -> str:
    camel = name[:1].lower() + name[1:]
    return f"{path}.{camel}" if path else camel
