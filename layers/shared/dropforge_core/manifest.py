"""The data of a run: which objects it reads, and the two manifests that say so."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dropforge_core.naming import INCOMING, RUN_ID_LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dropforge_core.records import Arrival, Content, Run

# What a function can copy within its 30 seconds, by half of what S3's parallel parts allow.
LARGEST_COPY = 10 * 1024**3
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
_KEY_BYTES = 1024


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What a run of a pipeline would read now.

    ``objects``: one object for each distinct content, sorted by key; ``replaced``: the keys of
    those whose version is no longer the current one, and is to be read from a copy; ``waiting``:
    the arrivals that wait and would be served by that run; ``superseded``: the arrivals that wait
    although a newer version of their key has come, each with that newer version; ``barred``: the
    arrivals that wait although their bytes were set aside; ``lost``: the arrivals that can no
    longer be read, IGNORED with the reason; ``again``: what no run but failed ones has read, in a
    pipeline that reads what is new; ``left_out``: what waits and is outside the pipeline's window.
    """

    objects: list[Arrival]
    replaced: frozenset[str]
    waiting: list[Arrival]
    superseded: list[tuple[Arrival, Arrival]]
    barred: list[Arrival]
    lost: list[Arrival]
    again: list[Arrival] = field(default_factory=list)
    left_out: list[Arrival] = field(default_factory=list)

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
    def event_times(self) -> list[str]:
        """The S3 event of each object that waits, or when it was readmitted."""
        return [one.readmitted_at or one.event_time for one in (*self.waiting, *self.barred)]


def select(arrivals: Iterable[Arrival], current: Mapping[str, Content] | None = None) -> Selection:
    """Select what a run reads: all data of the pipeline, each content once.

    Of each key the newest version counts that was neither set aside nor refused, and nothing if
    that one is empty. Set aside are contents, under whatever key they came or come again; so are
    those in quarantine, but they are tried again when they are dropped again: perhaps the rules
    have changed. Objects with the same ETag and size count as the same content; the one that came
    first stands for them. (With SSE-KMS an ETag is not a hash of the content: there every upload is
    new.)

    Args:
        arrivals: all of the pipeline's.
        current: what each key holds in the bucket; a key that is not in it was deleted. None: as
            the arrivals say.
    """
    known = list(arrivals)
    aside = {arrival.content for arrival in known if arrival.status == "SET_ASIDE"}
    refused = {arrival.content for arrival in known if arrival.status == "QUARANTINED"}
    left_out = aside | (refused - {one.content for one in known if one.status == "WAITING"})
    lost: list[Arrival] = []
    superseded: list[tuple[Arrival, Arrival]] = []
    kept: list[Arrival] = []
    replaced: set[str] = set()
    for key, versions in newest_first(one for one in known if one.content not in left_out).items():
        now = versions[0].content if current is None else current.get(key)
        newest = _newest_readable(versions, now, lost)
        if newest is None:
            continue
        older = versions[versions.index(newest) + 1 :]
        superseded += [(arrival, newest) for arrival in older if arrival.status == "WAITING"]
        if newest.status == "IGNORED":
            continue
        kept.append(newest)
        if newest.content != now:
            replaced.add(key)
    objects = _each_content_once(kept, replaced)
    return Selection(
        objects=objects,
        replaced=frozenset(replaced & {one.key for one in objects}),
        waiting=[arrival for arrival in kept if arrival.status == "WAITING"],
        superseded=superseded,
        barred=[one for one in known if one.status == "WAITING" and one.content in aside],
        lost=lost,
    )


def newest_first(arrivals: Iterable[Arrival]) -> dict[str, list[Arrival]]:
    """Return each key's versions that say something of its content, the newest first.

    S3's sequencers are compared as text, the shorter one padded with zeros on its right
    (docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html).
    """
    telling = [one for one in arrivals if one.status != "IGNORED" or one.size == 0]
    width = max((len(arrival.sequencer) for arrival in telling), default=0)

    def order(arrival: Arrival) -> tuple[str, str, str]:
        padded = arrival.sequencer.upper().ljust(width, "0")
        return padded, arrival.event_time, arrival.version_id

    found: dict[str, list[Arrival]] = defaultdict(list)
    for arrival in sorted(telling, key=order, reverse=True):
        found[arrival.key].append(arrival)
    return found


