"""The Slack stand-in: takes what Slack takes, refuses what Slack refuses."""

import functools
import json
import logging
import stat
import threading
import urllib.request
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request, Response

from embedded_aws.settings import Settings
from embedded_aws.slack import Slack
from tests.conftest import Embedded

TEXT = {"type": "mrkdwn", "text": "*done*"}
PLAIN = {"type": "plain_text", "text": "Done", "emoji": True}
SECTION = {"type": "section", "text": TEXT}
# Nobody listens there.
IMAGE = {"type": "image", "image_url": "http://127.0.0.1:1/a.png", "alt_text": "a"}


@pytest.fixture
def slack(tmp_path: Path) -> Slack:
    """Give a stand-in of its own."""
    return Slack(Settings(tmp_path, 4566))


def post(slack: Slack, body: Any, path: str = "", method: str = "POST") -> Response:
    """Post a body, JSON unless it is bytes, to the webhook or another path."""
    url = (slack_folder(slack) / "slack-webhook").read_text().strip()
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    where = path or url.removeprefix("http://127.0.0.1:4566")
    return slack.post(Request(EnvironBuilder(path=where, method=method, data=data).get_environ()))


def slack_folder(slack: Slack) -> Path:
    """Give the folder of a stand-in."""
    return slack._file.parent  # noqa: SLF001


def test_a_message_is_kept(slack: Slack) -> None:
    """A message that Slack would take is kept in memory and in a file."""
    answer = post(slack, {"text": "Done", "blocks": [SECTION]})
    assert (answer.status_code, answer.get_data()) == (200, b"ok")
    (message,) = slack.messages()
    assert message["text"] == "Done"
    assert message["blocks"] == [SECTION]
    assert message.keys() == {"at", "text", "blocks"}
    assert json.loads((slack_folder(slack) / "slack.jsonl").read_text()) == message


@pytest.mark.parametrize(
    "blocks",
    [
        [{"type": "header", "text": PLAIN}, {"type": "divider"}, SECTION],
        [{"type": "section", "fields": [TEXT, PLAIN]}],
        [{"type": "context", "elements": [TEXT]}],
        [{"type": "actions", "elements": [{"type": "button", "text": PLAIN, "action_id": "a"}]}],
    ],
)
def test_blocks_that_are_right(slack: Slack, blocks: list[dict[str, Any]]) -> None:
    """Each block that we know is taken in its right form."""
    assert post(slack, {"blocks": blocks}).status_code == 200


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """Serve a picture of each kind, and what is none."""
    folder = tmp_path / "web"
    folder.mkdir()
    begins = {
        "a.png": b"\x89PNG\r\n\x1a\n...",
        "a.jpg": b"\xff\xd8\xff\xe0...",
        "a.gif": b"GIF89a...",
        "a.webp": b"RIFF....WEBP",
        "a.html": b"<html>",
        "empty.png": b"",
    }
    for name, content in begins.items():
        (folder / name).write_bytes(content)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("a.png", 200),
        ("a.jpg", 200),
        ("a.gif", 200),
        ("a.webp", 400),
        ("a.html", 400),
        ("empty.png", 400),
        ("missing.png", 400),
    ],
)
def test_an_image_is_fetched_before_the_message_is_taken(
    slack: Slack, web: str, name: str, status: int
) -> None:
    """Wherever it is in the blocks: one that is not there, or no image, costs the whole message."""
    image = IMAGE | {"image_url": f"{web}/{name}"}
    places: list[list[dict[str, Any]]] = [
        [SECTION, image | {"title": PLAIN}],
        [{"type": "context", "elements": [image]}],
        [SECTION | {"accessory": image}],
    ]
    for blocks in places:
        answer = post(slack, {"blocks": blocks})
        assert answer.status_code == status
        assert answer.get_data() == (b"ok" if status == 200 else b"invalid_blocks")
    assert len(slack.messages()) == (3 if status == 200 else 0)


