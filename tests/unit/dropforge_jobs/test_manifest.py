import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from dropforge_jobs.jobs import JobError
from dropforge_jobs.manifest import ManifestObject, check_arrivals, read_manifest

CONTENT = b"setosa,5.1,3.5,1.4,0.2\n"
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


def listed(**changes: Any) -> ManifestObject:
    """Return what a manifest lists for an object with CONTENT."""
    values = {"key": "p/a.csv", "path": "a.csv", "size": len(CONTENT), "etag": MD5}
    return ManifestObject(**{**values, **changes})


def write(folder: Path, manifest: object) -> Path:
    """Write a manifest as the ledger does."""
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest), "utf-8")
    return path


def entry(key: str) -> dict[str, Any]:
    """Return a manifest's entry."""
    return {"key": key, "etag": f'"{MD5}"', "size": len(CONTENT), "path": f"read/{key}"}


def test_objects_lie_at_their_paths(tmp_path: Path) -> None:
    """A manifest that is read finds the files that SageMaker laid down, whatever their names.

    The path may be another than the key: that of the copy of a version that was replaced.
    """
    names = ["a.csv", "2024/05/b c.csv", "$(id).csv", "%2e%2e.csv", "ünï.csv"]
    manifest = {"prefix": "incoming/iris/", "objects": [entry(f"incoming/iris/{n}") for n in names]}
    files = [tmp_path / "data/read/incoming/iris" / name for name in names]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(CONTENT)
    (tmp_path / "data" / "not_listed.csv").write_bytes(CONTENT)
    found = check_arrivals(read_manifest(write(tmp_path, manifest)), tmp_path / "data", etags=True)
    assert found == files


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"path": "missing.csv", "key": "p/missing.csv"},
            "'p/missing.csv' of the manifest did not",
        ),
        ({"size": 7}, f"{len(CONTENT)} bytes arrived, 7 are listed"),
        ({"etag": "0" * 32}, "its MD5 differs"),
        ({"path": "../outside.csv", "key": "p/../outside.csv"}, "outside the data folder"),
        ({"path": "", "key": "p/"}, "'p/' of the manifest did not arrive"),
    ],
)
def test_a_difference_is_named_with_the_key(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    """Missing, of another size, of other content, or outside the folder: each is an error."""
    (tmp_path / "outside.csv").write_bytes(CONTENT)
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.csv").write_bytes(CONTENT)
    with pytest.raises(JobError, match=reason):
        check_arrivals([listed(**changes)], folder, etags=True)


@pytest.mark.parametrize(("etag", "etags"), [("0" * 32 + "-2", True), ("0" * 32, False)])
def test_an_etag_that_is_no_md5_is_not_compared(tmp_path: Path, etag: str, *, etags: bool) -> None:
    """Objects that came in parts or are encrypted by KMS are compared by size."""
    (tmp_path / "a.csv").write_bytes(CONTENT)
    assert check_arrivals([listed(etag=etag)], tmp_path, etags=etags)


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        ({"prefix": "p/", "objects": []}, "names no object"),
        ({"prefix": "p/", "objects": [entry("q/a")]}, "not below its prefix"),
        ({"prefix": "p/", "objects": [entry("p/a"), entry("p/a")]}, "names an object twice"),
        ({"prefix": "p/", "objects": [{"key": "p/a"}]}, "not the manifest of a run: KeyError"),
        ({"objects": []}, "not the manifest of a run: KeyError"),
        ([], "not the manifest of a run"),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, manifest: object, reason: str) -> None:
    """One sentence says what is wrong with it."""
    with pytest.raises(JobError, match=reason):
        read_manifest(write(tmp_path, manifest))


def test_a_missing_manifest_is_refused(tmp_path: Path) -> None:
    """A job without its manifest does not read whatever lies there."""
    with pytest.raises(JobError, match=r"manifest\.json cannot be read: No such file"):
        read_manifest(tmp_path / "manifest.json")
