import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from embedded_aws.functions import Functions, environment

both_clients = pytest.mark.parametrize("functions", ["awslambdaric", "plain"], indirect=True)

ECHO = "def lambda_handler(event, context): return event"


@both_clients
def test_an_exception_of_the_handler(functions: Functions, deploy: Callable[..., str]) -> None:
    """A function error carries the exception's class, its message and the handler's own frames."""
    source = (
        "class EndpointBusyError(Exception): pass\n"
        "def lambda_handler(event, context):\n"
        "    raise EndpointBusyError('try later')"
    )
    deploy(source)
    invocation = functions.invoke("under-test", b"{}")
    error = json.loads(invocation.payload)
    assert invocation.function_error == "Unhandled"
    assert error["errorType"] == "EndpointBusyError"
    assert error["errorMessage"] == "try later"
    assert len(error["stackTrace"]) == 1
    assert "raise EndpointBusyError" in error["stackTrace"][0]
    assert "[ERROR] EndpointBusyError: try later" in invocation.log_tail


@both_clients
def test_a_result_that_is_no_json(functions: Functions, deploy: Callable[..., str]) -> None:
    """A result that JSON cannot hold is the runtime's MarshalError."""
    deploy("def lambda_handler(event, context): return {1, 2}")
    invocation = functions.invoke("under-test", b"{}")
    assert json.loads(invocation.payload)["errorType"] == "Runtime.MarshalError"
    assert invocation.function_error == "Unhandled"


@both_clients
@pytest.mark.parametrize(
    ("source", "handler", "kind", "message"),
    [
        ("import nothing_like_that", "app.lambda_handler", "Runtime.ImportModuleError", "nothing_"),
        (ECHO, "elsewhere.lambda_handler", "Runtime.ImportModuleError", "elsewhere"),
        (ECHO, "app.missing", "Runtime.HandlerNotFound", "'missing' missing on module 'app'"),
        (ECHO, "app", "Runtime.MalformedHandlerName", "Bad handler 'app'"),
        ("def (", "app.lambda_handler", "Runtime.UserCodeSyntaxError", "Syntax error"),
        ("1 / 0", "app.lambda_handler", "ZeroDivisionError", "division by zero"),
    ],
)
def test_code_that_cannot_be_loaded(  # noqa: PLR0913, PLR0917
    functions: Functions,
    deploy: Callable[..., str],
    source: str,
    handler: str,
    kind: str,
    message: str,
) -> None:
    """What fails at import is answered with the runtime's own error types."""
    deploy(source, Handler=handler)
    invocation = functions.invoke("under-test", b"{}")
    error = json.loads(invocation.payload)
    assert invocation.function_error == "Unhandled"
    assert error["errorType"] == kind
    assert message in error["errorMessage"]


@both_clients
def test_a_timeout_kills_the_process_and_the_next_invocation_works(
    functions: Functions, deploy: Callable[..., str], is_gone: Callable[[int], bool]
) -> None:
    """At its timeout a function is killed, and answered as Lambda does; it is cold again after."""
    source = (
        "import os, time\n"
        "def lambda_handler(event, context):\n"
        "    time.sleep(event['seconds'])\n"
        "    return os.getpid()"
    )
    deploy(source, Timeout=1)
    first = int(functions.invoke("under-test", b'{"seconds": 0}').payload)

    began = time.monotonic()
    timed_out = functions.invoke("under-test", b'{"seconds": 30}')

    assert 0.9 < time.monotonic() - began < 15
    assert timed_out.function_error == "Unhandled"
    error = json.loads(timed_out.payload)
    assert error["errorType"] == "Sandbox.Timedout"
    pattern = r"RequestId: [0-9a-f-]{36} Error: Task timed out after 1.00 seconds"
    assert re.fullmatch(pattern, error["errorMessage"])
    assert "Task timed out after 1.00 seconds" in timed_out.log_tail
    assert "Status: timeout" in timed_out.log_tail
    assert is_gone(first)
    assert int(functions.invoke("under-test", b'{"seconds": 0}').payload) != first


@both_clients
@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("sys.exit(3)", "Runtime exited with error: exit status 3"),
        ("os._exit(0)", "Runtime exited without providing a reason"),
        ("os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
        ("os.abort()", "Runtime exited with error: signal: aborted"),
    ],
)
def test_a_process_that_ends(
    functions: Functions, deploy: Callable[..., str], statement: str, reason: str
) -> None:
    """A process that ends in the middle is Runtime.ExitError, and a new one takes its place."""
    source = f"import os, sys\ndef lambda_handler(event, context):\n    {statement}\n"
    deploy(source)
    for _ in range(2):
        invocation = functions.invoke("under-test", b"{}")
        error = json.loads(invocation.payload)
        assert invocation.function_error == "Unhandled"
        assert error["errorType"] == "Runtime.ExitError"
        assert error["errorMessage"].endswith(f"Error: {reason}")


def test_an_exit_at_import_is_tried_once_more(
    functions: Functions, deploy: Callable[..., str], tmp_path: Path
) -> None:
    """An initialisation that fails is repeated within the first invocation, as on Lambda."""
    source = (
        "import pathlib, sys\n"
        f"marker = pathlib.Path({str(tmp_path / 'marker')!r})\n"
        "if not marker.exists():\n"
        "    marker.touch()\n"
        "    sys.exit(1)\n" + ECHO
    )
    deploy(source)
    invocation = functions.invoke("under-test", b"[1]")
    assert invocation.payload == b"[1]"
    assert "Phase: init\tStatus: error" in invocation.log_tail


def test_a_slow_import_counts_against_the_timeout_after_the_init_phase(
    functions: Functions, deploy: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Import has 10 seconds; when they are over, once more the function's own timeout."""
    monkeypatch.setattr(environment, "_INIT_SECONDS", 0.5)
    deploy("import time\ntime.sleep(1.0)\n" + ECHO, "slow", Timeout=3)
    deploy("import time\ntime.sleep(30)\n" + ECHO, "stuck", Timeout=1)
    slow = functions.invoke("slow", b"[1]")
    assert slow.payload == b"[1]"
    assert "Phase: init\tStatus: timeout" in slow.log_tail
    stuck = functions.invoke("stuck", b"[1]")
    assert json.loads(stuck.payload)["errorType"] == "Sandbox.Timedout"


@pytest.mark.skipif(sys.platform != "linux", reason="no other system limits the address space")
def test_the_memory_limit(functions: Functions, deploy: Callable[..., str]) -> None:
    """A function that takes far more memory than it has ends as Lambda ends it."""
    deploy("def lambda_handler(event, context): return len(bytearray(3 << 30))")
    error = json.loads(functions.invoke("under-test", b"{}").payload)
    assert error["errorType"] == "Runtime.ExitError"
    assert "signal: killed" in error["errorMessage"]


@both_clients
def test_a_response_over_the_limit(functions: Functions, deploy: Callable[..., str]) -> None:
    """A result of more than 6 MB and 100 bytes is a function error; the next one is unharmed."""
    deploy("def lambda_handler(event, context): return 'x' * event")
    limit = 6 * 1024 * 1024 + 100
    assert functions.invoke("under-test", str(limit - 2).encode()).function_error is None
    too_large = functions.invoke("under-test", str(limit - 1).encode())
    assert too_large.function_error == "Unhandled"
    assert json.loads(too_large.payload)["errorType"] == "Function.ResponseSizeTooLarge"
    # AWS's client exits when its answer is refused: that must not end up in the next invocation.
    assert functions.invoke("under-test", b"3").payload == b'"xxx"'
