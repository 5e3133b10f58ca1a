"""`dropforge adopt`: take in data that is in S3 already, by copies that S3 makes itself.

An object reaches a run by S3's event of it. One that lies where data is dropped and that no event
told of is copied onto itself, one from elsewhere into ``incoming/<pipeline>/``: S3 tells of the
copy, and it takes the way of every drop.
"""

import hashlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError
from dropforge_core import words
from dropforge_core.intake import why_ignored
from dropforge_core.manifest import prefix as incoming
from dropforge_core.naming import is_pipeline_name
from dropforge_core.records import Run

from dropforge import output
from dropforge.errors import CommandError, InputError
from dropforge.project import find_project
from dropforge.publish import ensure_published
from dropforge.target import Target
from dropforge.upload import Dropped
from dropforge.waiting import watching

_COPIES_AT_ONCE = 8
_TELL_SECONDS = 2.0
# Of an object's metadata: which bytes of which object it is a copy of.
_MARK = "dropforge-adopted"
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
_KEY_BYTES = 1024
_NOT_FOUND = {"404", "NoSuchKey", "NoSuchBucket"}


@dataclass(frozen=True, kw_only=True)
class Found:
    """An object to take in, and the key that it gets."""

    bucket: str
    key: str
    etag: str
    size: int
    to: str

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    @property
    def mark(self) -> str:
        """What its copy is known by, whatever ETag S3 gives that."""
        return hashlib.sha256(f"{self.bucket}\0{self.key}\0{self.etag}".encode()).hexdigest()


@dataclass(kw_only=True)
class Adopted:
    """What was taken in, what had been before, and what is left out, each with its reason."""

    pipeline: str
    copied: list[Dropped] = field(default_factory=list)
    there: list[Dropped] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return what `--json` prints of it."""
        return {
            "pipeline": self.pipeline,
            "copied": [one.document() for one in self.copied],
            "already_there": [one.document() for one in self.there],
            "left_out": [{"key": key, "reason": why} for key, why in self.left_out.items()],
        }

    def write(self) -> None:
        """Print it for people, and how to follow what comes of it."""
        rows = [(output.printable(one.key), "copied") for one in self.copied]
        rows += [(output.printable(one.key), "already there") for one in self.there]
        rows += [(output.printable(key), why) for key, why in self.left_out.items()]
        output.write_table(("key", ""), rows)
        if self.copied:
            output.say(f"Follow it: dropforge data {self.pipeline}")


def adopt(target: Target, pipeline: str, address: str) -> Adopted:
    """Take in what lies under an address, s3://bucket/prefix; repeating it takes in the rest.

    Raises:
        InputError: there is no such pipeline, the address is none, or nothing is there.
    """
    if not is_pipeline_name(pipeline):
        raise InputError(f"{pipeline!r} cannot be a pipeline's name; see: ls pipelines")
    bucket, prefix = _parsed(address)
    ensure_published(find_project(), target, pipeline)
    own = target.output("DataBucketName")
    in_place = bucket == own and prefix.startswith(incoming(pipeline))
    known = _versions(target, own, incoming(pipeline))
    adopted = Adopted(pipeline=pipeline)
    wanted: list[Found] = []
    marker = _marker(target, pipeline)
    for one in _listed(target, bucket, prefix, pipeline, in_place=in_place):
        if one.name != marker and (reason := _why_not(pipeline, one)):
            adopted.left_out[one.key] = reason
        elif _is_there(target, pipeline, one, known, in_place=in_place):
            adopted.there.append(Dropped(one.to, known[one.to].version_id))
        else:
            wanted.append(one)
    if not (wanted or adopted.there or adopted.left_out):
        raise InputError(f"There is nothing under {address}.")
    # A marker releases what came before it.
    for markers in (False, True):
        _copy_all(target, own, [one for one in wanted if (one.name == marker) is markers], adopted)
    many = words.counted(len(adopted.copied), "object")
    output.say(f"Took in {many}; {len(adopted.there)} had been taken in before.")
    return adopted


def wait(target: Target, adopted: Adopted, timeout: float) -> Run:
    """Wait, with progress on stderr, and return the last run that took any of these.

    Raises:
        CommandError: no run took them, or time is up.
        KeyboardInterrupt: the person would not wait; was told that the run goes on.
    """
    taken = [*adopted.copied, *adopted.there]
    if not taken:
        raise CommandError("Nothing of it can be taken in: see dropforge adopt without --wait.")
    with watching(target, adopted.pipeline, timeout) as watch:
        return watch.until_decided(taken)


@dataclass(frozen=True)
class _Current:
    version_id: str
    etag: str
    size: int


def _parsed(address: str) -> tuple[str, str]:
    scheme, _, rest = address.partition("://")
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise InputError(f"{address!r} is no address of S3: write s3://bucket/prefix.")
    return bucket, prefix


def _marker(target: Target, pipeline: str) -> str | None:
    """Return the name of the objects that release a pipeline's data, if it waits for any."""
    config = target.ledger.published(pipeline)
    return config.start.marker if config and config.start else None


