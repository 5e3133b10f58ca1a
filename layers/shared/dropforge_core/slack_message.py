"""An announcement as Slack's Block Kit.

Limits: a header of 150 characters, a section of 3,000, a field of 2,000, ten fields a section, 50
blocks (docs.slack.dev/reference/block-kit/blocks), and an undocumented total near 13,200.

All text is ``plain_text``: in it Slack knows no markup, no mention and no link, whatever a reason,
a metric's name or a key may hold.
"""

import json
from itertools import batched
from typing import Any

from slack_sdk.models.blocks import (
    Block,
    ContextBlock,
    DividerBlock,
    HeaderBlock,
    PlainTextObject,
    SectionBlock,
)

from dropforge_core.announcement import Announcement

_HEADER = 150
_SECTION = 3000
_FIELD = 400
_FIELDS = 10
_FALLBACK = 600
_TOTAL = 13_000
# Tried one after the other until the message fits.
_METRICS_SHOWN = (40, 20, 10, 4, 0)
_REASON_SHORT = 500


def slack_message(announcement: Announcement) -> dict[str, Any]:
    """Return the webhook's JSON: blocks, and a fallback text for notifications."""
    blocks = _blocks(announcement, _METRICS_SHOWN[0], _SECTION)
    for shown in _METRICS_SHOWN[1:]:
        if _length(blocks) <= _TOTAL:
            break
        blocks = _blocks(announcement, shown, _REASON_SHORT)
    fallback = f"{announcement.title}. {announcement.reason}"
    return {
        "text": _escaped(fallback, _FALLBACK),
        "blocks": blocks,
        # The fallback would else be read as markup, and addresses in it as links to be shown.
        "mrkdwn": False,
        "parse": "none",
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _blocks(announcement: Announcement, metrics_shown: int, reason: int) -> list[dict[str, Any]]:
    header = HeaderBlock(text=PlainTextObject(text=_escaped(announcement.title, _HEADER)))
    blocks: list[Block] = [header]
    if announcement.reason:
        blocks.append(SectionBlock(text=_plain(announcement.reason, reason)))
    shown = announcement.metrics[:metrics_shown]
    blocks += _sections(shown)
    if hidden := len(announcement.metrics) - len(shown):
        note = f"and {hidden} more {'metric' if hidden == 1 else 'metrics'}"
        blocks.append(ContextBlock(elements=[_plain(note, _FIELD)]))
    blocks.append(DividerBlock())
    blocks += _sections(announcement.facts)
    return [block.to_dict() for block in blocks]


def _sections(pairs: list[tuple[str, str]]) -> list[SectionBlock]:
    return [
        SectionBlock(fields=[_plain(f"{label}\n{value}", _FIELD) for label, value in group])
        for group in batched(pairs, _FIELDS, strict=False)
    ]


def _plain(text: str, longest: int) -> PlainTextObject:
    return PlainTextObject(text=_escaped(text, longest), emoji=False)


def _escaped(text: str, longest: int) -> str:
    """Escape Slack's three control characters and cut what is too long, between characters."""
    pieces: list[str] = []
    length = 0
    for character in text:
        piece = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}.get(character, character)
        length += len(piece)
        if length > longest - 1:
            return "".join(pieces) + "…"
        pieces.append(piece)
    return "".join(pieces)


def _length(blocks: list[dict[str, Any]]) -> int:
    return len(json.dumps(blocks, ensure_ascii=False))
