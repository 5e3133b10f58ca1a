"""Unpacked code: function packages and layers, one folder per content hash."""

import os
import shutil
import tempfile
import threading
import zipfile
from io import BytesIO
from pathlib import Path

from embedded_aws.errors import AwsError
from embedded_aws.functions.records import RUNTIME, Archive

_PERMISSIONS = 0o777


class CodeStore:
    """Unpacks each archive once. Python caches byte code beside it, for all later environments."""

    def __init__(self, folder: Path) -> None:
        """Keep the code under `folder`."""
        self._folder = folder
        self._lock = threading.Lock()

    def unpack(self, archive: Archive) -> Path:
        """The folder that holds the archive's files.

        Raises AwsError InvalidZipFileException when it is no zip file.
        """
        target = self._folder / archive.digest
        with self._lock:
            if not target.exists():
                self._folder.mkdir(parents=True, exist_ok=True)
                self._extract(archive, target)
        return target

    def _extract(self, archive: Archive, target: Path) -> None:
        # Renamed at the end, so that a folder that exists is complete.
        partial = Path(tempfile.mkdtemp(dir=self._folder))
        try:
            with zipfile.ZipFile(BytesIO(archive.content)) as files:
                for entry in files.infolist():
                    path = files.extract(entry, partial)
                    _restore_mode(path, entry)
        except zipfile.BadZipFile as err:
            shutil.rmtree(partial)
            raise AwsError("InvalidZipFileException", "the code is not a zip file", 502) from err
        partial.rename(target)


def _restore_mode(path: str, entry: zipfile.ZipInfo) -> None:
    # `extract` drops the mode, and programs in a layer must stay executable.
    mode = (entry.external_attr >> 16) & _PERMISSIONS
    if mode and not entry.is_dir():
        os.chmod(path, mode | 0o444)  # noqa: PTH101


def python_paths(layer: Path) -> list[Path]:
    """The folders of an unpacked layer that Lambda puts on Python's path."""
    return [layer / "python" / "lib" / RUNTIME / "site-packages", layer / "python"]