def _versions(target: Target, bucket: str, prefix: str) -> dict[str, _Current]:
    """Return the current version of each key."""
    pages = target.s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
    return {
        one["Key"]: _Current(one["VersionId"], one["ETag"].strip('"'), one["Size"])
        for page in pages
        for one in page.get("Versions", [])
        if one["IsLatest"]
    }


def _listed(
    target: Target, bucket: str, prefix: str, pipeline: str, *, in_place: bool
) -> Iterator[Found]:
    """List what is there; a key from elsewhere is kept from the folder on that the prefix names."""
    folder = prefix[: prefix.rfind("/") + 1]
    pages = target.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    try:
        for page in pages:
            for one in page.get("Contents", []):
                key = one["Key"]
                yield Found(
                    bucket=bucket,
                    key=key,
                    etag=one["ETag"].strip('"'),
                    size=one["Size"],
                    to=key if in_place else incoming(pipeline) + key.removeprefix(folder),
                )
    except ClientError as err:
        if err.response["Error"]["Code"] not in _NOT_FOUND:
            raise
        raise InputError(f"There is no bucket {bucket!r}.") from err


def _why_not(pipeline: str, one: Found) -> str:
    if len(one.to.encode()) > _KEY_BYTES:
        return f"Its key would be longer than S3's {_KEY_BYTES} bytes."
    return why_ignored(pipeline, one.to, one.size)


def _is_there(
    target: Target, pipeline: str, one: Found, known: dict[str, _Current], *, in_place: bool
) -> bool:
    """Say whether an object was taken in before: told of, or copied by us."""
    current = known.get(one.to)
    if current is None:
        return False
    if in_place:
        return target.ledger.arrival(pipeline, one.to, current.version_id) is not None
    if (current.etag, current.size) == (one.etag, one.size):
        return True
    if current.size != one.size:
        return False
    head = target.s3.head_object(
        Bucket=target.output("DataBucketName"), Key=one.to, VersionId=current.version_id
    )
    return head["Metadata"].get(_MARK) == one.mark


def _copy_all(target: Target, bucket: str, wanted: list[Found], adopted: Adopted) -> None:
    """Copy several at once, and tell how far it is; what cannot be copied is left out."""
    told = time.monotonic()

    def copy(one: Found) -> Dropped | str:
        return _copy(target, bucket, one)

    with ThreadPoolExecutor(_COPIES_AT_ONCE) as copies:
        several = zip(wanted, copies.map(copy, wanted), strict=True)
        for number, (one, done) in enumerate(several, 1):
            if isinstance(done, Dropped):
                adopted.copied.append(done)
            else:
                adopted.left_out[one.key] = done
            if time.monotonic() - told > _TELL_SECONDS:
                told = time.monotonic()
                output.say(f"Copied {number} of {words.counted(len(wanted), 'object')} ...")


def _copy(target: Target, bucket: str, one: Found) -> Dropped | str:
    """Have S3 copy the very bytes that were listed; return the reason when it does not."""
    try:
        target.s3.copy(
            {"Bucket": one.bucket, "Key": one.key},
            bucket,
            one.to,
            {
                # Without new metadata S3 refuses to copy an object onto itself.
                "MetadataDirective": "REPLACE",
                "Metadata": {_MARK: one.mark},
                "TaggingDirective": "REPLACE",
                "CopySourceIfMatch": f'"{one.etag}"',
            },
        )
        # The transfer manager does not tell the version that it made.
        head = target.s3.head_object(Bucket=bucket, Key=one.to)
    except ClientError as err:
        error = err.response["Error"]
        return f"S3 did not copy it: {error['Code']}: {error.get('Message', '')}"
    return Dropped(one.to, head["VersionId"])
