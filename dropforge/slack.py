"""`dropforge slack`: the messages that the embedded Slack stand-in holds."""

from typing import Any

from dropforge import embedded, output
from dropforge.errors import InputError
from dropforge.target import Target


def messages(target: Target) -> list[dict[str, Any]]:
    """List the messages, oldest first: `{"at", "text", "blocks"}`.

    Raises:
        InputError: the target is AWS.
    """
    if target.endpoint_url is None:
        raise InputError("slack: only the embedded AWS keeps messages; on AWS they are in Slack.")
    found: list[dict[str, Any]] = embedded.ask(target.endpoint_url, "/_embedded/slack")
    return found


def write(found: list[dict[str, Any]]) -> None:
    """Print the messages for people."""
    if not found:
        output.say("There are no messages yet.")
        return
    output.write_table(("at", "text"), [(message["at"], message["text"]) for message in found])
