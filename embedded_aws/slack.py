"""A stand-in for Slack's incoming webhooks: keeps what Slack would take, refuses what it would.

Sources: api.slack.com, "Sending messages using incoming webhooks" and "Reference: Blocks"; the
limit on a message's total is undocumented and was measured by others.
"""

import json
import os
import secrets
import threading
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from werkzeug.wrappers import Request, Response

from embedded_aws import slack_blocks, slack_images
from embedded_aws.settings import Settings

_MESSAGES_PER_SECOND = 1.0
_BURST = 10
_MAX_TOTAL_CHARACTERS = 13_200
_TEXT_CUT = 40_000


class RefusedError(Exception):
    """Slack's answer to a message that it does not take: a status and a word."""

    def __init__(self, status: int, word: str) -> None:
        """Keep both."""
        super().__init__(word)
        self.status = status
        self.word = word


class Slack:
    """One incoming webhook, with a URL made anew at each start; thread safe."""

    def __init__(self, settings: Settings) -> None:
        """Make the webhook's URL and write it to `<state>/slack-webhook`, for the owner only."""
        self._lock = threading.Lock()
        self._messages: list[dict[str, Any]] = []
        self._file = settings.state / "slack.jsonl"
        self._allowance = float(_BURST)
        self._counted_at = time.monotonic()
        self._path = f"/slack/services/T{_token(8)}/B{_token(8)}/{_token(24)}"
        url = settings.state / "slack-webhook"
        with os.fdopen(os.open(url, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(f"{settings.endpoint_url}{self._path}")

    def messages(self) -> list[dict[str, Any]]:
        """List the messages that were taken, oldest first: {"at", "text", "blocks"}."""
        with self._lock:
            return list(self._messages)

    def post(self, request: Request) -> Response:
        """Answer a call of a webhook as Slack does."""
        try:
            self._check_url(request.path)
            message = _parse(request)
            self._count()
        except RefusedError as refused:
            headers = {"Retry-After": "1"} if refused.word == "rate_limited" else {}
            return Response(refused.word, refused.status, headers, "text/plain")
        self._keep(message)
        return Response("ok", mimetype="text/plain")

    def _check_url(self, path: str) -> None:
        if secrets.compare_digest(path.encode(), self._path.encode()):
            return
        same_team = path.rpartition("/")[0] == self._path.rpartition("/")[0]
        raise RefusedError(403, "invalid_token") if same_team else RefusedError(404, "no_service")

    def _count(self) -> None:
        with self._lock:
            now = time.monotonic()
            earned = (now - self._counted_at) * _MESSAGES_PER_SECOND
            self._allowance = min(float(_BURST), self._allowance + earned)
            self._counted_at = now
            if self._allowance < 1:
                raise RefusedError(429, "rate_limited")
            self._allowance -= 1

    def _keep(self, message: dict[str, Any]) -> None:
        kept = {
            "at": datetime.now(UTC).isoformat(),
            "text": message.get("text", "")[:_TEXT_CUT],
            "blocks": message.get("blocks", []),
        }
        with self._lock, self._file.open("a") as file:
            self._messages.append(kept)
            file.write(json.dumps(kept) + "\n")


def _parse(request: Request) -> dict[str, Any]:
    body = request.get_data()
    if body.startswith(b"payload="):
        # Older senders put the JSON in a form's field.
        body = parse_qs(body)[b"payload"][0]
    try:
        message = json.loads(body)
    except ValueError as err:
        raise RefusedError(400, "invalid_payload") from err
    if not isinstance(message, dict) or not isinstance(message.get("text", ""), str):
        raise RefusedError(400, "invalid_payload")
    blocks = message.get("blocks") or []
    if not message.get("text") and not blocks and not message.get("attachments"):
        raise RefusedError(400, "no_text")
    if slack_blocks.problems(blocks):
        raise RefusedError(400, "invalid_blocks")
    if not all(slack_images.can_be_shown(address) for address in slack_blocks.images(blocks)):
        raise RefusedError(400, "invalid_blocks")
    if len(json.dumps(blocks, ensure_ascii=False)) > _MAX_TOTAL_CHARACTERS:
        raise RefusedError(400, "msg_blocks_too_long")
    return message


def _token(length: int) -> str:
    return secrets.token_hex(length).upper()[:length]
