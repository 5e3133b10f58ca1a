"""The checkpoints of a training job: restored before it starts, kept in S3 while it runs.

Source: developer guide, "Use checkpoints in Amazon SageMaker". AWS promises neither how soon a
file is copied nor that it is whole. Here a file is copied once two looks have found it the same.
"""

import logging
import threading
from pathlib import Path

from embedded_aws.sagemaker.storage import Location, Storage, StorageError

type _State = tuple[int, int, int]  # size, time of the last change, inode

_log = logging.getLogger(__name__)


class Checkpoints:
    """One container's folder and the prefix in S3 that mirrors it."""

    def __init__(self, folder: Path, uri: str, storage: Storage, seconds: float) -> None:
        """Look at the folder every so many seconds, from `start` to `finish`."""
        self._folder = folder
        self._uri = uri
        self._storage = storage
        self._seconds = seconds
        self._kept: dict[str, _State] = {}
        self._seen: dict[str, _State] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"to-{uri}", daemon=True)

    def restore(self) -> None:
        """Fill the folder with what S3 has; raises StorageError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._storage.has_any(self._uri):
            self._storage.download(self._uri, "S3Prefix", self._folder)
        self._kept = self._seen = self._look()

    def start(self) -> None:
        """Begin to keep what the container writes."""
        self._thread.start()

    def finish(self, *, is_whole: bool) -> None:
        """Keep what is left; raises StorageError.

        Unless it is whole, what changed since the last look is taken for half-written.
        """
        self._ended.set()
        self._thread.join()
        now = self._look()
        if is_whole:
            self._seen = now
        self._keep(now)

    def _follow(self) -> None:
        while not self._ended.wait(self._seconds):
            now = self._look()
            try:
                self._keep(now)
            except StorageError as err:
                _log.warning("%s; the next look tries again", err)
            self._seen = now

    def _keep(self, now: dict[str, _State]) -> None:
        """Copy what has settled, and remove from S3 what the container has removed."""
        prefix = Location.parse(self._uri)
        for name, state in now.items():
            if self._seen.get(name) == state and self._kept.get(name) != state:
                self._storage.upload_file(self._folder / name, str(prefix.below(name)))
                self._kept[name] = state
        for name in self._kept.keys() - now.keys():
            self._storage.remove(str(prefix.below(name)))
            del self._kept[name]

    def _look(self) -> dict[str, _State]:
        found: dict[str, _State] = {}
        for path in sorted(self._folder.rglob("*")):
            try:
                stat = path.stat()
            except OSError:
                continue  # removed or renamed meanwhile
            if path.is_file():
                state = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
                found[path.relative_to(self._folder).as_posix()] = state
        return found
