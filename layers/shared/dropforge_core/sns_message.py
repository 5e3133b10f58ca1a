"""An announcement as plain text, for an SNS topic: for those without Slack.

The chart's link is left out: a mail is read later than an hour after, and forwarded.
"""

from collections.abc import Iterator
from typing import Any

from dropforge_core.announcement import Announcement
from dropforge_core.contracts import RunNews

# SNS: a subject of less than 100 characters of ASCII, without line breaks or control characters;
# a message of 256 KiB (docs.aws.amazon.com/sns/latest/api/API_Publish.html).
_SUBJECT = 99
_TEXT_BYTES = 200_000


def sns_message(news: RunNews, announcement: Announcement) -> dict[str, Any]:
    """Return what is published, but for the topic; the attributes are there to filter by."""
    attributes = {"pipeline": news.pipeline, "status": news.status}
    return {
        "Subject": _subject(announcement.title),
        "Message": _cut("\n".join(_lines(announcement))),
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        },
    }


def _subject(title: str) -> str:
    ascii_only = title.encode("ascii", "ignore").decode()
    printable = "".join(letter if letter.isprintable() else " " for letter in ascii_only)
    return f"Dropforge {' '.join(printable.split())}"[:_SUBJECT].rstrip()


def _lines(announcement: Announcement) -> Iterator[str]:
    yield announcement.title
    for text in (announcement.reason, announcement.note):
        if text:
            yield from ("", text)
    groups = (
        announcement.metrics,
        announcement.facts,
        announcement.jobs,
        announcement.commands,
        announcement.links,
    )
    for group in groups:
        if group:
            yield ""
            yield from (f"{label}: {value}" for label, value in group)


def _cut(text: str) -> str:
    """Cut between characters; what is no text to UTF-8 becomes a question mark."""
    content = text.encode(errors="replace")
    if len(content) <= _TEXT_BYTES:
        return content.decode()
    return content[:_TEXT_BYTES].decode(errors="ignore") + "…"
