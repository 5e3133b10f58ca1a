"""The HTTP server: werkzeug's, with connections that stay open between requests.

Requests that are many and must be fast can take a shortcut past WSGI; see `Shortcut`.
"""

import io
import re
import socket
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import ThreadedWSGIServer
from werkzeug.wrappers import Response
from werkzeug.wsgi import LimitedStream

# Told a request's head, as it came, gives what answers its body; None: it is for the application.
# The head is in the buffer whole, its body has a length, and the client awaits no "100 Continue".
type Shortcut = Callable[[bytes], Callable[[bytes], Response] | None]

_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_NOT_PLAIN = re.compile(rb"\r\n(transfer-encoding|expect|connection: *close)", re.IGNORECASE)
_BODILESS = ("1", "204", "304")
_IDLE_CONNECTION_SECONDS = 120


class KeepAliveHandler(MotoRequestHandler):  # type: ignore[misc]
    """Werkzeug closes each connection after one answer; boto3's clients would rather reuse it.

    Answers are sent whole, with their length. Requests are not logged: their paths hold secrets
    (a Slack webhook, a presigned URL).
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _IDLE_CONNECTION_SECONDS

    def handle_one_request(self) -> None:
        """Answer one request, by the shortcut if it is one for that."""
        try:
            head, found, _ = self.rfile.peek().partition(_HEAD_END)
            answer = self.server.shortcut(head + found) if found else None
            length = _LENGTH.search(head + found) if answer else None
            if answer is None or length is None or _NOT_PLAIN.search(head):
                super().handle_one_request()
                return
            self.rfile.read(len(head) + len(found))
            response = answer(self.rfile.read(int(length[1])))
            self._send(response.status, response.headers, response.get_data())
            self.close_connection = False
        except OSError:
            # The client has gone, or has been silent for too long.
            self.close_connection = True

    def make_environ(self) -> WSGIEnvironment:
        """Let no one read beyond the request's body, into the next request."""
        environ: WSGIEnvironment = super().make_environ()
        if not environ.get("wsgi.input_terminated"):
            length = int(environ.get("CONTENT_LENGTH") or 0)
            environ["wsgi.input"] = LimitedStream(self.rfile, length) if length else io.BytesIO()
        return environ

    def run_wsgi(self) -> None:
        """Answer one request."""
        if self.headers.get("Expect", "").strip().lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        environ = self.environ = self.make_environ()
        body = environ["wsgi.input"]
        try:
            status, headers, answer = _answer(self.server.app, environ)
            bodiless = self.command == "HEAD" or status.startswith(_BODILESS)
            self._send(status, headers, None if bodiless else answer)
            while body.read(1 << 20):
                pass
        except OSError:
            # The client has gone; there is nobody to tell.
            self.close_connection = True

    def handle_expect_100(self) -> bool:
        """Leave "100 Continue" to `run_wsgi`."""
        return True

    def log_request(self, *_: Any) -> None:
        """Log no request."""

    def _send(self, status: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> None:
        """Send an answer in one piece, as botocore takes one that is cut off for an empty one."""
        told = [(name, value) for name, value in headers if name.lower() != "connection"]
        if body is not None and not any(name.lower() == "content-length" for name, _ in told):
            told.append(("Content-Length", str(len(body))))
        lines = [f"{self.protocol_version} {status}", f"Date: {self.date_time_string()}"]
        lines += [f"{name}: {value}" for name, value in told]
        self.wfile.write("\r\n".join([*lines, "\r\n"]).encode("latin-1") + (body or b""))


def _answer(
    app: WSGIApplication, environ: WSGIEnvironment
) -> tuple[str, list[tuple[str, str]], bytes]:
    started: list[tuple[str, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
        started.append((status, headers))
        return written.append

    chunks: Iterable[bytes] = app(environ, _typed(start_response))
    try:
        body = b"".join([*written, *chunks])
    finally:
        if hasattr(chunks, "close"):
            chunks.close()
    status, headers = started[-1]
    return status, headers, body


def _typed(start_response: Any) -> StartResponse:
    return start_response  # type: ignore[no-any-return]


class KeepAliveServer(ThreadedWSGIServer):
    """Werkzeug's server, which knows a shortcut."""

    shortcut: Shortcut


def make_server(
    listener: socket.socket, app: WSGIApplication, shortcut: Shortcut = lambda _: None
) -> KeepAliveServer:
    """Make a server on a socket that listens already; one thread a connection."""
    host, port = listener.getsockname()
    server = KeepAliveServer(host, port, app, handler=KeepAliveHandler, fd=listener.fileno())
    server.shortcut = shortcut
    return server
