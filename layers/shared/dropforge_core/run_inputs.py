"""What a run reads: chosen from the ledger, laid down in the data bucket, and marked as its own."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from dropforge_core import manifest
from dropforge_core.copies import copy_older

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_s3 import S3Client

    from dropforge_core.ledger import Ledger
    from dropforge_core.manifest import Selection
    from dropforge_core.records import Arrival, ArrivalStatus, Content, Run

type Document = dict[str, Any]


class HasS3(Protocol):
    """Whoever has the client: the functions' clients, or the tool's target."""

    @property
    def s3(self) -> S3Client:
        """S3's client, made when it is first asked for."""


@dataclass(frozen=True, kw_only=True)
class RunInputs:
    """The inputs of runs in one stack; only for the holder of a pipeline's lock."""

    ledger: Ledger
    clients: HasS3
    bucket: str

    def select(
        self, pipeline: str, arrivals: list[Arrival], *, requested: bool = False
    ) -> Selection:
        """Select what a run would read; what can no longer be read is IGNORED from now on.

        Unless a run was ``requested``, nobody looks at the bucket when nothing waits.
        """
        if not requested and not any(arrival.status == "WAITING" for arrival in arrivals):
            return manifest.select(arrivals)
        selection = manifest.select(arrivals, self._current(pipeline))
        if selection.lost:
            self.ledger.change_arrivals(pipeline, selection.lost)
        return selection

    def write(self, run: Run, selection: Selection) -> Document:
        """Write both manifests; return the ledger's."""
        document = manifest.ledger_manifest(run, self.bucket, selection)
        self._put(document)
        return document

    def read(self, run: Run) -> Document:
        """Return the ledger's manifest as it was written."""
        key = f"{manifest.folder(run.run_id)}manifest.json"
        answer = self.clients.s3.get_object(Bucket=self.bucket, Key=key)
        return dict(json.load(answer["Body"]))

    def keep_readable(self, run: Run) -> Run:
        """Let a run find what its manifest lists, in copies of what was replaced or deleted since.

        Returns the run as it is after that: its data tells how many those are, and is without what
        the bucket no longer has, as `copy_older` says. May be called again, and then goes on.
        """
        document = self.read(run)
        current = self._current(run.pipeline)
        objects = [
            one
            if one["path"] != one["key"] or current.get(one["key"]) == (one["etag"], one["size"])
            else {**one, "path": manifest.copy_key(run, one["key"]), "restored": True}
            for one in document["objects"]
        ]
        if objects != document["objects"]:
            document = {**document, "objects": objects}
            self._put(document)
        return self.copy_older(run, document)

    def copy_older(self, run: Run, document: Document) -> Run:
        """Copy the versions that are no longer current; return the run as it is after that.

        It goes without those that the bucket no longer has: they are no longer among the manifests'
        objects, and their arrivals are IGNORED. May be called again, and then goes on where it
        stopped.
        """
        gone: list[Document] = []
        if any(one["path"] != one["key"] for one in document["objects"]):
            gone = copy_older(self.clients.s3, document)
        if gone:
            self._ignore(run, gone)
            keys = {one["key"] for one in gone}
            left = [one for one in document["objects"] if one["key"] not in keys]
            document = {**document, "objects": left, "lost": [*document.get("lost", []), *gone]}
        data = run.data | _sizes(document)
        if data != run.data:
            self.ledger.change_run(run.run_id, {"data": data})
        if gone:
            # Last: whoever goes on after a death here finds the same versions gone.
            self._put(document)
        return replace(run, data=data)

    def mark(self, pipeline: str, selection: Selection, run: Run | None) -> None:
        """Give the arrivals that wait their fate; without a run only the superseded have one."""
        marked = [
            replace(
                old,
                status="SKIPPED",
                run_id=run.run_id if run else new.run_id,
                reason="A newer version of the object replaced it.",
            )
            for old, new in selection.superseded
        ]
        marked += [replace(one, run_id=run.run_id if run else "") for one in selection.left_out]
        if run is not None:
            marked += _marked([*selection.waiting, *selection.again], run)
            reason = (
                "The same bytes had been set aside before. "
                f"To bring them back: dropforge data {pipeline} --readmit KEY"
            )
            marked += [
                replace(one, status="SET_ASIDE", run_id=run.run_id, reason=reason)
                for one in selection.barred
            ]
        self.ledger.change_arrivals(pipeline, marked)

    def mark_again(self, run: Run, document: Document, *, reads_new: bool) -> None:
        """Mark what waits and is in the run's manifest: its starter may have died before it did.

        In a pipeline that ``reads_new`` data also what failed runs have read: nothing else that was
        used is in its manifest.
        """
        taken = {"WAITING", "USED", "SKIPPED"} if reads_new else {"WAITING"}
        read = {(one["etag"], one["size"]) for one in document["objects"]}
        arrivals = self.ledger.arrivals(run.pipeline)
        mine = [one for one in arrivals if one.status in taken and one.content in read]
        self.ledger.change_arrivals(run.pipeline, _marked(mine, run))

    def _current(self, pipeline: str) -> dict[str, Content]:
        """Return what each key of the pipeline holds now."""
        pages = self.clients.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=manifest.prefix(pipeline)
        )
        return {
            found["Key"]: (found["ETag"].strip('"'), found["Size"])
            for page in pages
            for found in page.get("Contents", [])
        }

    def _ignore(self, run: Run, gone: Iterable[Document]) -> None:
        arrivals = (
            self.ledger.arrival(run.pipeline, one["key"], one["version_id"]) for one in gone
        )
        reason = f"The bucket no longer had this version when the run {run.run_id} was to read it."
        self.ledger.change_arrivals(
            run.pipeline, (replace(one, status="IGNORED", reason=reason) for one in arrivals if one)
        )

    def _put(self, document: Document) -> None:
        # The ledger's last: who goes on after a death reads it, and writes both again.
        files = {
            "input.manifest": manifest.input_manifest(document),
            "manifest.json": document,
        }
        for name, content in files.items():
            self.clients.s3.put_object(
                Bucket=self.bucket,
                Key=f"{manifest.folder(document['run_id'])}{name}",
                Body=json.dumps(content).encode(),
                ContentType="application/json",
            )


def _sizes(document: Document) -> dict[str, int]:
    """Return what contracts.RunData says of a manifest."""
    objects = document["objects"]
    sizes = {"objects": len(objects), "bytes": sum(one["size"] for one in objects)}
    told = {
        "restored": sum("restored" in one for one in objects),
        "lost": len(document.get("lost", [])),
    }
    return sizes | {name: count for name, count in told.items() if count}


def _marked(arrivals: Iterable[Arrival], run: Run) -> list[Arrival]:
    fate: ArrivalStatus = "IN_RUN" if run.status == "RUNNING" else "SKIPPED"
    return [
        replace(arrival, status=fate, run_id=run.run_id, reason=run.reason) for arrival in arrivals
    ]
