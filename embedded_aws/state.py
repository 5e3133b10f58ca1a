"""The state folder: who holds it, what of it is kept, and where others find us."""

import fcntl
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from embedded_aws import engine
from embedded_aws.settings import Settings

# What a run leaves for people, and what is costly to make again.
_KEPT = {"images", "logs"}
_LOCK = "embedded.lock"
_RECORD = "embedded.json"


class StateError(Exception):
    """The folder cannot be used; the message says why."""


def take(state: Path) -> IO[str]:
    """Take the folder for this process and empty it, except for images and logs.

    The folder is ours for as long as the returned file is open: a killed process holds nothing.
    """
    state.mkdir(parents=True, exist_ok=True)
    lock = state / _LOCK
    if not lock.exists() and any(entry.name not in _KEPT for entry in state.iterdir()):
        raise StateError(f"{state} holds files of something else; give an empty folder")
    held = lock.open("a")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as err:
        held.close()
        raise StateError(f"another embedded AWS holds {state}: {_holder(state)}") from err
    # Containers of one that was killed may still write here.
    engine.remove_all(state)
    for entry in state.iterdir():
        if entry.name in _KEPT or entry.name == _LOCK:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    return held


def announce(settings: Settings) -> None:
    """Write `embedded.json`, in one step, for those who look for us."""
    record = {
        "pid": os.getpid(),
        "port": settings.port,
        "endpoint_url": settings.endpoint_url,
        "started_at": datetime.now(UTC).isoformat(),
    }
    draft = settings.state / f".{_RECORD}"
    draft.write_text(json.dumps(record))
    draft.replace(settings.state / _RECORD)


def withdraw(settings: Settings) -> None:
    """Remove `embedded.json`."""
    (settings.state / _RECORD).unlink(missing_ok=True)


def _holder(state: Path) -> str:
    try:
        record = json.loads((state / _RECORD).read_text())
    except (OSError, ValueError):
        return "it is starting or stopping"
    return f"process {record['pid']} at {record['endpoint_url']}"
