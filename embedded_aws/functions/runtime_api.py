"""Lambda's Runtime API, served for one execution environment on a loopback port of its own.

It follows AWS's "Using the Lambda runtime API for custom runtimes" (version 2018-06-01). AWS's
emulator, which ships inside aws-sam-cli, speaks it too; we serve it ourselves because then
timeouts, function errors and dying processes are known exactly (the emulator answers a timeout as
plain text and a function error like a success), overlapping invocations cannot crash it, and each
function keeps its own name.
"""

import contextlib
import json
import re
import socket
import socketserver
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from queue import SimpleQueue
from typing import Any, cast

from embedded_aws.functions.outcomes import (
    MAX_RESPONSE_BYTES,
    Outcome,
    reported,
    response_too_large,
)

_PATH = re.compile(r"/2018-06-01/runtime/(?:invocation/(?P<id>[^/]+)/)?(?P<what>[a-z/]+)")


@dataclass(frozen=True)
class Work:
    """One invocation, as `next` gives it to the runtime."""

    request_id: str
    payload: bytes
    deadline_ms: int
    function_arn: str
    trace_id: str


@dataclass(frozen=True)
class Ready:
    """The runtime asks for its next invocation."""


@dataclass(frozen=True)
class Answered:
    """The runtime has answered the invocation, with a result or a function error."""

    outcome: Outcome


@dataclass(frozen=True)
class InitFailed:
    """The runtime could not make the handler ready."""

    outcome: Outcome


@dataclass(frozen=True)
class Exited:
    """The process has ended; a negative code is the signal that ended it."""

    code: int


@dataclass(frozen=True)
class TimedOut:
    """Nothing happened in time."""


type Event = Ready | Answered | InitFailed | Exited | TimedOut


class RuntimeApi:
    """What one runtime process talks to. All that it says arrives in `events`, in order."""

    def __init__(self) -> None:
        """Listen on a free loopback port."""
        self.events: SimpleQueue[Event] = SimpleQueue()
        self.work: SimpleQueue[Work | None] = SimpleQueue()
        self.current: Work | None = None
        self._closed = False
        self._server = _Server(self)
        threading.Thread(target=self._serve, name="lambda-runtime-api", daemon=True).start()

    @property
    def address(self) -> str:
        """Value for AWS_LAMBDA_RUNTIME_API."""
        return "{}:{}".format(*self._server.server_address)

    def close(self) -> None:
        """Stop listening, and let go a `next` that still waits; a second call does nothing."""
        self._closed = True
        self.work.put(None)
        # The accepting thread waits without a timeout, so that idle environments cost nothing:
        # a connection wakes it, unless it has seen the end by itself.
        address = cast("tuple[str, int]", self._server.server_address)
        with contextlib.suppress(OSError), socket.create_connection(address):
            pass

    def _serve(self) -> None:
        with self._server:
            while not self._closed:
                self._server.handle_request()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, api: RuntimeApi) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api = api

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: the process at the other end was killed in the middle of a request."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave together

    @property
    def _api(self) -> RuntimeApi:
        return cast("_Server", self.server).api

    def do_GET(self) -> None:
        if self.path != "/2018-06-01/runtime/invocation/next":
            self._refuse(404, "UnknownPath", f"{self.path} is not supported here")
            return
        self._api.current = None
        self._api.events.put(Ready())
        work = self._api.work.get()
        if work is None:
            self.close_connection = True
            return
        self._api.current = work
        headers = {
            "Lambda-Runtime-Aws-Request-Id": work.request_id,
            "Lambda-Runtime-Deadline-Ms": str(work.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": work.function_arn,
            "Lambda-Runtime-Trace-Id": work.trace_id,
        }
        self._send(200, work.payload, headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        match = _PATH.fullmatch(self.path)
        what = match["what"] if match else ""
        if what == "init/error":
            self._api.events.put(InitFailed(reported(body)))
            self._accept()
        elif match is None or what not in {"response", "error"}:
            self._refuse(404, "UnknownPath", f"{self.path} is not supported here")
        elif self._api.current is None or match["id"] != self._api.current.request_id:
            self._refuse(400, "InvalidRequestID", "Invalid request ID")
        elif len(body) > MAX_RESPONSE_BYTES:
            self._api.events.put(Answered(response_too_large()))
            self._refuse(413, "RequestEntityTooLarge", "Exceeded maximum allowed payload size")
        else:
            outcome = Outcome(body) if what == "response" else reported(body)
            self._api.events.put(Answered(outcome))
            self._accept()

    def _accept(self) -> None:
        self._send(202, b'{"status":"OK"}', {})

    def _refuse(self, status: int, kind: str, message: str) -> None:
        body = json.dumps({"errorType": kind, "errorMessage": message}).encode()
        self._send(status, body, {})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: the function's log tells what happened."""
