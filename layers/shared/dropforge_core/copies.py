"""Copies of object versions that are no longer current: SageMaker can only name keys."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from dropforge_core import manifest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef

_AT_ONCE = 10
# Above this an object is copied in parts, many at once. S3 itself wants that above 5 GB.
_PART = 64 * 1024**2

type Entry = dict[str, Any]


def copy_older(s3: S3Client, document: Mapping[str, Any]) -> list[Entry]:
    """Make the copies that a ledger's manifest names and that are not there yet.

    Returns:
        The entries of the manifest whose version the bucket no longer has.

    Raises:
        botocore.exceptions.ClientError: AWS refused one; the others may have been made.
    """
    there = _keys(s3, document["bucket"], manifest.copies(document["run_id"]))
    older = [one for one in document["objects"] if one["path"] != one["key"]]
    missing = [one for one in older if one["path"] not in there]

    def copy(entry: Entry) -> bool:
        return _copy(s3, document["bucket"], entry)

    with ThreadPoolExecutor(_AT_ONCE) as several:
        small = [one for one in missing if one["size"] <= _PART]
        copied = list(zip(small, several.map(copy, small), strict=True))
    # One by one, for each is many requests: what was done stays done when time runs out.
    copied += [(one, copy(one)) for one in missing if one["size"] > _PART]
    return [entry for entry, was_there in copied if not was_there]


def _keys(s3: S3Client, bucket: str, prefix: str) -> set[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {found["Key"] for page in pages for found in page.get("Contents", [])}


def _copy(s3: S3Client, bucket: str, entry: Entry) -> bool:
    """Copy one version; False when the bucket no longer has it."""
    source: CopySourceTypeDef = {
        "Bucket": bucket,
        "Key": entry["key"],
        "VersionId": entry["version_id"],
    }
    try:
        if entry["size"] <= _PART:
            # Without the tags: to read them would take permissions of their own.
            s3.copy_object(
                Bucket=bucket, Key=entry["path"], CopySource=source, TaggingDirective="REPLACE"
            )
        else:
            _copy_in_parts(s3, bucket, entry["path"], source)
    except ClientError:
        # What AWS calls a missing version depends on what we may list: so look.
        if _has(s3, bucket, entry):
            raise
        return False
    return True


def _has(s3: S3Client, bucket: str, entry: Entry) -> bool:
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=entry["key"])
    versions = (one for page in pages for one in page.get("Versions", []))
    return any(
        (one["Key"], one["VersionId"]) == (entry["key"], entry["version_id"]) for one in versions
    )


def _copy_in_parts(s3: S3Client, bucket: str, key: str, source: CopySourceTypeDef) -> None:
    from boto3.s3.transfer import TransferConfig  # noqa: PLC0415 - hardly ever needed

    parts = TransferConfig(
        multipart_threshold=_PART, multipart_chunksize=_PART, max_concurrency=_AT_ONCE
    )
    s3.copy(source, bucket, key, {"TaggingDirective": "REPLACE"}, Config=parts)
