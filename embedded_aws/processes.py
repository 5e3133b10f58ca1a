"""Child processes that never outlive the embedded AWS.

Each child leads a session of its own. The warden, a separate process, holds the list of sessions
and the reading end of a pipe to us: when we die, even by SIGKILL, it kills them.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from embedded_aws import warden
from embedded_aws.settings import Settings

# The child waits for a line on stdin, so that the warden knows it before its program starts:
# were we killed in between, `read` fails and nothing has run.
_GATE = 'read -r go && exec "$@" </dev/null'
_LIMITED_GATE = "ulimit -{what} {kib} && " + _GATE
_STOP_ALL_GRACE_SECONDS = 3.0


class Children:
    """Starts and stops child processes; thread safe."""

    def __init__(self, settings: Settings, at_end: Sequence[str] = ()) -> None:
        """Start the warden, which runs the command `at_end` when we are gone, however it came."""
        self._lock = threading.Lock()
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._stopped = False
        self._warden = subprocess.Popen(
            [sys.executable, "-I", "-S", warden.__file__, *at_end],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=settings.state,
            start_new_session=True,
        )

    def start(  # noqa: PLR0913 - the parts are what they are
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        output: Path | None = None,
        memory_bytes: int | None = None,
        data_bytes: int | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program in a session of its own, with `env` as its whole environment.

        Its output is appended to `output`, or dropped. On Linux, of each of its processes
        `memory_bytes` limits the address space, or `data_bytes` what it may write to: its data
        without mapped files and room that is only reserved. Other systems have no such limits.

        Raises FileNotFoundError when the program is not there, RuntimeError after `stop_all`.
        """
        if shutil.which(cwd / argv[0] if "/" in argv[0] else argv[0], path=env.get("PATH")) is None:
            raise FileNotFoundError(f"no program {argv[0]!r} in PATH {env.get('PATH')!r}")
        gate = _GATE
        for what, limit in (("v", memory_bytes), ("d", data_bytes)):
            if limit is not None and sys.platform == "linux":
                gate = _LIMITED_GATE.format(what=what, kib=limit // 1024)
        with contextlib.ExitStack() as files:
            sink = files.enter_context(output.open("ab")) if output else subprocess.DEVNULL
            with self._lock:
                if self._stopped:
                    raise RuntimeError("the embedded AWS is stopping")
                self._forget_ended()
                process = subprocess.Popen(
                    ["/bin/sh", "-c", gate, "sh", *argv],
                    stdin=subprocess.PIPE,
                    stdout=sink,
                    stderr=subprocess.STDOUT,
                    env=dict(env),
                    cwd=cwd,
                    start_new_session=True,
                )
                self._running[process.pid] = process
                self._tell_warden("+", process.pid)
        self._open_gate(process)
        return process

    def stop(self, process: subprocess.Popen[bytes], grace_seconds: float) -> int:
        """Stop a child and all that it started; return the child's return code.

        SIGTERM first, SIGKILL after `grace_seconds`. Also for a child that has ended by itself:
        what it left running is killed.
        """
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(grace_seconds)
        self.kill(process)
        return process.wait()

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """Kill a child and all that it started, without a warning."""
        with self._lock:
            if process.pid in self._running:
                self._kill_and_forget(process)

    def stop_all(self) -> None:
        """Stop every child and the warden; no child can be started afterwards."""
        with self._lock:
            self._stopped = True
            running = list(self._running.values())
        for process in running:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_ALL_GRACE_SECONDS
        for process in running:
            self.stop(process, max(0.0, deadline - time.monotonic()))
        if self._warden.stdin:
            self._warden.stdin.close()
        self._warden.wait()

    def _open_gate(self, process: subprocess.Popen[bytes]) -> None:
        # A child that was killed already has closed its end.
        with contextlib.suppress(BrokenPipeError):
            if process.stdin:
                process.stdin.write(b"go\n")
                process.stdin.close()

    def _forget_ended(self) -> None:
        for process in [p for p in self._running.values() if p.poll() is not None]:
            self._kill_and_forget(process)

    def _kill_and_forget(self, process: subprocess.Popen[bytes]) -> None:
        warden.signal_session(process.pid, signal.SIGKILL)
        process.wait()
        del self._running[process.pid]
        self._tell_warden("-", process.pid)

    def _tell_warden(self, sign: str, session: int) -> None:
        if self._warden.stdin:
            self._warden.stdin.write(f"{sign}{session}\n".encode())
            self._warden.stdin.flush()
