"""Answers in the form that AWS's protocols give them."""

import base64
import json
import secrets
from datetime import datetime
from typing import Any
from uuid import uuid4
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

from embedded_aws.errors import AwsError
from embedded_aws.operations import Protocol

_S3_ERROR = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    "<Error><Code>{code}</Code><Message>{message}</Message>"
    "<RequestId>{request_id}</RequestId></Error>"
)
_QUERY_ERROR = (
    "<ErrorResponse><Error><Type>{fault}</Type><Code>{code}</Code>"
    "<Message>{message}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
)
_SERVER_ERROR = 500


def error(problem: AwsError, protocol: Protocol) -> Response:
    """Give an error as the service's protocol would."""
    request_id = str(uuid4())
    if protocol in (Protocol.REST_XML, Protocol.QUERY):
        form = _S3_ERROR if protocol is Protocol.REST_XML else _QUERY_ERROR
        body = form.format(
            code=escape(problem.code),
            message=escape(problem.message),
            request_id=request_id,
            fault="Receiver" if problem.status >= _SERVER_ERROR else "Sender",
        )
        return Response(body, problem.status, {"x-amz-request-id": request_id}, "text/xml")
    answer = Response(
        json.dumps({"__type": problem.code, "message": problem.message or None}),
        problem.status,
        {"x-amzn-RequestId": request_id, "x-amzn-ErrorType": problem.code},
    )
    answer.mimetype = (
        "application/json" if protocol is Protocol.REST_JSON else "application/x-amz-json-1.1"
    )
    return answer


def json_1_1(result: dict[str, Any]) -> Response:
    """Give a result in AWS's JSON 1.1 protocol: timestamps are seconds since the epoch."""
    return Response(
        json.dumps(result, default=_json_value),
        headers={"x-amzn-RequestId": str(uuid4())},
        mimetype="application/x-amz-json-1.1",
    )


def plain_json(value: Any, status: int = 200) -> Response:
    """Give any JSON document."""
    return Response(json.dumps(value), status, mimetype="application/json")


def new_s3_request_id() -> str:
    """Make an id of the form that S3 uses: 16 upper-case letters and digits."""
    return base64.b32encode(secrets.token_bytes(10)).decode()


def _json_value(value: Any) -> float:
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"{type(value).__name__} has no form in JSON")
