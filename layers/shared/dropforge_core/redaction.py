"""Keep secrets out of what people read: an incoming webhook's URL lets anyone post."""

import re

# Any web address: webhooks have more hosts than Slack's own (GovSlack, a proxy, a stand-in), and a
# presigned URL is a secret too. s3:// addresses stay. The second form lacks the scheme; it is
# looked for from the beginning of a word only, which keeps long texts quick.
_ADDRESS = re.compile(r"https?:/{1,2}[^\s\"'<>]+|(?<!\S)\S*hooks\.slack\S*", re.IGNORECASE)
_WEBHOOK_PATH = re.compile(r"/?services/T\w+/B\w+/\w+")


def redact(text: str) -> str:
    """Replace web addresses and Slack webhook paths."""
    return _WEBHOOK_PATH.sub("(address removed)", _ADDRESS.sub("(address removed)", text))
