import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from embedded_aws.errors import AwsError
from embedded_aws.functions import Functions, pool
from embedded_aws.settings import Settings

ECHO = "def lambda_handler(event, context): return event"
WHO = "import os\ndef lambda_handler(event, context): return os.getpid()"


def test_a_process_that_ends_while_it_is_idle(
    functions: Functions,
    deploy: Callable[..., str],
    eventually: Callable[..., Any],
    is_gone: Callable[[int], bool],
) -> None:
    """A process that is lost between invocations costs neither of them anything."""
    deploy(WHO)
    first = int(functions.invoke("under-test", b"{}").payload)
    os.kill(first, signal.SIGKILL)
    eventually(lambda: is_gone(first))
    second = functions.invoke("under-test", b"{}")
    assert second.function_error is None
    assert int(second.payload) != first


def test_one_invocation_at_a_time_per_environment(
    functions: Functions, deploy: Callable[..., str]
) -> None:
    """Concurrent invocations get environments of their own; afterwards the last used is reused."""
    source = (
        "import os, time\n"
        "def lambda_handler(event, context):\n"
        "    time.sleep(0.5)\n"
        "    return os.getpid()"
    )
    deploy(source)
    pids: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: pids.append(int(functions.invoke("under-test", b"{}").payload))
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(pids)) == 3
    last = int(functions.invoke("under-test", b"{}").payload)
    assert last in pids
    assert int(functions.invoke("under-test", b"{}").payload) == last


def test_reserved_concurrency(
    functions: Functions, deploy: Callable[..., str], aws: Callable[[str], Any], tmp_path: Path
) -> None:
    """Beyond its reserved concurrency a function is throttled; when one is done, no more."""
    marker = tmp_path / "started"
    source = (
        "import pathlib, time\n"
        "def lambda_handler(event, context):\n"
        f"    pathlib.Path({str(marker)!r}).touch()\n"
        "    time.sleep(event['seconds'])"
    )
    deploy(source)
    aws("lambda").put_function_concurrency(
        FunctionName="under-test", ReservedConcurrentExecutions=1
    )
    running = threading.Thread(target=functions.invoke, args=("under-test", b'{"seconds": 2}'))
    running.start()
    deadline = time.monotonic() + 20
    while not marker.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    with pytest.raises(AwsError) as throttled:
        functions.invoke("under-test", b'{"seconds": 0}')
    running.join()
    assert throttled.value.code == "TooManyRequestsException"
    assert throttled.value.status == 429
    assert "ReservedFunctionConcurrentInvocationLimitExceeded" in throttled.value.message
    assert functions.invoke("under-test", b'{"seconds": 0}').function_error is None


def test_the_accounts_concurrency(
    functions: Functions, deploy: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All functions together have a limit too."""
    monkeypatch.setattr(pool, "ACCOUNT_CONCURRENCY", 0)
    deploy(ECHO)
    with pytest.raises(AwsError, match="Reason: ConcurrentInvocationLimitExceeded"):
        functions.invoke("under-test", b"{}")


def test_a_changed_function_gets_a_new_environment(
    functions: Functions,
    deploy: Callable[..., str],
    aws: Callable[[str], Any],
    is_gone: Callable[[int], bool],
) -> None:
    """After an update no invocation meets the old configuration, and its process is gone."""
    deploy(WHO)
    old = int(functions.invoke("under-test", b"{}").payload)
    aws("lambda").update_function_configuration(FunctionName="under-test", MemorySize=256)
    assert int(functions.invoke("under-test", b"{}").payload) != old
    assert is_gone(old)


def test_unused_environments_are_ended(
    settings: Settings, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment that nobody used for minutes ends by itself."""
    monkeypatch.setattr(pool, "_REAP_SECONDS", 0.1)
    monkeypatch.setattr(pool, "_IDLE_SECONDS", 0.2)
    functions: Functions = request.getfixturevalue("functions")
    request.getfixturevalue("deploy")(WHO)
    pid = int(functions.invoke("under-test", b"{}").payload)
    eventually = request.getfixturevalue("eventually")
    is_gone = request.getfixturevalue("is_gone")
    eventually(lambda: is_gone(pid))
    eventually(lambda: not list((settings.state / "functions" / "environments").iterdir()))


def test_stop_ends_all_and_answers_who_waits(
    functions: Functions,
    deploy: Callable[..., str],
    eventually: Callable[..., Any],
    tmp_path: Path,
    is_gone: Callable[[int], bool],
) -> None:
    """Stopping kills functions at work; their callers get an answer at once."""
    source = (
        "import os, pathlib, time\n"
        "def lambda_handler(event, context):\n"
        f"    pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))\n"
        "    time.sleep(60)"
    )
    deploy(source, Timeout=90)
    answers: list[Any] = []
    caller = threading.Thread(target=lambda: answers.append(functions.invoke("under-test", b"{}")))
    caller.start()
    eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    functions.stop()
    caller.join(5)
    assert answers[0].function_error == "Unhandled"
    assert is_gone(int((tmp_path / "pid").read_text()))
