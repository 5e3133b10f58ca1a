import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from dropforge import embedded
from dropforge.errors import CommandError

# Stands for an embedded AWS: takes the lock, tells its pid, and ends at SIGTERM or never.
STUBBORN = """
import fcntl, json, os, pathlib, signal, sys, time
state = pathlib.Path(sys.argv[1])
lock = (state / "embedded.lock").open("a")
fcntl.flock(lock, fcntl.LOCK_EX)
if sys.argv[2] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
record = {"pid": os.getpid(), "endpoint_url": "http://127.0.0.1:9"}
(state / "embedded.json").write_text(json.dumps(record))
time.sleep(60)
"""

# Starts one and, like many a container's first process, never looks at its end.
CARELESS = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", *sys.argv[1:]])
time.sleep(60)
"""


def started(state: Path, how: str, *, by: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
    """Start a stand-in, perhaps by another program, and wait until it has told its pid."""
    process = subprocess.Popen([sys.executable, "-c", *by, STUBBORN, str(state), how])
    deadline = time.monotonic() + 20
    while not (state / "embedded.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


STATUS = {"region": "us-east-1", "runtime": "process", "container_url": None}


class Status(BaseHTTPRequestHandler):
    """Answers as the embedded AWS does, with the pid of this process."""

    def do_GET(self) -> None:
        """Answer."""
        body = json.dumps(STATUS | {"pid": os.getpid()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.fixture
def url() -> Iterator[str]:
    """The address of something that answers like an embedded AWS."""
    with HTTPServer(("127.0.0.1", 0), Status) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_it_is_found_when_it_answers_with_its_own_pid(tmp_path: Path, url: str) -> None:
    """A record whose port belongs to someone else by now finds nothing."""
    assert embedded.find(tmp_path) is None
    record = tmp_path / "embedded.json"
    record.write_text(json.dumps({"pid": os.getpid(), "endpoint_url": url}))
    found = embedded.find(tmp_path)
    assert found == embedded.Embedded(os.getpid(), url, "us-east-1", "process")
    record.write_text(json.dumps({"pid": 1, "endpoint_url": url}))
    assert embedded.find(tmp_path) is None
    record.write_text(json.dumps({"pid": 1, "endpoint_url": "http://127.0.0.1:9"}))
    assert embedded.find(tmp_path) is None
    record.write_text("half a rec")
    assert embedded.find(tmp_path) is None


@pytest.mark.parametrize("how", ["willing", "stubborn"])
def test_it_is_stopped_willing_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """SIGKILL follows when SIGTERM does not help; its record goes with it."""
    monkeypatch.setattr(embedded, "_STOP_SECONDS", 0.3)
    process = started(tmp_path, how)
    assert embedded.stop(tmp_path) == process.pid
    assert not (tmp_path / "embedded.json").exists()
    assert process.wait(10) is not None


def test_one_whose_end_nobody_looks_at_is_stopped_too(tmp_path: Path) -> None:
    """Its pid stays as a zombie; that it let go of the lock counts."""
    with started(tmp_path, "willing", by=(CARELESS,)) as parent:
        began = time.monotonic()
        pid = embedded.stop(tmp_path)
        assert time.monotonic() - began < 10
        assert pid != parent.pid
        os.kill(pid or 0, 0)
        parent.kill()


def test_a_stale_record_stops_nobody(tmp_path: Path) -> None:
    """The pid in it may be another program's by now; only the lock's holder is ever stopped."""
    with subprocess.Popen(["/bin/sleep", "60"]) as other:
        (tmp_path / "embedded.lock").touch()
        (tmp_path / "embedded.json").write_text(
            json.dumps({"pid": other.pid, "endpoint_url": "http://127.0.0.1:9"})
        )
        assert embedded.stop(tmp_path) is None
        assert other.poll() is None
        other.kill()


def test_one_that_cannot_start_says_why(tmp_path: Path) -> None:
    """Its last words are in the message; here its folder holds someone's files."""
    state = tmp_path / "state"
    state.mkdir()
    (state / "diary.txt").write_text("mine")
    with pytest.raises(CommandError, match="holds files of something else"):
        embedded.start(state, "process")
    assert (state / "diary.txt").read_text() == "mine"


def test_one_command_at_a_time_starts_or_stops(tmp_path: Path) -> None:
    """The second waits for the first."""
    state = tmp_path / "state"
    with (
        embedded.only_one(state),
        (tmp_path / "state.lock").open("w") as other,
        pytest.raises(BlockingIOError),
    ):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with (tmp_path / "state.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
