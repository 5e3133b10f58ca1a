"""What a rule sends to a target: the event, a part of it, a constant, or a filled template."""

import json
import re
from collections.abc import Mapping
from typing import Any

from embedded_aws.errors import AwsError

_PATH = re.compile(r"\$(\.[A-Za-z0-9_-]+)*")
_TEMPLATE_PART = re.compile(r'<([A-Za-z0-9_.-]+)>|\\.|"')
_MISSING = object()


def check(target: Mapping[str, Any]) -> None:
    """Raise AwsError for a path that is not a plain list of names, such as `$.detail.bucket`."""
    paths = list(target.get("InputTransformer", {}).get("InputPathsMap", {}).values())
    for path in [*paths, target.get("InputPath", "$")]:
        if not _PATH.fullmatch(path):
            raise AwsError(
                "ValidationException", f"The embedded AWS does not support the input path {path}."
            )


def render(target: Mapping[str, Any], event: Mapping[str, Any], rule: Any) -> str:
    """Give the text that a target is sent.

    Source: EventBridge user guide, "Amazon EventBridge input transformation".
    """
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        part = _at(target["InputPath"], event)
        return json.dumps(None if part is _MISSING else part)
    if "InputTransformer" not in target:
        return json.dumps(event)
    transformer = target["InputTransformer"]
    values = {name: _at(path, event) for name, path in transformer.get("InputPathsMap", {}).items()}
    values |= {
        "aws.events.rule-arn": rule.arn,
        "aws.events.rule-name": rule.name,
        "aws.events.event": event,
        "aws.events.event.json": event,
        "aws.events.event.ingestion-time": event["time"],
    }
    return _fill(transformer["InputTemplate"], values)


def _at(path: str, event: Mapping[str, Any]) -> Any:
    part: Any = event
    for name in path.split(".")[1:]:
        part = part.get(name, _MISSING) if isinstance(part, Mapping) else _MISSING
    return part


def _fill(template: str, values: Mapping[str, Any]) -> str:
    """Replace each `<name>`: inside quotes by its text, elsewhere by its JSON."""
    in_quotes = False

    def replace(match: re.Match[str]) -> str:
        nonlocal in_quotes
        if match[0] == '"':
            in_quotes = not in_quotes
        if match[1] is None or match[1] not in values:
            return match[0]
        value = values[match[1]]
        if value is _MISSING:
            return "" if in_quotes else '""'
        if not in_quotes:
            return json.dumps(value)
        text = value if isinstance(value, str) else json.dumps(value)
        return json.dumps(text)[1:-1]

    return _TEMPLATE_PART.sub(replace, template)
