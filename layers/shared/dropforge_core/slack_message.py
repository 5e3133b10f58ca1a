"""An announcement as Slack's Block Kit.

Limits: a header of 150 characters, a section of 3,000, a field of 2,000, ten fields a section, 50
blocks, an image's address of 3,000 (docs.slack.dev/reference/block-kit/blocks), and an undocumented
total near 13,200.

All text of others is ``plain_text``: in it Slack knows no markup, no mention and no link, whatever
a reason, a metric's name or a key may hold. Only our own links to AWS's console are markup.
"""

import json
from itertools import batched
from typing import Any, NamedTuple

from slack_sdk.models.blocks import (
    Block,
    ContextBlock,
    DividerBlock,
    HeaderBlock,
    ImageBlock,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)

from dropforge_core.announcement import Announcement

_HEADER = 150
_SECTION = 3000
_FIELDS = 10
_ADDRESS, _LINK = 3000, 800
_PAIRS = 20
_FALLBACK = 600
_TOTAL = 13_000


class _Cut(NamedTuple):
    """How many metrics to show, and how long a reason and a field may be."""

    metrics: int
    reason: int
    field: int


# Tried one after the other until the message fits.
_CUTS = (
    _Cut(40, _SECTION, 400),
    _Cut(20, 500, 400),
    _Cut(10, 500, 400),
    _Cut(4, 500, 200),
    _Cut(0, 300, 60),
)


def slack_message(announcement: Announcement, chart: str | None = None) -> dict[str, Any]:
    """Return the webhook's JSON: blocks, and a fallback text for notifications.

    ``chart`` is the address of a picture, which Slack fetches: it must be there.
    """
    picture = [_picture(announcement, chart)] if chart and len(chart) <= _ADDRESS else []
    blocks = _blocks(announcement, picture, _CUTS[0])
    for cut in _CUTS[1:]:
        if len(json.dumps(blocks, ensure_ascii=False)) <= _TOTAL:
            break
        blocks = _blocks(announcement, picture, cut)
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


def _blocks(announcement: Announcement, picture: list[Block], cut: _Cut) -> list[dict[str, Any]]:
    blocks: list[Block] = [
        HeaderBlock(text=PlainTextObject(text=_escaped(announcement.title, _HEADER)))
    ]
    blocks += [
        SectionBlock(text=_plain(text, cut.reason))
        for text in (announcement.reason, announcement.note)
        if text
    ]
    shown = announcement.metrics[: cut.metrics]
    blocks += [*picture, *_sections(shown, cut)]
    if hidden := len(announcement.metrics) - len(shown):
        note = f"and {hidden} more {'metric' if hidden == 1 else 'metrics'}"
        blocks.append(ContextBlock(elements=[_plain(note, cut.field)]))
    blocks.append(DividerBlock())
    for pairs in (announcement.facts, announcement.jobs, announcement.commands):
        blocks += _sections(pairs[:_PAIRS], cut)
    # Longer than any of the console's own: a name in it is none.
    links = [link for link in announcement.links if len(link[1]) <= _LINK]
    if links:
        blocks.append(ContextBlock(elements=[_links(links)]))
    return [block.to_dict() for block in blocks]


def _picture(announcement: Announcement, address: str) -> Block:
    text = f"The metrics as a chart: {announcement.reason or announcement.title}"
    return ImageBlock(image_url=address, alt_text=_escaped(text, _FALLBACK))


def _sections(pairs: list[tuple[str, str]], cut: _Cut) -> list[SectionBlock]:
    return [
        SectionBlock(fields=[_plain(f"{label}\n{value}", cut.field) for label, value in group])
        for group in batched(pairs, _FIELDS, strict=False)
    ]


def _links(links: list[tuple[str, str]]) -> MarkdownTextObject:
    """Link to the console; the addresses are quoted already, so that none can end its link."""
    told = [f"<{address.replace('&', '&amp;')}|{label}>" for label, address in links]
    return MarkdownTextObject(text="  ·  ".join(told), verbatim=True)


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