def test_an_address_that_cannot_be_fetched_is_in_no_log(
    slack: Slack, caplog: pytest.LogCaptureFixture
) -> None:
    """It may be a link that was signed."""
    caplog.set_level(logging.INFO)
    image = IMAGE | {"image_url": "http://127.0.0.1:1/a.png?X-Amz-Signature=SECRET"}
    assert post(slack, {"blocks": [image]}).status_code == 400
    assert "cannot be fetched" in caplog.text
    assert "SECRET" not in caplog.text


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"text=Done", b"invalid_payload"),
        (b"[1]", b"invalid_payload"),
        ({"text": 7}, b"invalid_payload"),
        ({}, b"no_text"),
        ({"text": "", "blocks": []}, b"no_text"),
        ({"blocks": {"type": "divider"}}, b"invalid_blocks"),
        ({"blocks": [{"type": "divider"}] * 51}, b"invalid_blocks"),
        ({"blocks": [{"type": "poem"}]}, b"invalid_blocks"),
        ({"blocks": [{"text": TEXT}]}, b"invalid_blocks"),
        ({"blocks": ["divider"]}, b"invalid_blocks"),
        ({"blocks": [{"type": "section"}]}, b"invalid_blocks"),
        ({"blocks": [{"type": "section", "text": "Done"}]}, b"invalid_blocks"),
        ({"blocks": [{"type": "section", "text": TEXT | {"text": "x" * 3001}}]}, b"invalid_blocks"),
        ({"blocks": [{"type": "section", "text": TEXT | {"text": ""}}]}, b"invalid_blocks"),
        ({"blocks": [{"type": "section", "text": TEXT | {"emoji": True}}]}, b"invalid_blocks"),
        ({"blocks": [{"type": "section", "fields": [TEXT] * 11}]}, b"invalid_blocks"),
        ({"blocks": [{"type": "header", "text": TEXT}]}, b"invalid_blocks"),
        ({"blocks": [{"type": "header", "text": PLAIN | {"text": "x" * 151}}]}, b"invalid_blocks"),
        ({"blocks": [{"type": "context", "elements": []}]}, b"invalid_blocks"),
        ({"blocks": [IMAGE | {"alt_text": ""}]}, b"invalid_blocks"),
        ({"blocks": [IMAGE | {"alt_text": "x" * 2001}]}, b"invalid_blocks"),
        ({"blocks": [IMAGE | {"image_url": f"http://a/{'x' * 3000}"}]}, b"invalid_blocks"),
        ({"blocks": [IMAGE | {"image_url": "file:///etc/hostname"}]}, b"invalid_blocks"),
        ({"blocks": [IMAGE | {"image_url": "http://["}]}, b"invalid_blocks"),
        ({"blocks": [IMAGE | {"title": TEXT}]}, b"invalid_blocks"),
        ({"blocks": [IMAGE | {"size": 3}]}, b"invalid_blocks"),
        ({"blocks": [IMAGE]}, b"invalid_blocks"),
        ({"blocks": [SECTION | {"block_id": "a"}] * 2}, b"invalid_blocks"),
        ({"blocks": [{"type": "section", "text": TEXT | {"text": "x" * 2900}}] * 5},
         b"msg_blocks_too_long"),
    ],
)  # fmt: skip
def test_what_slack_refuses(slack: Slack, body: Any, word: bytes) -> None:
    """A message that Slack would refuse gets Slack's word for it, and is not kept."""
    answer = post(slack, body)
    assert (answer.status_code, answer.get_data()) == (400, word)
    assert slack.messages() == []


def test_only_the_right_url_is_answered(slack: Slack) -> None:
    """Another webhook is not known, and another secret of this webhook is not valid."""
    url = (slack_folder(slack) / "slack-webhook").read_text()
    other_secret = url.removeprefix("http://127.0.0.1:4566").rpartition("/")[0] + "/guessed"
    for path, status, word in (
        ("/slack/services/T1/B1/x", 404, b"no_service"),
        (other_secret, 403, b"invalid_token"),
    ):
        answer = post(slack, {"text": "Done"}, path=path)
        assert (answer.status_code, answer.get_data()) == (status, word)
    assert post(slack, {}, method="GET").status_code == 400


def test_a_flood_is_held_back(slack: Slack) -> None:
    """After a burst, more than one message a second is refused with a time to wait."""
    answers = [post(slack, {"text": "Done"}) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert answers[-1].headers["Retry-After"] == "1"


def test_the_webhook_is_a_secret(embedded: Embedded) -> None:
    """The address is for its owner only, works over HTTP, and no log has it."""
    file = embedded.state / "slack-webhook"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    url = file.read_text()
    request = urllib.request.Request(url, data=b'{"text": "Over HTTP"}')  # noqa: S310
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        assert answer.read() == b"ok"
    with urllib.request.urlopen(f"{embedded.endpoint_url}/_embedded/slack") as answer:  # noqa: S310
        assert "Over HTTP" in {message["text"] for message in json.load(answer)}
    secret = url.rpartition("/")[2]
    assert secret not in (embedded.state / "embedded.log").read_text()
    assert secret not in (embedded.state / "embedded.json").read_text()
