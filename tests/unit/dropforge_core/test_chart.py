import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, NoCredentialsError
from dropforge_core.chart import chart_link
from dropforge_core.clients import Clients

from tests.unit.dropforge_core.news import RUN

KEY = f"runs/{RUN}/evaluate/chart.png"
PICTURE = b"\x89PNG\r\n\x1a\n..."


def a_session() -> boto3.session.Session:
    """A session as a function has it: with credentials that are for a while."""
    return boto3.session.Session("AKID", "SECRET", "TOKEN", region_name="eu-west-1")


class Bucket:
    """A web server that has what it is told to have, and answers all else as it is told."""

    def __init__(self) -> None:
        """Listen on a free port of loopback."""
        self.otherwise = 404
        self.has: set[str] = set()
        bucket = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                found = urlsplit(self.path).path in bucket.has
                self.send_response(200 if found else bucket.otherwise)
                self.send_header("Content-Length", str(len(PICTURE) if found else 0))
                self.end_headers()

            def do_GET(self) -> None:
                self.do_HEAD()
                self.wfile.write(PICTURE)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/artifacts"


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    """An empty bucket."""
    made = Bucket()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join(5)


def test_the_link_gives_the_chart_for_an_hour(bucket: Bucket) -> None:
    """Anyone may get it, by version 4 of the signature, as KMS wants it."""
    bucket.has = {f"/artifacts/{KEY}"}
    link = chart_link(Clients(a_session()), bucket.url, RUN)
    assert link is not None
    with urllib.request.urlopen(link) as answer:  # noqa: S310
        assert answer.read() == PICTURE
    query = parse_qs(urlsplit(link).query)
    assert query["X-Amz-Expires"] == ["3600"]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]


@pytest.mark.parametrize("status", [403, 404, 500])
def test_there_is_no_link_to_nothing(bucket: Bucket, status: int) -> None:
    """A chart that is missing, or that we may not see, is none."""
    bucket.otherwise = status
    assert chart_link(Clients(a_session()), bucket.url, RUN) is None


def test_a_bucket_that_does_not_answer_is_an_error(bucket: Bucket) -> None:
    """Whoever asks decides."""
    bucket.server.server_close()
    with pytest.raises(BotoCoreError):
        chart_link(Clients(a_session()), "http://127.0.0.1:1/artifacts", RUN)


def test_without_credentials_nobody_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of AWS's own kind."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(NoCredentialsError):
        Clients(boto3.session.Session(region_name="eu-west-1")).presigned("GET", "https://a/b", 1)


def test_the_signature_is_that_of_the_s3_client() -> None:
    """The same link as S3's own client signs, which we do without for its slow start."""
    session = a_session()
    config = Config(
        signature_version="s3v4",
        response_checksum_validation="when_required",
        # Else boto3 signs for the global host, which redirects a new bucket's requests elsewhere.
        s3={"addressing_style": "virtual"},
    )
    s3 = session.client("s3", config=config)
    for _ in range(5):
        theirs = s3.generate_presigned_url("get_object", {"Bucket": "artifacts", "Key": KEY}, 3600)
        address = f"https://artifacts.s3.eu-west-1.amazonaws.com/{KEY}"
        ours = Clients(session).presigned("GET", address, 3600)
        dates = [parse_qs(urlsplit(link).query)["X-Amz-Date"] for link in (theirs, ours)]
        if dates[0] == dates[1]:
            break
        time.sleep(0.1)  # the second has changed in between
    assert urlsplit(ours)[:3] == urlsplit(theirs)[:3]
    assert parse_qs(urlsplit(ours).query) == parse_qs(urlsplit(theirs).query)
