import hashlib
import io
import os
import threading
import zipfile
from pathlib import Path

import pytest

from embedded_aws.errors import AwsError
from embedded_aws.functions.code import CodeStore
from embedded_aws.functions.records import Archive


def archive(*entries: tuple[str, int, str]) -> Archive:
    """A zip file of entries: name, mode, text."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as files:
        for name, mode, text in entries:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            files.writestr(entry, text)
    return Archive(hashlib.sha256(content.getvalue()).hexdigest(), content.getvalue())


def test_files_and_modes_are_unpacked(tmp_path: Path) -> None:
    """Programs stay executable; a file without a mode, or unreadable, can be read."""
    folder = CodeStore(tmp_path).unpack(
        archive(("bin/tool", 0o755, "#!/bin/sh"), ("a/b.py", 0, "x = 1"), ("c.py", 0o200, ""))
    )
    assert os.access(folder / "bin" / "tool", os.X_OK)
    assert (folder / "a" / "b.py").read_text() == "x = 1"
    assert (folder / "c.py").stat().st_mode & 0o444 == 0o444


def test_each_archive_is_unpacked_once(tmp_path: Path) -> None:
    """Concurrent callers get the same complete folder, and a later one finds it as it was left."""
    store = CodeStore(tmp_path)
    code = archive(*((f"module_{number}.py", 0o644, "x = 1") for number in range(50)))
    folders: list[Path] = []
    threads = [threading.Thread(target=lambda: folders.append(store.unpack(code))) for _ in "1234"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(folders)) == 1
    assert len(list(folders[0].iterdir())) == 50
    (folders[0] / "left.pyc").touch()
    assert (store.unpack(code) / "left.pyc").exists()


def test_names_cannot_leave_the_folder(tmp_path: Path) -> None:
    """A hostile entry ends up inside."""
    CodeStore(tmp_path / "code").unpack(archive(("../../outside.py", 0o644, "")))
    assert not list(tmp_path.glob("outside.py"))


def test_what_is_no_zip_file_leaves_nothing(tmp_path: Path) -> None:
    """Broken code is refused as Lambda refuses it, and no half-made folder stays."""
    with pytest.raises(AwsError, match="InvalidZipFileException"):
        CodeStore(tmp_path).unpack(Archive("abc", b"nothing"))
    assert not list(tmp_path.iterdir())
