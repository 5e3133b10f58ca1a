import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dropforge_jobs import glue
from dropforge_jobs.jobs import JobError
from dropforge_jobs.manifest import read_manifest

if TYPE_CHECKING:
    from dropforge_jobs.paths import JobPaths

BODY = b"1,2\n"
ARGUMENTS = [
    *("preprocess.py", "--JOB_NAME", "job", "--compute", "glue", "--etags", "md5"),
    *("--manifest", "s3://data/runs/r/manifest.json", "--code", "s3://art/code/"),
    *("--output", "s3://art/runs/r/preprocess", "--quarantine", "s3://data/quarantine/r/"),
]


class S3:
    """A client of buckets that are a dictionary."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        """Begin with these objects, by bucket and key."""
        self.objects = objects

    def download_file(self, bucket: str, key: str, path: str) -> None:
        """Get an object."""
        Path(path).write_bytes(self.objects[f"{bucket}/{key}"])

    def upload_file(self, path: str, bucket: str, key: str) -> None:
        """Put one."""
        self.objects[f"{bucket}/{key}"] = Path(path).read_bytes()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> S3:
    """What a job finds in S3, and the arguments that name it."""
    entry = {"key": "incoming/p/a.csv", "path": "incoming/p/a.csv", "size": len(BODY)}
    etag = hashlib.md5(BODY, usedforsecurity=False).hexdigest()
    manifest = {"prefix": "incoming/p/", "objects": [{**entry, "etag": etag}]}
    client = S3(
        {
            "data/incoming/p/a.csv": BODY,
            "data/runs/r/manifest.json": json.dumps(manifest).encode(),
            "art/code/rules.json": b"{}",
        }
    )
    monkeypatch.setattr(glue, "_s3", lambda: client)
    monkeypatch.setattr(sys, "argv", ARGUMENTS)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", "/nowhere")
    return client


def main(paths: "JobPaths") -> None:
    """Copy the object to the output, and leave something in quarantine."""
    places = glue.Places.read(sys.argv[1:])
    assert places
    (item,) = read_manifest(paths.input("manifest") / "manifest.json")
    path = places.fetch(item, paths.input("data"))
    for folder in (paths.output / "train", paths.quarantine, paths.message.parent):
        folder.mkdir(parents=True)
    (paths.output / "train" / "a.csv").write_bytes(path.read_bytes())
    (paths.quarantine / "quarantine.json").write_text("{}", "utf-8")
    paths.message.write_text("dropforge: {}", "utf-8")


def test_a_job_finds_folders_and_what_it_leaves_goes_to_s3(s3: S3) -> None:
    """The same main function as under SageMaker; objects are checked when they are fetched."""
    assert glue.run(main) == 0
    assert s3.objects["art/runs/r/preprocess/train/a.csv"] == BODY
    assert s3.objects["art/runs/r/preprocess/message"] == b"dropforge: {}"
    assert s3.objects["data/quarantine/r/quarantine.json"] == b"{}"


def test_a_job_that_fails_says_why_in_its_last_line(
    s3: S3, capsys: pytest.CaptureFixture[str]
) -> None:
    """Glue shows it; nothing is put into S3."""
    s3.objects["data/incoming/p/a.csv"] = b"3,4\n"
    before = set(s3.objects)
    assert glue.run(main) == 1
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .startswith("the object 'incoming/p/a.csv' is not the one of the manifest: its MD5 differs")
    )
    assert set(s3.objects) == before


def test_another_job_is_none_of_glue(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without `--compute glue` it runs as SageMaker's jobs do."""

    def fail(_: "JobPaths") -> None:
        raise JobError("as ever")

    monkeypatch.setattr(sys, "argv", ["preprocess.py", "--seed", "1"])
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    assert glue.Places.read(sys.argv[1:]) is None
    assert glue.run(fail) == 1
    assert (tmp_path / "output" / "message").read_text("utf-8") == "as ever"
