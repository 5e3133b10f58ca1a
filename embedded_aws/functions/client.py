"""A runtime interface client in plain Python, where AWS's own is not installed (macOS).

It runs inside the execution environment as a program of its own: `python client.py HANDLER`. It
imports nothing of ours, since a function must not see us. It does what `awslambdaric` does:
import the handler, then ask for invocations and answer each with its result or its error.
"""

import http.client
import importlib
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

_API = "/2018-06-01/runtime"

type Handler = Callable[[Any, "LambdaContext"], Any]


class RuntimeFault(Exception):  # noqa: N818
    """An error of the runtime, rather than of the function: `kind` is its errorType."""

    def __init__(self, kind: str, message: str, stack: list[str] | None = None) -> None:
        """Keep what the error document needs."""
        super().__init__(message)
        self.kind = kind
        self.stack = stack or []


class CognitoIdentity:
    """Empty: nobody calls us from a mobile application."""

    cognito_identity_id = None
    cognito_identity_pool_id = None


class LambdaContext:
    """What a handler gets as its second argument."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        """Take the invocation's part from the headers of `next`."""
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.client_context = None
        self.identity = CognitoIdentity()
        self._deadline_ms = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function's timeout."""
        return max(0, self._deadline_ms - int(time.time() * 1000))


class RequestIdFilter(logging.Filter):
    """Gives every log record the current request id."""

    request_id = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        record.aws_request_id = self.request_id
        return True


def load(handler: str) -> Handler:
    """The handler's function, as `module.function` or `folder/module.function` names it."""
    module_name, dot, name = handler.rpartition(".")
    if not dot:
        raise RuntimeFault(
            "Runtime.MalformedHandlerName",
            f"Bad handler '{handler}': not enough values to unpack (expected 2, got 1)",
        )
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as err:
        raise RuntimeFault(
            "Runtime.ImportModuleError", f"Unable to import module '{module_name}': {err}"
        ) from err
    except SyntaxError as err:
        stack = [f'  File "{err.filename}" Line {err.lineno}\n    {err.text}']
        raise RuntimeFault(
            "Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {err}", stack
        ) from err
    try:
        function: Handler = getattr(module, name)
    except AttributeError as err:
        raise RuntimeFault(
            "Runtime.HandlerNotFound", f"Handler '{name}' missing on module '{module_name}'"
        ) from err
    return function


def error_document(error: Exception, request_id: str = "") -> bytes:
    """What Lambda answers for an error, and a line of the log that tells it."""
    if isinstance(error, RuntimeFault):
        kind, stack = error.kind, error.stack
    else:
        frames = traceback.extract_tb(error.__traceback__)
        kind = type(error).__name__
        stack = traceback.format_list([f for f in frames if f.filename != __file__])
    print(f"[ERROR] {kind}: {error}\nTraceback (most recent call last):", flush=True)  # noqa: T201
    print("".join(stack), flush=True)  # noqa: T201
    document = {
        "errorMessage": str(error),
        "errorType": kind,
        "requestId": request_id,
        "stackTrace": stack,
    }
    return json.dumps(document).encode()


def call(handler: Handler, body: bytes, context: LambdaContext) -> bytes:
    """One invocation: from JSON to JSON."""
    try:
        event = json.loads(body)
    except ValueError as err:
        message = f"Unable to unmarshal input: {err}"
        raise RuntimeFault("Runtime.UnmarshalError", message) from err
    result = handler(event, context)
    if isinstance(result, bytes):
        return result
    try:
        return json.dumps(result, ensure_ascii=False, default=_number).encode()
    except (TypeError, ValueError) as err:
        message = f"Unable to marshal response: {err}"
        raise RuntimeFault("Runtime.MarshalError", message) from err


def _number(value: object) -> float | int:
    # json has no hook for raw text, so a Decimal passes through a float here.
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


class Api:
    """The Runtime API, over one connection that stays open."""

    def __init__(self) -> None:
        """Read the address from the environment."""
        self._connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])

    def next(self) -> tuple[bytes, dict[str, str]]:
        """Wait for an invocation: its payload and its headers."""
        self._connection.request("GET", f"{_API}/invocation/next")
        response = self._connection.getresponse()
        return response.read(), dict(response.getheaders())

    def post(self, path: str, body: bytes) -> None:
        """Answer an invocation, or report that there is no handler."""
        self._connection.request("POST", _API + path, body)
        response = self._connection.getresponse()
        response.read()
        if response.status != http.client.ACCEPTED:
            raise RuntimeError(f"the Runtime API answered {response.status} to {path}")


def run(handler_name: str) -> None:
    """Serve invocations until the process is killed."""
    request_ids = RequestIdFilter()
    log = logging.StreamHandler(sys.stdout)
    log.addFilter(request_ids)
    pattern = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
    log.setFormatter(logging.Formatter(pattern, "%Y-%m-%dT%H:%M:%S"))
    logging.Formatter.converter = time.gmtime
    logging.getLogger().addHandler(log)
    api = Api()
    try:
        handler = load(handler_name)
    except Exception as err:  # noqa: BLE001
        api.post("/init/error", error_document(err))
        sys.exit(1)
    while True:
        body, headers = api.next()
        context = LambdaContext(headers)
        request_ids.request_id = context.aws_request_id
        os.environ["_X_AMZN_TRACE_ID"] = headers["Lambda-Runtime-Trace-Id"]
        answer = f"/invocation/{context.aws_request_id}"
        try:
            result = call(handler, body, context)
        except Exception as err:  # noqa: BLE001
            api.post(f"{answer}/error", error_document(err, context.aws_request_id))
        else:
            sys.stdout.flush()
            api.post(f"{answer}/response", result)


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    run(sys.argv[1])
