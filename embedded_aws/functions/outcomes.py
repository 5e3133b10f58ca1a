"""How an invocation ended, in the words of Lambda's answers."""

import json
import signal
from dataclasses import dataclass

# Lambda quotas, "Function configuration, deployment, and execution". A response may be 100 bytes
# longer than a request; asynchronous requests had 256 KB until October 2025.
MAX_REQUEST_BYTES = 6 * 1024 * 1024
MAX_RESPONSE_BYTES = MAX_REQUEST_BYTES + 100
MAX_ASYNC_REQUEST_BYTES = 1024 * 1024

# The names of Go, in which Lambda's platform is written.
_SIGNALS = {
    signal.SIGABRT: "aborted",
    signal.SIGBUS: "bus error",
    signal.SIGILL: "illegal instruction",
    signal.SIGINT: "interrupt",
    signal.SIGKILL: "killed",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGTERM: "terminated",
}


@dataclass(frozen=True)
class Outcome:
    """The answer's payload; `error` names the kind of function error, if it is one."""

    payload: bytes
    error: str | None = None


def reported(body: bytes) -> Outcome:
    """A function error as the runtime reported it."""
    try:
        kind = json.loads(body)["errorType"]
    except (ValueError, TypeError, KeyError):
        kind = "Runtime.Unknown"
    return Outcome(body, str(kind))


def timed_out(request_id: str, seconds: int) -> Outcome:
    """The function took longer than its Timeout."""
    return _failure(
        "Sandbox.Timedout",
        f"RequestId: {request_id} Error: Task timed out after {seconds}.00 seconds",
    )


def exited(request_id: str, code: int) -> Outcome:
    """The process ended in the middle; `code` is negative for a signal."""
    if code == 0:
        reason = "Runtime exited without providing a reason"
    elif code > 0:
        reason = f"Runtime exited with error: exit status {code}"
    else:
        name = _SIGNALS.get(signal.Signals(-code), f"signal {-code}")
        reason = f"Runtime exited with error: signal: {name}"
    return _failure("Runtime.ExitError", f"RequestId: {request_id} Error: {reason}")


def response_too_large() -> Outcome:
    """The function's result is more than Lambda carries."""
    return _failure(
        "Function.ResponseSizeTooLarge",
        "Response payload size exceeded maximum allowed payload size "
        f"({MAX_RESPONSE_BYTES} bytes).",
    )


def _failure(kind: str, message: str) -> Outcome:
    return Outcome(json.dumps({"errorType": kind, "errorMessage": message}).encode(), kind)
