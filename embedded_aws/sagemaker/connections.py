"""Kept connections to one HTTP server on this machine, for calls that must cost next to nothing.

A request to an endpoint passes each of its containers, so what a call costs beside the container's
own work counts: urllib3 takes a quarter of a millisecond of it, this a tenth. It speaks what
serving containers do: HTTP/1.1 or 1.0, bodies with a length, in chunks, or up to the end.
"""

import socket
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

_CONNECT_SECONDS = 5.0
_LONGEST_LINE = 65_536
_MOST_HEADERS = 200
_MOST_KEPT = 64
_NO_CONTENT = (204, 304)
_CONTINUE = range(100, 200)


class NoAnswerError(Exception):
    """There was no answer in time."""


class UnreachableError(Exception):
    """The server cannot be reached, went away while it answered, or speaks no HTTP."""


class Reply(NamedTuple):
    """An answer; `headers` have names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _StaleError(Exception):
    """A kept connection was closed at its other end before anything of an answer came."""


@dataclass
class _Connection:
    socket: socket.socket
    reader: BinaryIO
    is_new: bool = True

    def close(self) -> None:
        self.reader.close()
        self.socket.close()


class Connections:
    """Calls to one server; thread safe, and each connection is one caller's at a time."""

    def __init__(self, host: str, port: int) -> None:
        """Connect with the first call."""
        self.address = (host, port)
        self._host = f"{host}:{port}"
        self._lock = threading.Lock()
        self._idle: list[_Connection] = []
        self._is_closed = False

    def call(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, seconds: float
    ) -> Reply:
        """Make a call; `seconds` are for each wait, not for all of it.

        Raises UnreachableError, NoAnswerError, or ValueError for a header that is none.
        """
        request = _request(method, path, {"Host": self._host, **headers}, body)
        while True:
            connection = self._take()
            try:
                reply, is_kept = _exchange(connection, request, seconds)
            except _StaleError:
                # The request was never read, so it can be sent once more.
                connection.close()
                continue
            except TimeoutError as err:
                connection.close()
                raise NoAnswerError from err
            except (OSError, ValueError) as err:
                connection.close()
                raise UnreachableError(str(err)) from err
            except BaseException:
                connection.close()
                raise
            if is_kept:
                self._keep(connection)
            else:
                connection.close()
            return reply

    def close(self) -> None:
        """Close what is idle; a call that is under way closes its own."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> _Connection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        try:
            connected = socket.create_connection(self.address, _CONNECT_SECONDS)
        except OSError as err:
            raise UnreachableError(str(err)) from err
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return _Connection(connected, connected.makefile("rb"))

    def _keep(self, connection: _Connection) -> None:
        connection.is_new = False
        with self._lock:
            if not self._is_closed and len(self._idle) < _MOST_KEPT:
                self._idle.append(connection)
                return
        connection.close()


def _request(method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"{method} {path} HTTP/1.1"]
    for name, value in headers.items():
        if "\r" in value or "\n" in value:
            raise ValueError(f"the header {name} has more than one line")
        lines.append(f"{name}: {value}")
    lines.append(f"Content-Length: {len(body)}\r\n\r\n")
    return "\r\n".join(lines).encode("latin-1") + body


def _exchange(connection: _Connection, request: bytes, seconds: float) -> tuple[Reply, bool]:
    """Send a request and read its answer; tell whether the connection can be used again."""
    connection.socket.settimeout(seconds)
    is_sent, line = True, b""
    try:
        connection.socket.sendall(request)
    except ConnectionError:
        is_sent = False  # it may have refused the request before all of it was there
    with suppress(ConnectionError):
        line = connection.reader.readline(_LONGEST_LINE)
    if not line:
        if connection.is_new:
            raise ConnectionResetError("the connection was closed without an answer")
        raise _StaleError
    version, status = _status(line)
    headers = _headers(connection.reader)
    while status in _CONTINUE:
        version, status = _status(connection.reader.readline(_LONGEST_LINE))
        headers = _headers(connection.reader)
    wish = headers.get("connection", "keep-alive" if version == b"HTTP/1.1" else "close").lower()
    is_kept = is_sent and wish != "close"
    if status in _NO_CONTENT:
        body = b""
    elif "chunked" in headers.get("transfer-encoding", "").lower():
        body = b"".join(_chunks(connection.reader))
    elif "content-length" in headers:
        body = _exactly(connection.reader, int(headers["content-length"]))
    else:
        body, is_kept = connection.reader.read(), False
    return Reply(status, headers, body), is_kept


def _status(line: bytes) -> tuple[bytes, int]:
    parts = line.split(None, 2)
    if len(parts) < 2 or not parts[0].startswith(b"HTTP/1."):  # noqa: PLR2004
        raise ValueError(f"no status line: {line[:80]!r}")
    return parts[0], int(parts[1])


def _headers(reader: BinaryIO) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(_MOST_HEADERS):
        line = reader.readline(_LONGEST_LINE)
        if line in {b"\r\n", b"\n"}:
            return headers
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon:
            raise ValueError(f"no header: {line[:80]!r}")
        headers[name.strip().lower()] = value.strip()
    raise ValueError(f"more than {_MOST_HEADERS} headers")


def _chunks(reader: BinaryIO) -> Iterable[bytes]:
    while size := int(reader.readline(_LONGEST_LINE).partition(b";")[0], 16):
        yield _exactly(reader, size)
        reader.readline(_LONGEST_LINE)
    _headers(reader)  # trailers


def _exactly(reader: BinaryIO, size: int) -> bytes:
    body = reader.read(size)
    if len(body) < size:
        raise ConnectionResetError(f"the connection was closed after {len(body)} of {size} bytes")
    return body
