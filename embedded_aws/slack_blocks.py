"""What Slack checks of a message's blocks.

Source: api.slack.com, "Reference: Blocks" and "Composition objects", with their limits.
"""

from collections.abc import Callable
from typing import Any

_MAX_BLOCKS = 50
_MAX_BLOCK_ID = 255
_MAX_HEADER = 150
_MAX_TEXT = 3000
_MAX_FIELDS = 10
_MAX_FIELD = 2000
_MAX_ELEMENTS = {"context": 10, "actions": 25}
_MAX_BUTTON = 75
_MAX_URL = 3000
_MAX_ALT_TEXT = 2000
_MAX_TITLE = 2000


def problems(blocks: Any) -> list[str]:
    """List what Slack would not take of a list of blocks; empty when it would take them."""
    if not isinstance(blocks, list):
        return ["blocks must be a list"]
    found = [f"more than {_MAX_BLOCKS} blocks"] if len(blocks) > _MAX_BLOCKS else []
    for number, block in enumerate(blocks):
        kind = block.get("type") if isinstance(block, dict) else None
        check = _CHECKS.get(kind) if isinstance(kind, str) else None
        if check is None:
            found.append(f"block {number} has no known type")
        else:
            found += [f"block {number} ({kind}): {problem}" for problem in check(block)]
    ids = [block["block_id"] for block in blocks if isinstance(block, dict) and "block_id" in block]
    if any(not isinstance(name, str) or len(name) > _MAX_BLOCK_ID for name in ids):
        found.append("a block_id is no text or too long")
    elif len(set(ids)) < len(ids):
        found.append("a block_id is used twice")
    return found


def images(blocks: Any) -> list[str]:
    """List the addresses of all images, wherever they are in blocks that are right."""
    if isinstance(blocks, list):
        return [address for block in blocks for address in images(block)]
    if not isinstance(blocks, dict):
        return []
    own = [str(blocks["image_url"])] if blocks.get("type") == "image" else []
    return own + [address for value in blocks.values() for address in images(value)]


def _text(value: Any, limit: int, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")) -> list[str]:
    if not isinstance(value, dict) or value.get("type") not in kinds:
        return [f"text must be an object of type {' or '.join(kinds)}"]
    text = value.get("text")
    if not isinstance(text, str) or not 1 <= len(text) <= limit:
        return [f"text must have 1 to {limit} characters"]
    if "emoji" in value and value["type"] != "plain_text":
        return ["emoji belongs to plain_text only"]
    if "verbatim" in value and value["type"] != "mrkdwn":
        return ["verbatim belongs to mrkdwn only"]
    unknown = value.keys() - {"type", "text", "emoji", "verbatim"}
    return [f"text has unknown fields {sorted(unknown)}"] if unknown else []


def _header(block: dict[str, Any]) -> list[str]:
    return _text(block.get("text"), _MAX_HEADER, ("plain_text",))


def _section(block: dict[str, Any]) -> list[str]:
    found = _text(block["text"], _MAX_TEXT) if "text" in block else []
    fields = block.get("fields")
    if fields is not None:
        if not isinstance(fields, list) or not 1 <= len(fields) <= _MAX_FIELDS:
            return [*found, f"fields must be 1 to {_MAX_FIELDS} texts"]
        found += [problem for field in fields for problem in _text(field, _MAX_FIELD)]
    elif "text" not in block:
        found.append("needs text or fields")
    if "accessory" in block:
        found += _element(block["accessory"])
    return found


def _elements(block: dict[str, Any]) -> list[str]:
    elements = block.get("elements")
    limit = _MAX_ELEMENTS[block["type"]]
    if not isinstance(elements, list) or not 1 <= len(elements) <= limit:
        return [f"elements must be 1 to {limit}"]
    if block["type"] == "actions":
        return [problem for element in elements for problem in _element(element)]
    return [
        problem
        for element in elements
        for problem in (
            _image(element)
            if isinstance(element, dict) and element.get("type") == "image"
            else _text(element, _MAX_TEXT)
        )
    ]


def _element(element: Any) -> list[str]:
    kind = element.get("type") if isinstance(element, dict) else None
    if kind == "image":
        return _image(element)
    if kind != "button":
        return [f"element of type {kind!r} is not supported by this stand-in"]
    found = _text(element.get("text"), _MAX_BUTTON, ("plain_text",))
    if len(str(element.get("url", ""))) > _MAX_URL:
        found.append("the button's url is too long")
    if element.get("style", "primary") not in ("primary", "danger"):
        found.append("the button's style is unknown")
    return found


def _image(image: dict[str, Any]) -> list[str]:
    found = []
    url = image.get("image_url")
    if not isinstance(url, str) or not 1 <= len(url) <= _MAX_URL:
        found.append("image_url is missing or too long")
    elif not url.startswith(("http://", "https://")):
        found.append("image_url is no web address")
    alt_text = image.get("alt_text")
    if not isinstance(alt_text, str) or not 1 <= len(alt_text) <= _MAX_ALT_TEXT:
        found.append("alt_text is missing or too long")
    if "title" in image:
        found += _text(image["title"], _MAX_TITLE, ("plain_text",))
    unknown = image.keys() - {"type", "block_id", "image_url", "alt_text", "title"}
    return [*found, f"unknown fields {sorted(unknown)}"] if unknown else found


def _divider(block: dict[str, Any]) -> list[str]:
    unknown = block.keys() - {"type", "block_id"}
    return [f"unknown fields {sorted(unknown)}"] if unknown else []


_CHECKS: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "header": _header,
    "section": _section,
    "context": _elements,
    "actions": _elements,
    "image": _image,
    "divider": _divider,
}
