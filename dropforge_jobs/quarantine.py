"""Data that a run could not use, laid down with the reason beside it, for people to look at.

The folder goes to `quarantine/<pipeline>/<run_id>/` of the data bucket:

* `quarantine.json`: the index, with the true key of each object that the run could not use, or not
  all of;
* `<name>.rejected.csv`: the bad rows of an object: line, reason, and the row;
* `<name>` and `<name>.reason.json`: an object that is refused whole, its bytes as they came.

A key may hold anything, so files are named by a hash of it and what is harmless of its last part.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TextIO

    from dropforge_jobs.lines import Line

INDEX = "quarantine.json"
_HARMLESS = re.compile(r"[^A-Za-z0-9._-]+")
_NAME_CHARACTERS = 80


def file_name(key: str) -> str:
    """Return a name for an object's files: no two keys have the same, and it is only a name."""
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{digest}-{_HARMLESS.sub('_', key.rpartition('/')[2])[-_NAME_CHARACTERS:]}"


class RejectedRows:
    """Writes the bad rows of one object; without any, there is no file."""

    def __init__(self, folder: Path, key: str) -> None:
        """Begin with no row."""
        self.path = folder / f"{file_name(key)}.rejected.csv"
        self._file: Optional[TextIO] = None

    def add(self, line: Line, reason: str) -> None:
        """Write a row, as text, beside its line and the reason."""
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8", newline="")
            csv.writer(self._file).writerow(["line", "reason", "row"])
        csv.writer(self._file).writerow([line.number, reason, line.shown])

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()


def keep_object(folder: Path, key: str, path: Path, report: dict[str, Any]) -> list[str]:
    """Keep an object's bytes with a report of what is wrong; return the names of both files."""
    folder.mkdir(parents=True, exist_ok=True)
    name = file_name(key)
    shutil.copyfile(path, folder / name)
    _write_json(folder / f"{name}.reason.json", report)
    return [name, f"{name}.reason.json"]


def write_index(folder: Path, entries: list[dict[str, Any]]) -> None:
    """Say what is in quarantine, and of which objects; nothing when nothing is."""
    if entries:
        folder.mkdir(parents=True, exist_ok=True)  # another machine may hold all the rest
        _write_json(folder / INDEX, {"objects": entries})


def _write_json(path: Path, document: dict[str, Any]) -> None:
    text = json.dumps(document, indent=2, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
