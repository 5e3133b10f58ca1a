"""What the endpoint answers: a plain WSGI application with SageMaker's two routes.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

from __future__ import annotations

import csv
import io
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, NoReturn

from iris_image.rows import RowError, check_rows, feature_rows

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from iris_image.model import Tree

CSV = "text/csv"
JSON = "application/json"
LARGEST_BODY = 6 * 1024 * 1024  # bytes


class RequestError(Exception):
    """The request cannot be answered; the text is one sentence for the caller."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        """Keep the HTTP status beside the reason."""
        super().__init__(reason)
        self.status = status


def make_application(tree: Tree) -> WSGIApplication:
    """Make the application that serves `tree`: GET /ping and POST /invocations."""

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        status = HTTPStatus.OK
        try:
            kind, text = _answer(tree, environ)
        except RequestError as error:
            status, kind, text = error.status, "text/plain", f"{error}\n"
        body = text.encode()
        headers = [("Content-Type", f"{kind}; charset=utf-8"), ("Content-Length", str(len(body)))]
        start_response(f"{status.value} {status.phrase}", headers)
        return [body]

    return application


def _answer(tree: Tree, environ: WSGIEnvironment) -> tuple[str, str]:
    """Return the kind and the text of the answer, or raise `RequestError`."""
    match environ["PATH_INFO"], environ["REQUEST_METHOD"]:
        case "/ping", "GET":
            return "text/plain", ""  # the model was loaded before this application was made
        case "/invocations", "POST":
            return _invoke(tree, environ)
        case "/ping" | "/invocations" as path, method:
            raise RequestError(HTTPStatus.METHOD_NOT_ALLOWED, f"{path} does not take {method}")
        case path, _:
            raise RequestError(HTTPStatus.NOT_FOUND, f"there is no {path}")


def _invoke(tree: Tree, environ: WSGIEnvironment) -> tuple[str, str]:
    kind = _media_type(environ.get("CONTENT_TYPE", ""))
    if kind not in {CSV, JSON}:
        raise RequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the body must be {CSV} or {JSON}, not {kind!r}"
        )
    wanted = _wanted(environ.get("HTTP_ACCEPT", ""), default=kind)
    body = _body(environ)
    try:
        text = body.decode("utf-8-sig")
        rows = _json_rows(text, tree) if kind == JSON else _csv_rows(text, tree)
    except RowError as error:
        raise RequestError(HTTPStatus.BAD_REQUEST, str(error)) from error
    except UnicodeDecodeError as error:
        raise RequestError(HTTPStatus.BAD_REQUEST, "the body is not UTF-8") from error
    labels = tree.predict(rows)
    return wanted, json.dumps({"predictions": labels}) if wanted == JSON else _csv_lines(labels)


def _body(environ: WSGIEnvironment) -> bytes:
    """Read the body, whether its length was announced or not."""
    body: bytes = environ["wsgi.input"].read(LARGEST_BODY + 1)
    if len(body) > LARGEST_BODY:
        while environ["wsgi.input"].read(LARGEST_BODY):
            pass  # a caller that is cut off in the middle of sending never reads the answer
        raise RequestError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {LARGEST_BODY} bytes"
        )
    return body


def _media_type(header: str) -> str:
    return header.partition(";")[0].strip().lower()


def _wanted(accept: str, *, default: str) -> str:
    """Choose the kind of the answer: the first acceptable one, the request's own if any will do."""
    kinds = {CSV: CSV, "text/*": CSV, JSON: JSON, "application/*": JSON, "*/*": default}
    asked = [_media_type(each) for each in accept.split(",") if each.strip()] or ["*/*"]
    for kind in asked:
        if kind in kinds:
            return kinds[kind]
    raise RequestError(HTTPStatus.NOT_ACCEPTABLE, f"the answer can be {CSV} or {JSON}")


def _csv_rows(text: str, tree: Tree) -> list[list[float]]:
    return feature_rows(text.strip().splitlines(), tree.features)


def _json_rows(text: str, tree: Tree) -> list[list[float]]:
    try:
        document = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise RowError(f"the body is no JSON: {error}") from error
    if isinstance(document, dict):
        if "instances" not in document:
            raise RowError('the JSON has no "instances"')
        document = document["instances"]
    return check_rows(document, tree.features)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _csv_lines(labels: list[str]) -> str:
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows([label] for label in labels)
    return lines.getvalue()
