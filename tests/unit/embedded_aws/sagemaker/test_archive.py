import gzip
import tarfile
from pathlib import Path

import pytest

from embedded_aws.sagemaker.archive import ArchiveError, pack, unpack


def test_a_folder_survives(tmp_path: Path) -> None:
    """What is packed is unpacked, without the names of this machine's users."""
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep/file").write_text("x")
    archive = tmp_path / "model.tar.gz"
    assert pack(folder, archive)
    unpack(archive, tmp_path / "again")
    assert (tmp_path / "again/deep/file").read_text() == "x"
    with tarfile.open(archive) as tar:
        assert {(member.uid, member.uname) for member in tar} == {(0, "")}


def test_an_empty_folder_is_not_packed(tmp_path: Path) -> None:
    """There is no archive of nothing."""
    (tmp_path / "folder").mkdir()
    assert not pack(tmp_path / "folder", tmp_path / "model.tar.gz")
    assert not (tmp_path / "model.tar.gz").exists()


@pytest.mark.parametrize(("name", "link"), [("../out", None), ("in", "/etc/passwd")])
def test_an_archive_that_leads_outside_is_refused(
    tmp_path: Path, name: str, link: str | None
) -> None:
    """Neither a path nor a link leaves the folder."""
    archive = tmp_path / "model.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        member = tarfile.TarInfo(name)
        if link:
            member.type, member.linkname = tarfile.SYMTYPE, link
        tar.addfile(member)
    with pytest.raises(ArchiveError):
        unpack(archive, tmp_path / "folder")
    assert not (tmp_path / "out").exists()


BROKEN = gzip.compress(bytes(range(256)) * 20)


@pytest.mark.parametrize(
    "content", [b"", b"no archive", BROKEN[:-20], BROKEN[:40] + b"!!!!" + BROKEN[44:]]
)
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    """Empty, foreign, cut and damaged files are one kind of error."""
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(content)
    with pytest.raises(ArchiveError):
        unpack(archive, tmp_path / "folder")
