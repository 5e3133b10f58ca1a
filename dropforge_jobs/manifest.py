"""Whether the objects that a run is to read are the ones that arrived in the job's data folder.

A run's manifest names each object version with the size and ETag that it was dropped with, and the
path that the job reads: its key, or that of a copy when the version was no longer the current one.
SageMaker copies whatever is in S3 when the job starts, so an object may have been replaced or
deleted meanwhile; a run on other data than its manifest says must not go unnoticed.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dropforge_jobs.jobs import JobError

if TYPE_CHECKING:
    from pathlib import Path

_MD5 = re.compile(r"[0-9a-f]{32}")
_CHUNK = 1024 * 1024


@dataclass(frozen=True)
class ManifestObject:
    """One object of a run: its S3 key, its place below the data folder, its size and its ETag.

    `is_new` says that the run was started for it: it was dropped since the run before. `arrived_at`
    is when, in ISO 8601; such texts sort as the times do.
    """

    key: str
    path: str
    size: int
    etag: str
    version_id: str = ""
    is_new: bool = False
    arrived_at: str = ""


def read_manifest(path: Path) -> list[ManifestObject]:
    """Read the manifest that the ledger wrote for a run.

    Raises:
        JobError: it is missing, is not such a manifest, names no object, or names one twice or
            outside its own prefix.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        prefix = document["prefix"]
        objects = [_object(entry, prefix) for entry in document["objects"]]
    except OSError as error:
        raise JobError(f"the manifest {path.name} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise JobError(f"{path.name} is not the manifest of a run: {error!r}") from error
    if not objects:
        raise JobError(f"{path.name} names no object")
    if len({each.key for each in objects}) < len(objects):
        raise JobError(f"{path.name} names an object twice")
    return objects


def _object(entry: dict[str, Any], prefix: str) -> ManifestObject:
    key = entry["key"]
    if not key.startswith(prefix):
        raise JobError(f"the manifest names {key!r}, which is not below its prefix {prefix!r}")
    return ManifestObject(
        key,
        path=entry["path"],
        size=int(entry["size"]),
        etag=entry["etag"].strip('"'),
        version_id=entry.get("version_id") or "",
        is_new=entry.get("new") is True,
        arrived_at=entry.get("arrived_at") or "",
    )


def check_arrivals(objects: list[ManifestObject], folder: Path, *, etags: bool) -> list[Path]:
    """Compare the listed objects with the files that lie in `folder`.

    Args:
        objects: what the manifest lists.
        folder: where SageMaker laid each object, at its path.
        etags: compare an ETag that looks like an MD5 with the file's. The ETag of an object that
            came in parts, or that S3 encrypts with a KMS key, is no MD5 of its bytes: the former is
            recognised by its dash, for the latter this must be False and only sizes are compared.
            A copy has the same bytes; its own ETag, which may be another, is not asked for.
            https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html

    Returns:
        The files, one per object, in the objects' order. Others in the folder are not of this run.

    Raises:
        JobError: the first object that is missing or differs, by its key.
    """
    return [_arrived(each, folder, etags=etags) for each in objects]


def _arrived(each: ManifestObject, folder: Path, *, etags: bool) -> Path:
    path = folder / each.path
    if not path.resolve().is_relative_to(folder.resolve()):
        raise JobError(f"the object {each.key!r} would lie outside the data folder")
    if not path.is_file():
        raise JobError(f"the object {each.key!r} of the manifest did not arrive")
    size = path.stat().st_size
    if size != each.size:
        raise JobError(
            f"the object {each.key!r} is not the one of the manifest: "
            f"{size} bytes arrived, {each.size} are listed"
        )
    if etags and _MD5.fullmatch(each.etag) and _md5(path) != each.etag:
        raise JobError(
            f"the object {each.key!r} is not the one of the manifest: its MD5 differs from the "
            f"listed ETag {each.etag}"
        )
    return path


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)  # S3's choice; it only has to notice a change
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
