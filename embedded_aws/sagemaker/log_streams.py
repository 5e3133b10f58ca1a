"""What programs write into their log files, put into CloudWatch Logs as it comes.

Streams are named as SageMaker's. Source: developer guide, "Log groups and streams that Amazon
SageMaker AI logs".
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_LOOK_SECONDS = 0.5
_LONGEST_MESSAGE = 256 * 1024  # bytes of an event, PutLogEvents
_MOST_BYTES = 1024 * 1024  # that are read at a time

# Group, stream, messages.
type Put = Callable[[str, str, Sequence[str]], None]


@dataclass
class _Followed:
    path: Path
    group: str
    stream: str
    read: int = 0


class LogStreams:
    """Follows files while their programs run; thread safe, and one thread for all."""

    def __init__(self, put: Put | None, closing: threading.Event) -> None:
        """Put what comes by `put`; without it nothing is followed."""
        self._put = put
        self._closing = closing
        self._lock = threading.Lock()
        self._followed: dict[Path, _Followed] = {}
        self._is_running = False

    def follow(self, path: Path, group: str, stream: str) -> None:
        """Begin with a file, which need not be there yet; `{at}` in `stream` is the time, in ms."""
        if self._put is None:
            return
        begins = path.stat().st_size if path.exists() else 0
        at = str(time.time_ns() // 1_000_000)
        with self._lock:
            self._followed[path] = _Followed(path, group, stream.replace("{at}", at), begins)
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._run, name="log-streams", daemon=True).start()

    def finish(self, path: Path) -> None:
        """Put what is left of a file, and look at it no more."""
        with self._lock:
            followed = self._followed.pop(path, None)
            while followed and self._look(followed, is_last=True):
                pass

    @contextmanager
    def following(self, path: Path, group: str, stream: str) -> Iterator[None]:
        """Follow a file for as long as the context lasts."""
        self.follow(path, group, stream)
        try:
            yield
        finally:
            self.finish(path)

    def _run(self) -> None:
        while not self._closing.wait(_LOOK_SECONDS):
            with self._lock:
                for followed in self._followed.values():
                    self._look(followed, is_last=False)

    def _look(self, followed: _Followed, *, is_last: bool) -> bool:
        """Put what is new, a batch at most; False when there was nothing."""
        try:
            with followed.path.open("rb") as file:
                if followed.path.stat().st_size < followed.read:
                    followed.read = 0  # it was begun anew
                file.seek(followed.read)
                content = file.read(_MOST_BYTES)
        except OSError:
            return False
        # A line that is still being written is put when it is whole, unless it is too long.
        end = content.rfind(b"\n") + 1
        if not end and (is_last or len(content) == _MOST_BYTES):
            end = len(content)
        followed.read += end
        lines = [line[:_LONGEST_MESSAGE] for line in content[:end].splitlines() if line.strip()]
        if lines and self._put:
            messages = [line.decode(errors="replace") for line in lines]
            self._put(followed.group, followed.stream, messages)
        return end > 0
