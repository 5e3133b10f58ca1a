"""What a request of SageMaker's TensorFlow inference image asks: TensorFlow Serving's JSON.

The image's own front turns JSON lines, plain JSON and CSV into ``instances``. Sources: README of
github.com/aws/sagemaker-tensorflow-serving-container; TensorFlow Serving, "RESTful API".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

DEFAULT_SIGNATURE = "serving_default"
_JSON = {"application/json", "application/jsonlines", "application/jsons"}
_ATTRIBUTE = re.compile(r"(tfs-[a-z-]+)=([^,]+)")
_NUMBER = re.compile(r'\s*("|[-+.\dEe])')


class RequestError(Exception):
    """The request cannot be answered; the text is for the caller."""

    def __init__(self, reason: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        """Keep the HTTP status beside the reason."""
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class Target:
    """Which model is asked, by the custom attributes of a request; empty means the default."""

    model: str = ""
    version: str = ""

    @classmethod
    def read(cls, attributes: str) -> Target:
        """Read the header; raises RequestError for a method other than predict."""
        given = dict(_ATTRIBUTE.findall(attributes))
        method = given.get("tfs-method", "predict")
        if method != "predict":
            raise RequestError(f"tfs-method {method} is not there: this image predicts only")
        return cls(given.get("tfs-model-name", ""), given.get("tfs-model-version", ""))


@dataclass(frozen=True)
class Question:
    """What to predict; ``values`` has one instance a row, or whole columns when not by row."""

    values: Any
    by_row: bool
    signature: str = DEFAULT_SIGNATURE


def read(content_type: str, body: bytes) -> Question:
    """Read a request's body; raises RequestError."""
    try:
        text = body.decode()
    except UnicodeDecodeError as err:
        raise RequestError("the body is not UTF-8") from err
    if content_type in _JSON:
        return _of_json(text)
    if content_type == "text/csv":
        return Question(_of_csv(text), by_row=True)
    raise RequestError(
        f"Unsupported Media Type: {content_type or 'Unknown'}", HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    )


def _of_json(text: str) -> Question:
    try:
        document = json.loads(text)
    except ValueError as err:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2:  # noqa: PLR2004 - one line is no JSON lines
            raise RequestError(f"JSON Parse error: {err}") from err
        return Question([_parsed(line) for line in lines], by_row=True)
    if not isinstance(document, dict) or not document.keys() & {"instances", "inputs"}:
        if isinstance(document, dict) and document.keys() & {"examples", "signature_name"}:
            raise RequestError("Missing 'inputs' or 'instances' key")
        rows = document if _is_matrix(document) else [document]
        return Question(rows, by_row=True)
    if document.keys() >= {"instances", "inputs"}:
        raise RequestError("Not formatted correctly: both 'instances' and 'inputs' are given")
    signature = document.get("signature_name", DEFAULT_SIGNATURE)
    if not isinstance(signature, str):
        raise RequestError("'signature_name' must be a string")
    if "inputs" in document:
        return Question(document["inputs"], by_row=False, signature=signature)
    rows = document["instances"]
    if not isinstance(rows, list) or not rows:
        raise RequestError("'instances' must be a list with at least one element")
    return Question(rows, by_row=True, signature=signature)


def _of_csv(text: str) -> list[Any]:
    """Read a line as an instance: numbers, or texts when the body does not begin with a number."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise RequestError("'instances' must be a list with at least one element")
    if _NUMBER.match(lines[0]):
        return [_parsed(f"[{line}]" if "," in line else line) for line in lines]
    return [line.split(",") if "," in line else line for line in lines]


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as err:
        raise RequestError(f"JSON Parse error: {err}: {text[:80]!r}") from err


def _is_matrix(document: Any) -> bool:
    return isinstance(document, list) and bool(document) and isinstance(document[0], list)
