"""A function's log stream, as a file that people can read."""

import datetime as dt
import uuid
from pathlib import Path

_TAIL_BYTES = 4096  # what Lambda returns for LogType=Tail


class LogStream:
    """One environment's log: what its process prints, and the platform's own lines."""

    def __init__(self, logs: Path, function: str, version: str) -> None:
        """Make an empty stream in the function's log group, below the folder `logs`."""
        now = dt.datetime.now(dt.UTC)
        self.group = f"/aws/lambda/{function}"
        self.name = f"{now:%Y/%m/%d}/[{version}]{uuid.uuid4().hex}"
        self.path = logs / self.group.lstrip("/") / f"{self.name.replace('/', '-')}.log"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.touch()

    def write(self, line: str) -> None:
        """Append a line."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def end(self) -> int:
        """Where the next line will begin, in bytes."""
        return self.path.stat().st_size

    def since(self, start: int) -> str:
        """Return what was written since `start`."""
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read().decode("utf-8", errors="replace")

    def tail(self, start: int) -> str:
        """The last 4 KB of what was written since `start`."""
        with self.path.open("rb") as file:
            file.seek(max(start, self.end() - _TAIL_BYTES))
            return file.read().decode("utf-8", errors="replace")
