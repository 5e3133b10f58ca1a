"""JSON that may have been cut: Step Functions shortens a Cause that is too long."""

import json
import re
from typing import Any

# A member of an object, its string or number as far as it goes. Quotes within strings are escaped,
# so that the text of a nested document is not taken for a member.
_MEMBER = r'(?<!\\)"{name}"\s*:\s*(?:"(?P<text>(?:[^"\\]|\\.)*)|(?P<number>-?[0-9.eE+-]+))'


def member(document: str, name: str) -> Any:
    """Return a member of the JSON object that the text holds, or None when it is not to be had.

    Of text that is cut, the first string or number under that name, as far as it goes.
    """
    try:
        whole = json.loads(document)
    except (ValueError, RecursionError):
        return _cut_member(document, name)
    return whole.get(name) if isinstance(whole, dict) else None


def _cut_member(document: str, name: str) -> str | float | None:
    if not document.lstrip().startswith("{"):
        return None
    found = re.search(_MEMBER.format(name=re.escape(name)), document, re.DOTALL)
    if found is None:
        return None
    if found["text"] is not None:
        return _unescaped(found["text"])
    try:
        return float(found["number"])
    except ValueError:
        return None


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        # The cut went through a \\u escape.
        return text.replace("\\n", "\n").replace('\\"', '"')
