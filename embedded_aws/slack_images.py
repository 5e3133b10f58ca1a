"""The images of a message, which Slack fetches before it takes the message.

Source: docs.slack.dev, "Image block" (png, jpg, jpeg and gif); a message with an image that cannot
be fetched is refused as a whole: github.com/slackapi/python-slack-sdk/issues/1782.
"""

import http.client
import logging
import urllib.request

_SECONDS = 5.0
_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")
# The user's own proxy is for the internet, and images here are of this machine.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_log = logging.getLogger(__name__)


def can_be_shown(address: str) -> bool:
    """Fetch the beginning of an image; say whether it is there, and of a kind that Slack shows."""
    try:
        with _DIRECT.open(address, timeout=_SECONDS) as answer:
            begins: bytes = answer.read(max(map(len, _SIGNATURES)))
    except (OSError, ValueError, http.client.HTTPException) as err:
        # The address may be a secret.
        _log.info("an image of a Slack message cannot be fetched: %s", type(err).__name__)
        return False
    return begins.startswith(_SIGNATURES)
