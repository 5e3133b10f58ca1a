import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from dropforge_core.clients import Clients
from dropforge_core.slack_delivery import DeliveryError, deliver, webhook_url
from moto import mock_aws

SECRET = "T0SECRET"  # noqa: S105
type Reply = tuple[int, str, dict[str, str]]


class Hook:
    """A real HTTP server that answers as it is told and keeps what it is sent."""

    def __init__(self) -> None:
        """Listen on a free port of loopback."""
        self.replies: list[Reply] = []
        self.received: list[dict[str, Any]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                hook.received.append(json.loads(self.rfile.read(length)))
                status, body, headers = hook.replies.pop(0) if hook.replies else (200, "ok", {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/{SECRET}/B0/X"


@pytest.fixture
def hook() -> Iterator[Hook]:
    """A webhook that answers."""
    made = Hook()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join(5)


def test_a_message_arrives(hook: Hook) -> None:
    """The webhook gets the message as JSON, once."""
    deliver(hook.url, {"text": "hello", "mrkdwn": False})
    assert hook.received == [{"text": "hello", "mrkdwn": False}]


@pytest.mark.parametrize(
    "reply",
    [(429, "rate_limited", {"Retry-After": "0"}), (500, "oops", {}), (503, "later", {})],
)
def test_a_passing_trouble_is_tried_again(hook: Hook, reply: Reply) -> None:
    """A rate limit and a server's error are waited out."""
    hook.replies = [reply]
    deliver(hook.url, {"text": "hello"})
    assert len(hook.received) == 2


@pytest.mark.parametrize(
    ("reply", "tries"),
    [
        ((429, "rate_limited", {"Retry-After": "3600"}), 1),
        ((429, "rate_limited", {"Retry-After": "soon"}), 1),
        ((429, "rate_limited", {"Retry-After": "0"}), 3),
        ((503, "down", {}), 3),
        ((403, "invalid_token", {}), 1),
        ((404, "no_service", {}), 1),
        ((400, "invalid_blocks", {}), 1),
        ((200, "<html>somebody's proxy</html>", {}), 1),
    ],
)
def test_a_lasting_trouble_is_told(hook: Hook, reply: Reply, tries: int) -> None:
    """What Slack keeps refusing becomes an error, soon, with Slack's own word."""
    hook.replies = [reply] * 5
    started = time.monotonic()
    with pytest.raises(DeliveryError, match=reply[1].split()[0]):
        deliver(hook.url, {"text": "hello"})
    assert len(hook.received) == tries
    assert time.monotonic() - started < 10


def test_a_refused_message_is_sent_again_as_told(hook: Hook) -> None:
    """Slack refuses a message whose picture it cannot fetch; the one without arrives."""
    hook.replies = [(400, "invalid_blocks", {})]
    assert deliver(hook.url, {"text": "picture"}, instead={"text": "none"}) is False
    assert [each["text"] for each in hook.received] == ["picture", "none"]


def test_what_slack_takes_is_sent_once(hook: Hook) -> None:
    """The other message is for a refusal only."""
    assert deliver(hook.url, {"text": "picture"}, instead={"text": "none"}) is True
    assert [each["text"] for each in hook.received] == ["picture"]


@pytest.mark.parametrize(
    ("replies", "sent"),
    [
        ([(400, "invalid_blocks", {})] * 5, ["picture", "none"]),
        ([(400, "invalid_blocks", {}), *[(503, "down", {})] * 5], ["picture", "none", "none"]),
        ([(403, "invalid_token", {})] * 5, ["picture"]),
    ],
)
def test_a_second_refusal_is_told(hook: Hook, replies: list[Reply], sent: list[str]) -> None:
    """The second message gets two tries, and none where the message was not what is wrong."""
    hook.replies = replies
    with pytest.raises(DeliveryError, match=replies[-1][1]):
        deliver(hook.url, {"text": "picture"}, instead={"text": "none"})
    assert [each["text"] for each in hook.received] == sent


def all_that_is_said(error: BaseException | None) -> str:
    """An error and all that it came from."""
    said = ""
    while error is not None:
        said += f"{error!r}"
        error = error.__cause__
    return said


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/services/" + SECRET,
        "ftp://example.com/" + SECRET,
        "not an address " + SECRET,
        "http://[broken/" + SECRET,
        "",
    ],
)
def test_the_url_is_in_no_error_and_no_log(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """A webhook that cannot be reached or is no URL at all is told without the URL."""
    caplog.set_level(logging.DEBUG)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(DeliveryError, match="cannot be reached") as raised:
            deliver(url.format(port=closed.getsockname()[1]), {"text": "hello"})
    assert SECRET not in all_that_is_said(raised.value)
    assert SECRET not in caplog.text


def test_a_refusal_that_quotes_the_url_is_cleaned(hook: Hook) -> None:
    """An answer that repeats the webhook's address is redacted."""
    hook.replies = [(404, f"no such hook {hook.url}", {})]
    with pytest.raises(DeliveryError) as raised:
        deliver(hook.url, {"text": "hello"})
    assert SECRET not in str(raised.value)


def test_the_url_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """SSM's SecureString and Secrets Manager both give the URL, and only the first time."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        clients = Clients()
        clients.ssm.put_parameter(Name="/hook", Value="https://one\n", Type="SecureString")
        clients.secretsmanager.create_secret(Name="hook", SecretString="https://two")
        assert webhook_url(clients, "ssm", "/hook") == "https://one"
        assert webhook_url(clients, "secretsmanager", "hook") == "https://two"
        clients.ssm.delete_parameter(Name="/hook")
        assert webhook_url(clients, "ssm", "/hook") == "https://one"


@pytest.mark.parametrize("source", ["ssm", "secretsmanager"])
def test_a_url_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, source: Any) -> None:
    """A missing parameter or secret is a failed delivery, not a failed function."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws(), pytest.raises(DeliveryError, match="cannot be read"):
        webhook_url(Clients(), source, "/nothing")