def ledger_manifest(run: Run, bucket: str, selection: Selection) -> dict[str, Any]:
    """Return the ledger's manifest: each object with version, ETag and size.

    ``path`` is the key that the job reads, and the object's place below the job's data folder. The
    ETag is the recorded version's own, also where that one is read from a copy: the copy has the
    same bytes, though perhaps another ETag. ``new`` are those with bytes that were dropped for this
    run: what the job finds in them decides whether anything is made of the rest.
    """
    waiting = {one.content for one in (*selection.waiting, *selection.again)}
    return {
        "run_id": run.run_id,
        "pipeline": run.pipeline,
        "bucket": bucket,
        "prefix": prefix(run.pipeline),
        "objects": [
            {
                "key": one.key,
                "version_id": one.version_id,
                "etag": one.etag,
                "size": one.size,
                "path": copy_key(run, one.key) if one.key in selection.replaced else one.key,
                "new": one.content in waiting,
                "arrived_at": one.event_time,
            }
            for one in selection.objects
        ],
    }


def input_manifest(document: Mapping[str, Any]) -> list[Any]:
    """Return SageMaker's ManifestFile for a ledger's manifest: the bucket, then the paths in it.

    The prefix is the whole bucket, for objects and copies have no longer one in common; so the
    paths in the job are the same, whether SageMaker puts the prefix before them or not.
    Source: docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3DataSource.html.
    """
    return [
        {"prefix": f"s3://{document['bucket']}/"},
        *(one["path"] for one in document["objects"]),
    ]


def prefix(pipeline: str) -> str:
    """Return where a pipeline's data is dropped."""
    return f"{INCOMING}{pipeline}/"


def folder(run_id: str) -> str:
    """Return where the data bucket keeps what belongs to a run: manifests and copies."""
    return f"runs/{run_id}/"


def copies(run_id: str) -> str:
    """Return where the copies of versions that are no longer current lie."""
    return f"{folder(run_id)}data/"


def copy_key(run: Run, key: str) -> str:
    """Return where a run reads an object from whose version is no longer the current one."""
    return copies(run.run_id) + _name(key)


def _name(key: str) -> str:
    """Return a key without ``incoming/<pipeline>/``."""
    return key.split("/", 2)[2]


def _newest_readable(
    versions: list[Arrival], now: Content | None, lost: list[Arrival]
) -> Arrival | None:
    """Find the newest version that a job could read; add those that it no longer could to lost."""
    if now is None:
        lost += _ignored(
            (one for one in versions if one.status == "WAITING"),
            "The object was gone before a run read it.",
        )
        return None
    for arrival in versions:
        reason = _why_not_copied(arrival) if arrival.content != now else ""
        if not reason or arrival.status == "IGNORED":
            return arrival
        lost += _ignored([arrival], reason)
    return None


def _why_not_copied(arrival: Arrival) -> str:
    if arrival.size > LARGEST_COPY:
        largest = LARGEST_COPY // 1024**3
        return f"Another version is current, and one of over {largest} GiB is not copied for a run."
    longest = f"{copies('r' * RUN_ID_LENGTH)}{_name(arrival.key)}"
    if len(longest.encode()) > _KEY_BYTES:
        return "Another version is current, and the key is too long to be copied for a run."
    return ""


def _ignored(arrivals: Iterable[Arrival], reason: str) -> Iterator[Arrival]:
    return (replace(arrival, status="IGNORED", reason=reason) for arrival in arrivals)


def _each_content_once(arrivals: Iterable[Arrival], replaced: set[str]) -> list[Arrival]:
    """Let one object stand for each content: one that needs no copy, of these the first to come."""
    contents: dict[Content, Arrival] = {}
    for arrival in sorted(arrivals, key=lambda one: (one.key in replaced, one.event_time, one.key)):
        contents.setdefault(arrival.content, arrival)
    return sorted(contents.values(), key=lambda one: one.key)
