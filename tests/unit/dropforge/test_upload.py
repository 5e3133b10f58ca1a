import os
from pathlib import Path

import pytest

from dropforge.errors import InputError
from dropforge.target import Target
from dropforge.upload import gather, upload


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two files, one of them further down, and one that is hidden."""
    for name in ("rows/a.csv", "rows/deep er/b ü.csv", "rows/.DS_Store"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{name}\n")
    return tmp_path / "rows"


def test_files_and_folders_become_objects(folder: Path, target: Target) -> None:
    """Names below a folder are kept; each upload tells the version that it made."""
    single = folder.parent / "single.csv"
    single.write_text("1\n")
    dropped = upload(target, gather("iris", [single, folder]))
    assert [one.key for one in dropped] == [
        "incoming/iris/single.csv",
        "incoming/iris/a.csv",
        "incoming/iris/deep er/b ü.csv",
    ]
    for one in dropped:
        head = target.s3.head_object(Bucket="df-data", Key=one.key, VersionId=one.version_id)
        assert head["ContentLength"] > 0
    again = upload(target, gather("iris", [single]))
    assert again[0].version_id != dropped[0].version_id


def test_a_large_file_is_sent_in_parts(tmp_path: Path, target: Target) -> None:
    """Beyond the transfer manager's threshold an object's ETag tells the number of parts."""
    large = tmp_path / "large.csv"
    large.write_bytes(b"0123456789abcde\n" * (9 << 16))
    dropped = upload(target, gather("iris", [large]))
    head = target.s3.head_object(Bucket="df-data", Key=dropped[0].key)
    assert head["ContentLength"] == large.stat().st_size
    assert head["ETag"].strip('"').endswith("-2")


def test_paths_that_cannot_be_dropped_are_bad_input(folder: Path) -> None:
    """Missing, empty, without files, or twice the same name: said before anything is sent."""
    (folder / "empty.csv").touch()
    (folder.parent / "none").mkdir()
    (folder.parent / "a.csv").write_text("other\n")
    (folder.parent / "good.csv").write_text("1\n")
    refused = {
        folder / "missing.csv": "there is no such file",
        folder / "empty.csv": "is empty",
        folder: "is empty",
        folder.parent / "none": "holds no files",
    }
    for path, says in refused.items():
        with pytest.raises(InputError, match=says):
            gather("iris", [folder.parent / "good.csv", path])
    with pytest.raises(InputError, match=r"would both become incoming/iris/a\.csv"):
        gather("iris", [folder / "a.csv", folder.parent / "a.csv"])


def test_a_name_that_is_not_utf_8_is_bad_input(tmp_path: Path) -> None:
    """A file's name may be any bytes, a key's may not."""
    path = os.fsencode(tmp_path) + b"/caf\xe9.csv"
    with open(path, "w") as file:  # noqa: PTH123 - pathlib wants text
        file.write("1\n")
    with pytest.raises(InputError, match="not UTF-8"):
        gather("iris", [tmp_path])


def test_a_key_longer_than_s3_allows_is_bad_input(tmp_path: Path) -> None:
    """1,024 bytes is S3's limit, in UTF-8."""
    path = tmp_path
    for _ in range(5):
        path /= "ü" * 120
    path.mkdir(parents=True)
    (path / "rows.csv").write_text("1\n")
    with pytest.raises(InputError, match="longer than S3's 1024 bytes"):
        gather("iris", [tmp_path])
