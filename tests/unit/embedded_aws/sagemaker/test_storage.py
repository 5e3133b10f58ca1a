from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from embedded_aws.sagemaker.storage import Storage, StorageError

if TYPE_CHECKING:
    from tests.unit.embedded_aws.sagemaker.conftest import Bench


@pytest.fixture
def storage(bench: "Bench") -> Storage:
    """Make a Storage beside a Bench."""
    return Storage(bench.settings)


@pytest.mark.parametrize(
    ("prefix", "names"),
    [
        ("data/", ["a", "deep/b", "part-1", "part-2"]),
        ("data", ["a", "deep/b", "part-1", "part-2"]),
        ("data/part-", ["part-1", "part-2"]),
        ("data/deep/b", ["b"]),
        ("", ["data/a", "data/deep/b", "data/part-1", "data/part-2", "other/c"]),
    ],
)
def test_names_are_relative_to_the_prefix(
    bench: "Bench", storage: Storage, tmp_path: Path, prefix: str, names: list[str]
) -> None:
    """A folder, a part of a name, one object and a whole bucket: each gives the names it should."""
    for key in ("data/", "data/a", "data/deep/b", "data/part-1", "data/part-2", "other/c"):
        bench.put(key, b"")
    folder = tmp_path / "got"
    storage.download(f"s3://{bench.bucket}/{prefix}", "S3Prefix", folder)
    found = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    assert sorted(found) == names


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", '["x"]', '[{"prefix": "s3://b/"}, 1]', '[{"prefix": "/b/"}]']
)
def test_what_is_no_manifest_is_refused(
    bench: "Bench", storage: Storage, tmp_path: Path, content: str
) -> None:
    """Anything but a prefix and names is an error that names the manifest."""
    uri = bench.put("input.manifest", content)
    with pytest.raises(StorageError):
        storage.download(uri, "ManifestFile", tmp_path / "got")


def test_two_objects_that_would_be_one_file_are_refused(
    bench: "Bench", storage: Storage, tmp_path: Path
) -> None:
    """A file system cannot tell `a//b` from `a/b`: neither silently replaces the other."""
    bench.put("data/a/b", "1")
    bench.put("data/a//b", "2")
    with pytest.raises(StorageError, match="exists"):
        storage.download(f"s3://{bench.bucket}/data/", "S3Prefix", tmp_path / "got")
