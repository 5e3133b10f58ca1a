"""A template's parameters and rules, checked as CloudFormation checks them."""

import re
from collections.abc import Mapping
from typing import Any

from moto.cloudformation.exceptions import ValidationError

_PLAIN_TYPES = {"String", "Number", "CommaDelimitedList", "List<Number>"}


def check(template: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raise ValidationError for parameters that CloudFormation would not take."""
    declared = template.get("Parameters") or {}
    unknown = sorted(given.keys() - declared.keys())
    if unknown:
        raise ValidationError(
            message=f"Parameters: [{', '.join(unknown)}] do not exist in the template"
        )
    missing = [name for name in declared if name not in given and "Default" not in declared[name]]
    if missing:
        raise ValidationError(message=f"Parameters: [{', '.join(missing)}] must have values")
    for name, rules in declared.items():
        kind = rules.get("Type")
        if kind not in _PLAIN_TYPES and not kind.startswith("AWS::EC2::"):
            raise ValidationError(
                message=f"The embedded AWS does not support type {kind} of parameter {name}"
            )
        problem = _problem(str(given.get(name, rules.get("Default"))), rules)
        if problem:
            reason = rules.get("ConstraintDescription", problem)
            raise ValidationError(
                message=f"Parameter {name} failed to satisfy constraint: {reason}"
            )


def complete(template: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Add the defaults of lists: moto splits a list only when it is given."""
    defaults = {
        name: str(rules["Default"])
        for name, rules in (template.get("Parameters") or {}).items()
        if "List" in rules["Type"] and "Default" in rules
    }
    return defaults | dict(given)


def _problem(value: str, rules: Mapping[str, Any]) -> str | None:
    allowed = [str(item) for item in rules.get("AllowedValues", [value])]
    if value not in allowed:
        return f"Member must satisfy enum value set: [{', '.join(allowed)}]"
    pattern = rules.get("AllowedPattern")
    if pattern and not re.fullmatch(pattern, value):
        return f"Member must satisfy regular expression pattern: {pattern}"
    if len(value) > int(rules.get("MaxLength", len(value))):
        return f"Member must have length less than or equal to {rules['MaxLength']}"
    if len(value) < int(rules.get("MinLength", 0)):
        return f"Member must have length greater than or equal to {rules['MinLength']}"
    return _number_problem(value, rules) if rules.get("Type") == "Number" else None


def _number_problem(value: str, rules: Mapping[str, Any]) -> str | None:
    try:
        number = float(value)
    except ValueError:
        return "Member must be a number"
    if number > float(rules.get("MaxValue", number)):
        return f"Member must have value less than or equal to {rules['MaxValue']}"
    if number < float(rules.get("MinValue", number)):
        return f"Member must have value greater than or equal to {rules['MinValue']}"
    return None
