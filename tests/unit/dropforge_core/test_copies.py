from typing import Any

import pytest
from botocore.exceptions import ClientError
from dropforge_core import copies
from dropforge_core.copies import copy_older

from tests.unit.dropforge_core.stack import DATA_BUCKET, Stack
from tests.unit.dropforge_core.test_starting import refuse

RUN_ID = "iris-20261121t052011-1a2b3c4d"
NAMES = ["a.csv", "b c+d%2F.csv", "süd/$(reboot).csv", "a?versionId=1"]


def replaced(stack: Stack, name: str, content: bytes) -> dict[str, Any]:
    """Put a version and another over it; return the older one's entry in a manifest."""
    key = f"incoming/iris/{name}"
    put = stack.clients.s3.put_object(
        Bucket=DATA_BUCKET, Key=key, Body=content, Tagging="secret=yes", ContentType="text/csv"
    )
    stack.clients.s3.put_object(Bucket=DATA_BUCKET, Key=key, Body=b"newer")
    return {
        "key": key,
        "version_id": put["VersionId"],
        "etag": put["ETag"].strip('"'),
        "size": len(content),
        "path": f"runs/{RUN_ID}/data/{name}",
    }


def document(*objects: dict[str, Any]) -> dict[str, Any]:
    """A ledger's manifest."""
    return {"run_id": RUN_ID, "bucket": DATA_BUCKET, "objects": list(objects)}


def read(stack: Stack, key: str) -> bytes:
    """Read an object of the data bucket."""
    return stack.clients.s3.get_object(Bucket=DATA_BUCKET, Key=key)["Body"].read()


def versions(stack: Stack, prefix: str) -> list[str]:
    """List the keys under a prefix, one for each version."""
    listed = stack.clients.s3.list_object_versions(Bucket=DATA_BUCKET, Prefix=prefix)
    return [one["Key"] for one in listed.get("Versions", [])]


def test_older_versions_are_copied_by_their_id(stack: Stack) -> None:
    """Whatever their keys hold; without their tags, for which we have no permission."""
    entries = [replaced(stack, name, f"older {name}".encode()) for name in NAMES]
    assert copy_older(stack.clients.s3, document(*entries)) == []
    for entry, name in zip(entries, NAMES, strict=True):
        assert read(stack, entry["path"]) == f"older {name}".encode()
        copied = {"Bucket": DATA_BUCKET, "Key": entry["path"]}
        assert stack.clients.s3.get_object_tagging(**copied)["TagSet"] == []


def test_current_versions_and_copies_that_are_there_are_not_copied(stack: Stack) -> None:
    """Calling it again makes what is missing only."""
    done = replaced(stack, "done.csv", b"done")
    copy_older(stack.clients.s3, document(done))
    missing = replaced(stack, "missing.csv", b"missing")
    current = {**replaced(stack, "current.csv", b"older"), "path": "incoming/iris/current.csv"}
    assert copy_older(stack.clients.s3, document(done, missing, current)) == []
    assert versions(stack, "runs/") == [done["path"], missing["path"]]


def test_versions_that_are_gone_are_told(stack: Stack) -> None:
    """Each that the bucket no longer has; the others are copied all the same."""
    gone, there = (replaced(stack, name, b"older") for name in ("a.csv", "a.csv.gz"))
    stack.clients.s3.delete_object(
        Bucket=DATA_BUCKET, Key=gone["key"], VersionId=gone["version_id"]
    )
    assert copy_older(stack.clients.s3, document(gone, there)) == [gone]
    assert versions(stack, "runs/") == [there["path"]]


def test_a_refusal_is_no_missing_version(stack: Stack) -> None:
    """What is there and cannot be copied raises, so that the start is tried again."""
    entry = replaced(stack, "a.csv", b"older")
    stack.clients.s3.meta.events.register("before-call.s3.CopyObject", refuse)
    with pytest.raises(ClientError, match="AccessDenied"):
        copy_older(stack.clients.s3, document(entry))


def test_a_large_version_is_copied_in_parts(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its copy has the same bytes, and an ETag of its own."""
    part = 5 * 1024**2
    monkeypatch.setattr(copies, "_PART", part)
    content = b"0123456789abcdef" * (part // 16) + b"the rest"
    entry = replaced(stack, "large.csv", content)
    assert copy_older(stack.clients.s3, document(entry)) == []
    assert read(stack, entry["path"]) == content
    head = stack.clients.s3.head_object(Bucket=DATA_BUCKET, Key=entry["path"])
    assert head["ETag"].strip('"').endswith("-2")
    gone = {**entry, "version_id": "gone", "path": entry["path"] + "2"}
    assert copy_older(stack.clients.s3, document(gone)) == [gone]
