"""A program that outlives the embedded AWS by a moment and kills what it left running.

It reads lines from stdin, "+<session>" and "-<session>". When stdin ends, the embedded AWS is
gone, even if it was killed: every session still listed is killed, and the command is run that is
in the arguments, if there is one. Standard library only, so that it starts in milliseconds and
stays small.
"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path


def signal_session(session: int, number: int) -> None:
    """Send a signal to every process of a session; a session that is gone is no error.

    A process may leave its group (PySpark's daemon does) but stays in its session, which only
    Linux's /proc shows; elsewhere the group has to do.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(session, number)
    for pid in _members(session):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(pid) != session:
                os.kill(pid, number)


def _members(session: int) -> list[int]:
    members = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.getsid(int(entry.name)) == session:
                members.append(int(entry.name))
    return members


def main() -> None:
    """Follow stdin to its end, kill the sessions that are still listed, and run the command."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sessions: set[int] = set()
    for line in sys.stdin:
        session = int(line[1:])
        if line.startswith("+"):
            sessions.add(session)
        else:
            sessions.discard(session)
    for session in sessions:
        signal_session(session, signal.SIGKILL)
    if sys.argv[1:]:
        subprocess.run(sys.argv[1:], check=False)


if __name__ == "__main__":
    main()
