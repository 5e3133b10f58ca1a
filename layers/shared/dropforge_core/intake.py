"""S3's "Object Created" events as arrivals: checked before any AWS call, then recorded."""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dropforge_core.errors import InvalidInputError
from dropforge_core.ledger import Ledger
from dropforge_core.naming import INCOMING, is_pipeline_name
from dropforge_core.records import Arrival
from dropforge_core.times import iso, parsed

# What a job's file system can hold: SageMaker writes each object to a file named like its key.
_LONGEST_NAME = 255
# What S3 calls the one version of an object in a bucket that keeps none.
_NO_VERSION = {"", "null"}
NO_PIPELINE = ""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class _Bucket(_Part):
    name: str


class _Object(_Part):
    key: str = Field(min_length=1, max_length=1024)
    size: int = Field(ge=0)
    etag: str = Field(min_length=1)
    sequencer: str = Field(min_length=1, pattern=r"^[0-9A-Fa-f]+$")
    version_id: str = Field(default="", alias="version-id")


class _Detail(_Part):
    bucket: _Bucket
    object: _Object


class ObjectCreated(_Part):
    """The event as EventBridge delivers it; its keys are not URL-encoded.

    Source: docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html.
    """

    source: Literal["aws.s3"]
    detail_type: Literal["Object Created"] = Field(alias="detail-type")
    time: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$")
    detail: _Detail


class Dropped(NamedTuple):
    """An arrival and the pipeline that it names, NO_PIPELINE when it names none."""

    pipeline: str
    arrival: Arrival


def read_event(body: str, bucket: str) -> Dropped:
    """Read one event; what can be no data of a pipeline comes back IGNORED, with the reason.

    Raises:
        InvalidInputError: it is no such event, it is another bucket's, or the bucket keeps no
            versions: nobody could tell a second drop of a key from the first one told twice.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as err:
        raise InvalidInputError("No S3 Object Created event: it is not JSON.") from err
    return read_document(document, bucket)


def read_document(document: Any, bucket: str) -> Dropped:
    """Read one event as `read_event` does, from its JSON."""
    try:
        event = ObjectCreated.model_validate(document)
    except ValidationError as err:
        raise InvalidInputError(f"No S3 Object Created event: {_fields(err)}.") from err
    if event.detail.bucket.name != bucket:
        raise InvalidInputError("The event is of another bucket than this stack's data bucket.")
    moment = parsed(event.time)
    if moment is None:
        raise InvalidInputError("No S3 Object Created event: its time is no date.")
    dropped = event.detail.object
    if dropped.version_id in _NO_VERSION:
        raise InvalidInputError("The data bucket keeps no versions: enable its versioning.")
    arrival = Arrival(
        key=dropped.key,
        version_id=dropped.version_id,
        etag=dropped.etag.strip('"'),
        size=dropped.size,
        sequencer=dropped.sequencer,
        event_time=iso(moment),
    )
    pipeline = _pipeline_of(dropped.key)
    reason = why_ignored(pipeline, arrival.key, arrival.size)
    return Dropped(
        pipeline, replace(arrival, status="IGNORED", reason=reason) if reason else arrival
    )


def why_ignored(pipeline: str, key: str, size: int) -> str:
    """Say why an object can be no data of the pipeline that its key names; "" when it can."""
    if pipeline == NO_PIPELINE:
        return "The key does not lie in a folder incoming/<pipeline>/ with a pipeline's name."
    if size == 0:
        return "The object is empty."
    names = key.removeprefix(INCOMING).split("/")
    if any(name in {"", ".", ".."} for name in names):
        return "The key cannot be a file's path: a part of it is empty, a dot or two dots."
    if any(len(name.encode()) > _LONGEST_NAME for name in names):
        return f"The key cannot be a file's path: a part has over {_LONGEST_NAME} bytes."
    if "\x00" in key:
        return "The key cannot be a file's path: it holds a NUL character."
    return ""


def record(ledger: Ledger, pipeline: str, arrivals: Iterable[Arrival]) -> list[Arrival]:
    """Record arrivals of one pipeline and return those that were new.

    An object for a pipeline that is not published is recorded as IGNORED, for good: publishing
    the pipeline later does not bring it back, dropping it again does.
    """
    found = list(arrivals)
    waiting = any(arrival.status == "WAITING" for arrival in found)
    if waiting and ledger.published(pipeline) is None:
        reason = f"The pipeline {pipeline} is not published."
        found = [
            replace(one, status="IGNORED", reason=reason) if one.status == "WAITING" else one
            for one in found
        ]
    return ledger.record(pipeline, found)


def _pipeline_of(key: str) -> str:
    name = key.removeprefix(INCOMING).partition("/")[0]
    in_folder = key.startswith(f"{INCOMING}{name}/")
    return name if in_folder and is_pipeline_name(name) else NO_PIPELINE


def _fields(error: ValidationError) -> str:
    """Name the fields that are wrong, and no value: an event may hold anything."""
    places = (".".join(map(str, problem["loc"])) or "the whole" for problem in error.errors())
    return "wrong or missing: " + ", ".join(places)
