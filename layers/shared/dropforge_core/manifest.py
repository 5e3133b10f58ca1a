"""The data of a run: which objects it reads, and the two manifests that say so."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dropforge_core.naming import INCOMING
from dropforge_core.records import Arrival, Run


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What a run of a pipeline would read now.

    ``objects``: one object for each distinct content, sorted by key; ``waiting``: the arrivals
    that wait and would be served by that run; ``superseded``: the arrivals that wait although a
    newer version of their key has come, each with that newer version.
    """

    objects: list[Arrival]
    waiting: list[Arrival]
    superseded: list[tuple[Arrival, Arrival]]

    @property
    def manifest_hash(self) -> str:
        """SHA-256 over the set of contents: keys and the order of arrival do not count."""
        lines = sorted(f"{arrival.etag} {arrival.size}\n" for arrival in self.objects)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    @property
    def bytes(self) -> int:
        """The objects' total size."""
        return sum(arrival.size for arrival in self.objects)

    @property
    def first_event_at(self) -> str:
        """The S3 event of the first object that waits."""
        return min(arrival.event_time for arrival in self.waiting)


def select(arrivals: Iterable[Arrival]) -> Selection:
    """Select what a run reads: all data of the pipeline, each content once.

    Of each key only the newest version counts, and nothing if that one was ignored. Objects with
    the same ETag and size count as the same content; the one that came first stands for them.
    (With SSE-KMS an ETag is not a hash of the content: there every upload is new.)
    """
    known = list(arrivals)
    newest = _newest(known)
    kept = [arrival for arrival in newest.values() if arrival.status != "IGNORED"]
    contents: dict[tuple[str, int], Arrival] = {}
    for arrival in sorted(kept, key=lambda one: (one.event_time, one.key)):
        contents.setdefault((arrival.etag, arrival.size), arrival)
    return Selection(
        objects=sorted(contents.values(), key=lambda one: one.key),
        waiting=[arrival for arrival in kept if arrival.status == "WAITING"],
        superseded=[
            (arrival, newest[arrival.key])
            for arrival in known
            if arrival.status == "WAITING" and arrival is not newest[arrival.key]
        ],
    )


def ledger_manifest(run: Run, bucket: str, objects: Iterable[Arrival]) -> dict[str, Any]:
    """Return the ledger's manifest: each object with version, ETag and size."""
    return {
        "run_id": run.run_id,
        "pipeline": run.pipeline,
        "bucket": bucket,
        "prefix": prefix(run.pipeline),
        "objects": [
            {"key": one.key, "version_id": one.version_id, "etag": one.etag, "size": one.size}
            for one in objects
        ],
    }


def input_manifest(pipeline: str, bucket: str, objects: Iterable[Arrival]) -> list[Any]:
    """Return SageMaker's ManifestFile: the prefix, then each object's name after it.

    Source: docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3DataSource.html.
    """
    start = prefix(pipeline)
    names = [one.key.removeprefix(start) for one in objects]
    return [{"prefix": f"s3://{bucket}/{start}"}, *names]


def prefix(pipeline: str) -> str:
    """Return where a pipeline's data is dropped."""
    return f"{INCOMING}{pipeline}/"


def _newest(arrivals: Iterable[Arrival]) -> dict[str, Arrival]:
    """Find the newest version of each key.

    S3's sequencers are compared as text, the shorter one padded with zeros on its right
    (docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html).
    """
    known = list(arrivals)
    width = max((len(arrival.sequencer) for arrival in known), default=0)

    def order(arrival: Arrival) -> tuple[str, str, str]:
        padded = arrival.sequencer.upper().ljust(width, "0")
        return padded, arrival.event_time, arrival.version_id

    newest: dict[str, Arrival] = {}
    for arrival in sorted(known, key=order):
        newest[arrival.key] = arrival
    return newest
