"""SageMaker's two routes over HTTP: an ASGI application around one function, and its server.

`containers/onnx` and `containers/xgboost` hold the same file: an image is built from its own folder
alone, and a test sees to it that the two stay one.
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

from __future__ import annotations

import asyncio
import logging
import os
import pwd
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

import uvicorn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from uvicorn._types import (
        ASGI3Application,
        ASGIReceiveCallable,
        ASGISendCallable,
        HTTPScope,
        Scope,
    )

CONTAINER_BASE = "/opt/ml"
TEXT = "text/plain"
LARGEST_BODY = 6 * 1024 * 1024  # bytes
_AT_ONCE = 64 * 1024  # bytes; a larger body is answered beside the loop, so that pings get through

logger = logging.getLogger(__name__)


class RequestError(Exception):
    """The request cannot be answered; the text is one sentence for the caller."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        """Keep the HTTP status beside the reason."""
        super().__init__(reason)
        self.status = status


class SettingError(ValueError):
    """An environment variable has a value that cannot be used."""


class Answer(Protocol):
    """What answers an invocation."""

    def __call__(self, kind: str, body: bytes, accept: str) -> tuple[str, bytes]:
        """Return the answer's media type and body, or raise `RequestError`.

        Args:
            kind: the body's media type, in lower case, without parameters; "" without one.
            body: what was sent.
            accept: the Accept header, in lower case; "" without one.
        """


def make_application(answer: Answer) -> ASGI3Application:
    """Make the application that serves `answer`: GET /ping and POST /invocations."""

    async def application(
        scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        if scope["type"] != "http":
            raise ValueError(scope["type"])
        status = HTTPStatus.OK
        try:
            kind, body = await _route(answer, scope, receive)
        except RequestError as error:
            status, kind = error.status, TEXT
            body = f"{error}\n".encode() if str(error) else b""
        except Exception:
            logger.exception("an invocation failed")
            status, kind = HTTPStatus.INTERNAL_SERVER_ERROR, TEXT
            body = b"the container failed; its log says why\n"
        length = str(len(body)).encode()
        await send(
            {
                "type": "http.response.start",
                "status": status.value,
                "headers": [(b"content-type", kind.encode()), (b"content-length", length)],
                "trailers": False,
            }
        )
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return application


async def _route(
    answer: Answer, scope: HTTPScope, receive: ASGIReceiveCallable
) -> tuple[str, bytes]:
    match scope["path"], scope["method"]:
        case "/invocations", "POST":
            body = await _read(receive)
            headers = dict(scope["headers"])
            kind = headers.get(b"content-type", b"").decode("latin-1")
            kind = kind.partition(";")[0].strip().lower()
            accept = headers.get(b"accept", b"").decode("latin-1").strip().lower()
            if len(body) <= _AT_ONCE:
                return answer(kind, body, accept)
            return await asyncio.to_thread(answer, kind, body, accept)
        case "/ping", "GET":
            return TEXT, b""  # the model was loaded before this application was made
        case "/ping" | "/invocations" as path, method:
            raise RequestError(HTTPStatus.METHOD_NOT_ALLOWED, f"{path} does not take {method}")
        case path, _:
            raise RequestError(HTTPStatus.NOT_FOUND, f"there is no {path}")


async def _read(receive: ASGIReceiveCallable) -> bytes:
    """Read a body to its end: a caller that is cut off while sending never reads the answer."""
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":  # the caller has gone
            break
        size += len(message["body"])
        if size <= LARGEST_BODY:
            parts.append(message["body"])
        more = message["more_body"]
    if size > LARGEST_BODY:
        raise RequestError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {LARGEST_BODY} bytes"
        )
    return b"".join(parts)


def serve(application: ASGI3Application, environ: Mapping[str, str]) -> None:
    """Serve until SIGTERM, which lets requests in progress finish.

    Raises:
        SettingError: a variable that the README of this folder lists cannot be used.
    """
    options = server_options(environ)
    _become(environ.get("SERVE_USER"))
    logger.info("serving on port %d", options["port"])
    uvicorn.run(application, **options)


def server_options(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return uvicorn's settings for the container's variables; raises `SettingError`."""
    relocated = environ.get("SAGEMAKER_BASE_DIR", CONTAINER_BASE) != CONTAINER_BASE
    port = environ.get("SAGEMAKER_BIND_TO_PORT", "8080")
    if not (port.isascii() and port.isdigit()) or not 1 <= int(port) <= 65535:  # noqa: PLR2004
        raise SettingError(
            f"SAGEMAKER_BIND_TO_PORT is {port!r}; it must be a whole number of 1 to 65535"
        )
    return {
        # In a container its own network decides who gets in; elsewhere only this machine does.
        "host": environ.get("BIND_ADDRESS", "127.0.0.1" if relocated else "0.0.0.0"),  # noqa: S104
        "port": int(port),
        "http": "httptools",
        "loop": "uvloop",
        "ws": "none",
        "lifespan": "off",
        "access_log": False,
        "log_level": "warning",
        "server_header": False,
        "date_header": False,
        "backlog": 2048,
        "timeout_keep_alive": 75,  # longer than callers keep connections: they close first
        "timeout_graceful_shutdown": 30,
    }


def _become(user: str | None) -> None:
    """Give up root: SageMaker starts containers as root, and answering takes no such rights."""
    if user is None or os.geteuid() != 0:
        return
    try:
        entry = pwd.getpwnam(user)
    except KeyError as error:
        raise SettingError(f"SERVE_USER is {user!r}; there is no such user") from error
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
