"""The embedded AWS as a process: find it, start it, stop it, ask it."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from dropforge.errors import CommandError, InputError, UnreachableError

# -P: whatever lies in the working directory is not to be imported.
_COMMAND = (sys.executable, "-P", "-m", "embedded_aws")
_RECORD = "embedded.json"
_ANSWER_SECONDS = 5.0
_START_SECONDS = 30.0
_STOP_SECONDS = 12.0
_KILL_SECONDS = 5.0
_LOOK_SECONDS = 0.05
_TAIL_LINES = 15
# The user's own proxy is for the internet.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Embedded:
    """An embedded AWS that runs."""

    pid: int
    endpoint_url: str
    region: str
    runtime: str
    container_url: str | None = None


def find(state: Path) -> Embedded | None:
    """Find the embedded AWS of a state folder, or None when none answers there."""
    record = _record(state)
    if record is None:
        return None
    try:
        status = ask(record["endpoint_url"], "/_embedded/status")
    except UnreachableError:
        return None
    if status.get("pid") != record["pid"]:
        # Its port is someone else's by now.
        return None
    return Embedded(
        record["pid"],
        record["endpoint_url"],
        status["region"],
        status["runtime"],
        status["container_url"],
    )


def ask(endpoint_url: str, path: str, *, method: str = "GET", document: Any = None) -> Any:
    """Ask the embedded AWS for one of its own documents, or give it one.

    Raises:
        InputError: it refuses the document.
        UnreachableError: it does not answer, or not with JSON.
    """
    body = None if method == "GET" else json.dumps(document).encode()
    request = urllib.request.Request(f"{endpoint_url}{path}", body, method=method)  # noqa: S310
    try:
        with _DIRECT.open(request, timeout=_ANSWER_SECONDS) as answer:
            return json.load(answer)
    except (OSError, ValueError) as err:
        if isinstance(err, HTTPError) and err.code == HTTPStatus.BAD_REQUEST:
            raise InputError(f"{json.load(err)['message']}.") from err
        raise UnreachableError(f"The embedded AWS at {endpoint_url} does not answer.") from err


def start(state: Path, runtime: str) -> Embedded:
    """Start the embedded AWS in the background, in a session of its own, and wait until it is up.

    Its jobs and endpoints run in `runtime`, "process" or "docker".

    Raises:
        CommandError: it ended, or was not up in time; the message ends with what it said last.
    """
    state.parent.mkdir(parents=True, exist_ok=True)
    said = said_at_start(state)
    with said.open("wb") as output:
        process = subprocess.Popen(
            [*_COMMAND, "--state", str(state), "--runtime", runtime],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_environment(),
            start_new_session=True,
        )
    try:
        found = _wait_until_up(state, process)
    except BaseException:
        # Interrupted: nobody knows of it yet, so nobody else would stop it.
        _end(process.pid, lambda: process.poll() is None)
        raise
    if found:
        return found
    ended = process.poll()
    if ended is None:
        _end(process.pid, lambda: process.poll() is None)
    how = f"was not up after {_START_SECONDS:.0f} s" if ended is None else f"ended ({ended})"
    last = f"{_tail(said)} {_tail(state / 'embedded.log')}".strip() or "it said nothing"
    raise CommandError(f"The embedded AWS {how}; see {said}; its last words: {last}")


def said_at_start(state: Path) -> Path:
    """Return the file for what the process says outside of its log; the state folder is its own."""
    return state.with_name(f"{state.name}.out")


def stop(state: Path) -> int | None:
    """Stop the embedded AWS of a state folder; return its pid, or None when none was running.

    Raises:
        CommandError: it survived SIGKILL.
    """
    record = _record(state)
    if record is None or not _held(state):
        return None
    pid: int = record["pid"]
    # The lock tells, not the pid: that stays until the process's parent has looked at its end,
    # which the first process of a container may never do.
    _end(pid, lambda: _held(state))
    if _held(state):
        raise CommandError(f"The embedded AWS (process {pid}) cannot be stopped: end it yourself.")
    (state / _RECORD).unlink(missing_ok=True)
    return pid


@contextlib.contextmanager
def only_one(state: Path) -> Iterator[None]:
    """Let one command at a time start or stop the embedded AWS of a state folder."""
    state.parent.mkdir(parents=True, exist_ok=True)
    with state.with_name(f"{state.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _record(state: Path) -> dict[str, Any] | None:
    try:
        record = json.loads((state / _RECORD).read_text())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def _held(state: Path) -> bool:
    """Say whether the process that wrote the record lives: it locks a file while it does."""
    try:
        with (state / "embedded.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _end(pid: int, lives: Callable[[], bool]) -> None:
    for number, patience in ((signal.SIGTERM, _STOP_SECONDS), (signal.SIGKILL, _KILL_SECONDS)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + patience
        while lives() and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        if not lives():
            return


def _wait_until_up(state: Path, process: subprocess.Popen[bytes]) -> Embedded | None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        record = _record(state)
        if record and record["pid"] == process.pid and (found := find(state)):
            return found
        time.sleep(_LOOK_SECONDS)
    return None


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


def _tail(path: Path) -> str:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return " | ".join(line.strip() for line in lines[-_TAIL_LINES:] if line.strip())
