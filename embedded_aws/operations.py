"""Which service and operation a request calls, read as AWS's front ends read it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cache
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs
from wsgiref.types import WSGIEnvironment

import botocore.session
from botocore.exceptions import UnknownServiceError
from botocore.model import OperationModel, ServiceModel
from werkzeug.wrappers import Request

_QUERY_SERVICES = {"cloudformation", "iam", "sns", "sts"}
_FORM = "application/x-www-form-urlencoded"
# The services whose operations are told by method and path, and the models that say how.
_REST_SERVICES = {
    "lambda": "lambda",
    "s3": "s3",
    "sagemaker": "sagemaker-runtime",
    "scheduler": "scheduler",
}
# These share method and path with an operation that is the one meant.
_SHADOWS = {
    "GetBucketLifecycle",
    "GetBucketNotification",
    "ListDirectoryBuckets",
    "PutBucketLifecycle",
    "PutBucketNotification",
}
# Botocore's names of services, where the name in requests' signatures is another.
_MODELS = {
    "monitoring": ("cloudwatch",),
    "sagemaker": ("sagemaker", "sagemaker-runtime"),
    "states": ("stepfunctions",),
}
_PLACEHOLDER = re.compile(r"\{(\w+)(\+?)\}")


class Protocol(Enum):
    """How a service wants its requests and gives its answers."""

    JSON = "json"
    REST_JSON = "rest-json"
    REST_XML = "rest-xml"
    QUERY = "query"


@dataclass(frozen=True, eq=False)
class Call:
    """A call of an API: of which service and operation, and who signed it."""

    service: str
    operation: str | None
    protocol: Protocol
    caller: str  # an access key id; "" when it was not signed
    text: Callable[[], str]  # path and body


def call_of(environ: WSGIEnvironment) -> Call:
    """Read which call a request is; its body can still be read."""
    service = service_of(environ)
    return Call(
        service,
        operation_of(environ, service),
        protocol_of(service, environ),
        _credential(environ)[0],
        lambda: _text(environ),
    )


def service_of(environ: WSGIEnvironment) -> str:
    """Name the service that a request was signed for; S3 when it was not signed."""
    parts = _credential(environ)
    return parts[-2].lower() if len(parts) > 1 else "s3"


def signing_name(service: str) -> str:
    """Name a service as requests' signatures do; `service` is that or botocore's name."""
    names = (signing for signing, models in _MODELS.items() if service in models)
    return next(names, service)


def is_operation(service: str, operation: str) -> bool:
    """Say whether a service, by its name in signatures, has an operation."""
    try:
        models = [_model(name) for name in _MODELS.get(service, (service,))]
    except UnknownServiceError:
        return False
    return any(operation in model.operation_names for model in models)


def protocol_of(service: str, environ: WSGIEnvironment) -> Protocol:
    """Name the protocol of a request: for a service we do not know, from its looks."""
    if service == "s3":
        return Protocol.REST_XML
    if service in _QUERY_SERVICES or environ.get("CONTENT_TYPE", "").startswith(_FORM):
        return Protocol.QUERY
    return Protocol.JSON if "HTTP_X_AMZ_TARGET" in environ else Protocol.REST_JSON


def operation_of(environ: WSGIEnvironment, service: str) -> str | None:
    """Name the operation that a request calls, None when it cannot be told."""
    target: str = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return target.rpartition(".")[2]
    if protocol_of(service, environ) is Protocol.QUERY:
        return _form_action(environ)
    if service in _REST_SERVICES:
        return _rest_operation(environ, _REST_SERVICES[service])
    return None


def _credential(environ: WSGIEnvironment) -> list[str]:
    """Give the parts of a signature's scope: access key id, date, region, service, the end."""
    credential = re.search(r"Credential=([^,&\s]+)", environ.get("HTTP_AUTHORIZATION", ""))
    scope = credential[1] if credential else ""
    if not scope:
        query = parse_qs(environ.get("QUERY_STRING", ""))
        scope = query.get("X-Amz-Credential", [""])[0]
    return scope.split("/")


def _text(environ: WSGIEnvironment) -> str:
    body = Request(environ).get_data()
    environ["wsgi.input"] = BytesIO(body)
    return f"{environ['PATH_INFO']} {body.decode(errors='replace')}"


def _form_action(environ: WSGIEnvironment) -> str | None:
    form = environ.get("QUERY_STRING", "").encode()
    if environ["REQUEST_METHOD"] == "POST":
        form = environ["wsgi.input"].read()
        environ["wsgi.input"] = BytesIO(form)
    actions = parse_qs(form.decode(errors="replace")).get("Action")
    return actions[0] if actions else None


def _rest_operation(environ: WSGIEnvironment, model: str) -> str | None:
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    matches = [
        (route.weight, route.operation) for route in _routes(model) if route.matches(environ, query)
    ]
    return max(matches)[1] if matches else None


class _Route:
    """How a REST operation is told from the others: method, path, query and headers."""

    def __init__(self, model: OperationModel) -> None:
        path, _, query = model.http["requestUri"].partition("?")
        self.operation = model.name
        self._method = model.http["method"]
        self._path = re.compile(_path_pattern(path))
        self._query = parse_qs(query, keep_blank_values=True)
        self._headers: list[str] = []
        members: dict[str, Any] = model.input_shape.members if model.input_shape else {}
        for name in model.input_shape.required_members if model.input_shape else []:
            place = members[name].serialization
            if place.get("location") == "querystring":
                self._query.setdefault(place["name"], [])
            elif place.get("location") == "header":
                self._headers.append("HTTP_" + place["name"].upper().replace("-", "_"))
        placeholders = len(_PLACEHOLDER.findall(path))
        literals = len(path.split("/")) - placeholders
        self.weight = (literals, len(self._query) + len(self._headers), placeholders)

    def matches(self, environ: WSGIEnvironment, query: dict[str, list[str]]) -> bool:
        return (
            environ["REQUEST_METHOD"] == self._method
            and self._path.fullmatch(environ["PATH_INFO"]) is not None
            and all(
                name in query and (not values or not values[0] or query[name] == values)
                for name, values in self._query.items()
            )
            and all(header in environ for header in self._headers)
        )


def _path_pattern(path: str) -> str:
    parts = []
    position = 0
    for placeholder in _PLACEHOLDER.finditer(path):
        parts.append(re.escape(path[position : placeholder.start()]))
        parts.append(r"(?s:.+)" if placeholder[2] else "[^/]+")
        position = placeholder.end()
    parts.append(re.escape(path[position:].rstrip("/")))
    return "".join(parts) + "/?"  # with and without: clients differ


@cache
def _routes(service: str) -> list[_Route]:
    model = _model(service)
    operations = [model.operation_model(name) for name in model.operation_names]
    return [_Route(model) for model in operations if model.name not in _SHADOWS]


@cache
def _model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)
