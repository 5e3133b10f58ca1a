"""Calls to serving containers: kept connections, and everything that can end one."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from embedded_aws.sagemaker.connections import (
    Connections,
    NoAnswerError,
    Reply,
    UnreachableError,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: 2\r\n\r\nhi"

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\nh\r\n1\r\ni\r\n0\r\n\r\n"


class Server:
    """Plays one script of answers after the other, a connection each; None closes it."""

    def __init__(self, scripts: list[list[bytes | None]]) -> None:
        """Listen."""
        self._scripts = scripts
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.requests: list[bytes] = []
        self.connections = 0
        self.go_on = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self.go_on.set()
        with suppress(OSError):  # closed before
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        for script in self._scripts:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                for answer in script:
                    if answer is None:
                        break
                    if answer == b"wait":
                        self.go_on.wait(20)
                        break
                    self.requests.append(connection.recv(1 << 20))
                    connection.sendall(answer)


@pytest.fixture
def serve() -> Iterator[Callable[..., tuple[Server, Connections]]]:
    """Give a server that plays scripts, and connections to it."""
    made: list[tuple[Server, Connections]] = []

    def make(*scripts: list[bytes | None]) -> tuple[Server, Connections]:
        server = Server(list(scripts))
        made.append((server, Connections("127.0.0.1", server.port)))
        return made[-1]

    yield make
    for server, connections in made:
        connections.close()
        server.close()


def ask(connections: Connections, seconds: float = 10.0) -> Reply:
    """Make a call."""
    return connections.call("POST", "/invocations", {"Content-Type": "text/csv"}, b"1,2", seconds)


def test_a_connection_is_kept(serve: Callable[..., tuple[Server, Connections]]) -> None:
    """One for as many calls as follow each other; the request is whole and names its length."""
    server, connections = serve([OK, OK, OK])
    for _ in range(3):
        reply = ask(connections)
        assert (reply.status, reply.headers["content-type"], reply.body) == (200, "text/csv", b"hi")
    assert server.connections == 1
    assert (
        server.requests[0]
        == (
            f"POST /invocations HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
            "Content-Type: text/csv\r\nContent-Length: 3\r\n\r\n1,2"
        ).encode()
    )


@pytest.mark.parametrize(
    ("answer", "body", "is_kept"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, b"hi", True),
        (CHUNKED, b"hi", True),
        (OK.replace(b"Content-Type", b"Connection: close\r\nContent-Type"), b"hi", False),
        (OK.replace(b"HTTP/1.1", b"HTTP/1.0"), b"hi", False),
    ],
    ids=["empty", "continue", "chunked", "close", "old"],
)
def test_how_an_answer_can_come(
    serve: Callable[..., tuple[Server, Connections]],
    answer: bytes,
    body: bytes,
    is_kept: bool,  # noqa: FBT001
) -> None:
    """With a length, in chunks, without a body; and whether the connection is kept after it."""
    server, connections = serve([answer, OK], [OK])
    assert ask(connections).body == body
    if not is_kept:
        assert ask(connections).body == b"hi"
    assert server.connections == (1 if is_kept else 2)


def test_an_answer_up_to_the_end(serve: Callable[..., tuple[Server, Connections]]) -> None:
    """Without a length, the body ends where the connection does."""
    _, connections = serve([b"HTTP/1.1 200 OK\r\n\r\nhi", None])
    assert ask(connections).body == b"hi"


def test_a_kept_connection_that_was_closed_is_replaced(
    serve: Callable[..., tuple[Server, Connections]],
) -> None:
    """The server may close it at any time between two calls; the second call does not notice."""
    server, connections = serve([OK, None], [OK])
    assert [ask(connections).body, ask(connections).body] == [b"hi", b"hi"]
    assert server.connections == 2


@pytest.mark.parametrize(
    "script",
    [
        [None],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", None],
        [b"no HTTP at all\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nno header\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 300],
    ],
    ids=["closed", "cut", "no-http", "no-header", "no-number", "headers"],
)
def test_who_speaks_no_http_is_not_reached(
    serve: Callable[..., tuple[Server, Connections]], script: list[bytes | None]
) -> None:
    """Half an answer is none, and is never asked for twice."""
    server, connections = serve(script)
    with pytest.raises(UnreachableError):
        ask(connections)
    assert server.connections == 1


def test_a_late_answer(serve: Callable[..., tuple[Server, Connections]]) -> None:
    """The caller waits no longer than it said."""
    _, connections = serve([b"wait"])
    with pytest.raises(NoAnswerError):
        ask(connections, 0.1)


def test_nobody_listens(serve: Callable[..., tuple[Server, Connections]]) -> None:
    """A container that has died."""
    server, connections = serve()
    server.close()
    with pytest.raises(UnreachableError):
        ask(connections)


def test_a_header_cannot_become_two(serve: Callable[..., tuple[Server, Connections]]) -> None:
    """What a client sends as an attribute is no way into the request."""
    server, connections = serve([OK])
    with pytest.raises(ValueError, match="more than one line"):
        connections.call("POST", "/invocations", {"X-A": "1\r\nX-B: 2"}, b"", 1.0)
    assert server.requests == []
