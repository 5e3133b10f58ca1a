"""A preprocess script as an AWS Glue job: everything is in S3, and named by arguments.

Glue mounts no folders. The driver gets what it needs into a folder like those of SageMaker, runs
the same main function, and puts into S3 what it left; tasks on other machines fetch and store
what is theirs by `Places`. boto3 is in Glue's image; nothing else here needs it.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Optional

from dropforge_jobs.jobs import run_job
from dropforge_jobs.manifest import check_arrivals
from dropforge_jobs.paths import JobPaths

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dropforge_jobs.manifest import ManifestObject


@dataclass(frozen=True)
class Places:
    """Where a Glue job's inputs and outputs are: S3 URIs, but for `etags`: "md5" or "opaque"."""

    manifest: str
    code: str
    output: str
    quarantine: str
    etags: str = "md5"

    @classmethod
    def read(cls, arguments: Sequence[str]) -> Optional[Places]:
        """Take them from the job's arguments; None when this is no Glue job."""
        parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
        parser.add_argument("--compute")
        for name in cls.__dataclass_fields__:
            parser.add_argument(f"--{name}")
        given = vars(parser.parse_known_args(arguments)[0])
        if given.pop("compute") != "glue":
            return None
        return cls(**{name: value for name, value in given.items() if value is not None})

    def fetch(self, item: ManifestObject, folder: Path) -> Path:
        """Get an object into a folder, at its path there; raises `JobError` when it is another."""
        path = folder / item.path
        path.parent.mkdir(parents=True, exist_ok=True)
        bucket = _split(self.manifest)[0]
        # A run's manifest lies in the bucket of its data.
        _s3().download_file(bucket, item.path, str(path))
        return check_arrivals([item], folder, etags=self.etags == "md5")[0]

    def store(self, folder: Path, uri: str) -> None:
        """Put all files below a folder below an S3 URI."""
        bucket, prefix = _split(uri)
        client = _s3()
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                key = f"{prefix.rstrip('/')}/{path.relative_to(folder).as_posix()}"
                client.upload_file(str(path), bucket, key)


def run(main: Callable[[JobPaths], None]) -> int:
    """Run a job's main function, as a Glue job if the arguments say so; return its exit status.

    A Glue job that fails ends with its reason as the last line, which Glue shows.
    """
    places = Places.read(sys.argv[1:])
    if places is None:
        return run_job(main)
    with TemporaryDirectory() as folder:
        os.environ["SAGEMAKER_BASE_DIR"] = folder
        paths = JobPaths(Path(folder))
        for uri, path in (
            (places.manifest, paths.input("manifest") / "manifest.json"),
            (f"{places.code.rstrip('/')}/rules.json", paths.input("code") / "rules.json"),
        ):
            path.parent.mkdir(parents=True)
            _s3().download_file(*_split(uri), str(path))
        if status := run_job(main):
            sys.stderr.write(f"{paths.message.read_text(encoding='utf-8')}\n")
            return status
        places.store(paths.output, places.output)
        places.store(paths.quarantine, places.quarantine)
        places.store(paths.message.parent, places.output)
    return 0


def _s3() -> Any:
    import boto3  # noqa: PLC0415  other jobs have none

    return boto3.client("s3")


def _split(uri: str) -> tuple[str, str]:
    """Return the bucket and the key of an S3 URI."""
    bucket, _, key = uri[len("s3://") :].partition("/")
    return bucket, key
