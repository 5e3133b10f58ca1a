"""Gap: a filter that moto does not know matches every event; EventBridge refuses the pattern.

Besides, a wildcard matches no newline, and true matches 1. Source: EventBridge user guide,
"Comparison operators for use in event patterns".
"""

import re
from typing import Any

from moto.events.exceptions import InvalidEventPatternException
from moto.events.models import EventPattern, EventPatternParser

_FILTERS = {
    "anything-but",
    "cidr",
    "equals-ignore-case",
    "exists",
    "numeric",
    "prefix",
    "suffix",
    "wildcard",
}


def apply() -> None:
    """Refuse unknown filters, and match as EventBridge does."""
    validate = EventPatternParser._validate_event_pattern  # noqa: SLF001
    match = EventPattern._does_item_match_filters  # noqa: SLF001

    def validate_filters(parser: Any, pattern: dict[str, Any]) -> None:
        validate(parser, pattern)
        for name, value in pattern.items():
            for item in value if isinstance(value, list) else []:
                if name == "$or":
                    parser._validate_event_pattern(item)  # noqa: SLF001
                elif isinstance(item, dict) and (len(item) != 1 or not item.keys() <= _FILTERS):
                    raise InvalidEventPatternException(
                        reason=f"Unrecognized match type {', '.join(item)}"
                    )

    def match_filters(pattern: Any, item: Any, filters: list[Any]) -> bool:
        items = item if isinstance(item, list) else [item]
        # In Python, unlike in JSON, true equals 1.
        typed = [
            wanted
            for wanted in filters
            if isinstance(wanted, dict)
            or any(isinstance(wanted, bool) == isinstance(one, bool) for one in items)
        ]
        return bool(match(pattern, item, typed))

    EventPatternParser._validate_event_pattern = validate_filters  # noqa: SLF001
    EventPattern._does_item_match_filters = match_filters  # noqa: SLF001
    EventPattern._wildcard_match = staticmethod(_wildcard_match)  # noqa: SLF001


def _wildcard_match(item: Any, pattern: str) -> bool:
    parts = re.split(r"(\\\\|\\\*|\*)", pattern)
    regex = "".join(".*" if part == "*" else re.escape(_unescape(part)) for part in parts)
    return isinstance(item, str) and re.fullmatch(regex, item, re.DOTALL) is not None


def _unescape(part: str) -> str:
    return part[1:] if part in {r"\*", r"\\"} else part
