"""What the endpoint answers: SageMaker's two routes as a plain WSGI application."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from tensorflow_image import requests
from tensorflow_image.requests import RequestError, Target

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from tensorflow_image.models import Models

JSON = "application/json"
LARGEST_BODY = 6 * 1024 * 1024  # bytes
_log = logging.getLogger(__name__)


def make_application(models: Models) -> WSGIApplication:
    """Make the application that serves models: GET /ping and POST /invocations."""

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        status, kind = HTTPStatus.OK, JSON
        try:
            body = _answer(models, environ)
            kind = _kind(environ.get("HTTP_ACCEPT", ""))
        except RequestError as err:
            status, body = err.status, _error(str(err))
        except Exception:  # noqa: BLE001 - the caller gets no traceback
            _log.exception("request")
            status, body = HTTPStatus.INTERNAL_SERVER_ERROR, _error("internal error")
        headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
        start_response(f"{status.value} {status.phrase}", headers)
        return [body]

    return application


def _answer(models: Models, environ: WSGIEnvironment) -> bytes:
    match environ["PATH_INFO"], environ["REQUEST_METHOD"]:
        case "/ping", "GET":
            return b""  # the models were loaded before this application was made
        case "/invocations", "POST":
            target = Target.read(environ.get("HTTP_X_AMZN_SAGEMAKER_CUSTOM_ATTRIBUTES", ""))
            content_type = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
            question = requests.read(content_type, _body(environ))
            return json.dumps(models.find(target).predict(question)).encode()
        case "/ping" | "/invocations" as path, method:
            raise RequestError(f"{path} does not take {method}", HTTPStatus.METHOD_NOT_ALLOWED)
        case path, _:
            raise RequestError(f"there is no {path}", HTTPStatus.NOT_FOUND)


def _body(environ: WSGIEnvironment) -> bytes:
    body: bytes = environ["wsgi.input"].read(LARGEST_BODY + 1)
    if len(body) > LARGEST_BODY:
        while environ["wsgi.input"].read(LARGEST_BODY):
            pass  # a caller that is cut off in the middle of sending never reads the answer
        reason = f"the body is larger than {LARGEST_BODY} bytes"
        raise RequestError(reason, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return body


def _kind(accept: str) -> str:
    """Choose the answer's content type as the image does: what is asked for, if it is JSON."""
    asked = [each.strip() for each in accept.split(",")]
    return asked[0] if {JSON, "application/jsonlines"} & set(asked) else JSON


def _error(reason: str) -> bytes:
    return json.dumps({"error": " ".join(reason.split())}).encode()
