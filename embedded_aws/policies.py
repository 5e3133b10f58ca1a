"""Whether a resource policy lets an AWS service in.

Only what deliveries need is read: Effect, Action, Principal, and conditions on the source. A
condition on any other key is not met, so an Allow that hangs on it does not count.
"""

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

_EQUAL = {"StringEquals", "ArnEquals", "Bool"}
_LIKE = {"StringLike", "ArnLike", "ArnEquals"}


def admits(
    statements: Sequence[Mapping[str, Any]], service: str, action: str, source_arn: str
) -> bool:
    """Say whether `service`, acting for `source_arn`, may do `action` on the policy's resource."""
    context = {
        "aws:sourcearn": source_arn,
        "aws:sourceaccount": source_arn.split(":")[4],
        "aws:sourceowner": source_arn.split(":")[4],  # the same, as SNS calls it
        "aws:securetransport": "true",
    }
    matching = [
        statement["Effect"]
        for statement in statements
        if _is_for(statement.get("Principal"), service)
        and any(fnmatchcase(action.lower(), name.lower()) for name in _list(statement["Action"]))
        and holds(statement.get("Condition", {}), context)
    ]
    return "Allow" in matching and "Deny" not in matching


def allows(statements: Sequence[Mapping[str, Any]], action: str, resource: str) -> bool:
    """Say whether a role's own policies let it act on a resource; no condition is met."""
    matching = [
        statement["Effect"]
        for statement in statements
        if _any_like(action.lower(), [name.lower() for name in _list(statement.get("Action", []))])
        and _any_like(resource, _list(statement.get("Resource", [])))
        and not statement.get("Condition")
    ]
    return "Allow" in matching and "Deny" not in matching


def _any_like(text: str, patterns: Sequence[str]) -> bool:
    return any(_matches("StringLike", text, pattern) for pattern in patterns)


def _is_for(principal: Any, service: str) -> bool:
    if isinstance(principal, Mapping):
        return service in _list(principal.get("Service", [])) or "*" in _list(
            principal.get("AWS", [])
        )
    return bool(principal == "*")


def holds(condition: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    """Say whether each condition is met; `context` has its keys in small letters."""
    return all(
        any(_matches(operator, context.get(key.lower()), str(value)) for value in _list(values))
        for operator, keys in condition.items()
        for key, values in keys.items()
    )


def _matches(operator: str, actual: str | None, wanted: str) -> bool:
    if actual is None:
        return False
    if operator in _LIKE:
        # Of the pattern characters only * and ? mean anything in a policy.
        return fnmatchcase(actual, re.sub(r"\[", "[[]", wanted))
    return operator in _EQUAL and actual.lower() == wanted.lower()


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
