"""The ledger: one DynamoDB table of pipelines, arrivals, locks, runs and endpoint waits.

======================= ===================== =====================================================
pk                      sk                    what
======================= ===================== =====================================================
``PIPELINES``           ``<name>``            the published pipeline: version, uri, config
``PIPELINE#<name>``     ``LOCK``              who starts or is the run (records.Lock)
``PIPELINE#<name>``     ``LOOK``              until when somebody has been asked to look
``PIPELINE#<name>``     ``ARRIVAL#<sha256>``  one object version and its fate (records.Arrival)
``PIPELINE#<name>``     ``REQUEST#<id>``      a start without new data (records.Request)
``PIPELINE#<name>``     ``RUN#<run id>``      one run, as ``show`` prints it (records.Run)
``PIPELINE#<name>``     ``MANIFEST#<hash>``   the run that used this very set of contents
``ENDPOINT#<name>``     ``WAIT``              the task token that waits for this endpoint
``APPROVALS``           ``<pipeline>``        the run that waits for a person (records.Approval)
======================= ===================== =====================================================

Reads are consistent and steps are conditional writes, so that repeating a step changes nothing.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import asdict, fields, replace
from itertools import batched
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr

from dropforge_core.naming import pipeline_of_run
from dropforge_core.published import PublishedPipeline
from dropforge_core.records import Approval, Arrival, Lock, Request, Run
from dropforge_core.table import NEW, TRANSACT_WRITE, ConditionFailedError, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from boto3.dynamodb.conditions import ConditionBase
    from mypy_boto3_dynamodb import DynamoDBClient

# A starter is a function, whose timeout is far below: whoever holds STARTING longer has died.
STARTING_SECONDS = 300
# Longer than the queue and its dead letters keep a message.
REQUEST_SECONDS = 60 * 86_400
_GOING = Attr("status").is_in(["RUNNING", "WAITING_FOR_APPROVAL"])


class Ledger:
    """The ledger of one stack; used by the functions and by the tool."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        """Use the table of this name."""
        self._table = Table(client, table)

    # Pipelines.

    def publish(self, pipeline: PublishedPipeline, uri: str, published_at: str) -> None:
        """Make this the pipeline's current version; runs that go on keep theirs."""
        self._table.put(
            {
                "pk": "PIPELINES",
                "sk": pipeline.name,
                "version": pipeline.version,
                "uri": uri,
                "config": pipeline.model_dump_json(exclude_none=True),
                "published_at": published_at,
            }
        )

    def published(self, pipeline: str) -> PublishedPipeline | None:
        """Return the pipeline's current version, None when it was never published."""
        item = self._table.get("PIPELINES", pipeline)
        return PublishedPipeline.model_validate_json(item["config"]) if item else None

    def pipelines(self) -> list[str]:
        """List the names of the published pipelines."""
        return [item["sk"] for item in self._table.query("PIPELINES")]

    # Arrivals.

    def record(self, pipeline: str, arrivals: Iterable[Arrival]) -> list[Arrival]:
        """Record arrivals, each once for ever, and return those that were new."""
        items = [_arrival_item(pipeline, arrival) for arrival in arrivals]
        return [_read(Arrival, item) for item in self._table.put_all_new(items)]

    def arrival(self, pipeline: str, key: str, version_id: str) -> Arrival | None:
        """Return one object version's arrival, None when no event of it has been handled yet."""
        item = self._table.get(_partition(pipeline), _arrival_key(key, version_id))
        return _read(Arrival, item) if item else None

    def arrivals(self, pipeline: str) -> list[Arrival]:
        """Return all arrivals of a pipeline."""
        items = self._table.query(_partition(pipeline), "ARRIVAL#")
        return [_read(Arrival, item) for item in items]

    def change_arrivals(self, pipeline: str, arrivals: Iterable[Arrival]) -> None:
        """Overwrite arrivals; only for the holder of the pipeline's lock and for its run's end."""
        self._table.put_all(_arrival_item(pipeline, arrival) for arrival in arrivals)

    def change_arrivals_under(self, lock: Lock, changes: Iterable[tuple[Arrival, Arrival]]) -> int:
        """Change arrivals, each from what was read, while the lock is as it was read.

        That is the caller's own, or that of a run that is going: no starter chooses data meanwhile.
        All of up to 99 change or none, then the next 99. Returns how many have changed: fewer than
        were given when an arrival or the lock is no longer as it was read.
        """
        partition = _partition(lock.pipeline)
        held = {"ConditionCheck": self._table.checking(partition, "LOCK", _unchanged(lock))}
        changed = 0
        for batch in batched(changes, TRANSACT_WRITE - 1, strict=False):
            puts = [
                self._table.putting(_arrival_item(lock.pipeline, new), _as_read(old))
                for old, new in batch
            ]
            try:
                self._table.transact([held, *({"Put": put} for put in puts)])
            except ConditionFailedError:
                break
            changed += len(batch)
        return changed

    # Requests.

    def record_requests(self, pipeline: str, requests: Iterable[Request]) -> list[Request]:
        """Record requests to start, each once, and return those that were new."""
        items = [_request_item(pipeline, request) for request in requests]
        return [_read(Request, item) for item in self._table.put_all_new(items)]

    def request(self, pipeline: str, request_id: str) -> Request | None:
        """Return one request, None when its message has not been handled yet."""
        item = self._table.get(_partition(pipeline), f"REQUEST#{request_id}")
        return _read(Request, item) if item else None

    def waiting_requests(self, pipeline: str) -> list[Request]:
        """Return the requests that no run has taken yet."""
        items = self._table.query(_partition(pipeline), "REQUEST#")
        return [one for item in items if (one := _read(Request, item)).status == "WAITING"]

    def settle_requests(
        self, pipeline: str, requests: Iterable[Request], run: Run, now: int
    ) -> None:
        """Note which run took these; only for the holder of the pipeline's lock.

        They are kept for as long as a message that tells of them may come again.
        """
        taken = (replace(one, status="TAKEN", run_id=run.run_id) for one in requests)
        kept = {"expires_at": now + REQUEST_SECONDS}
        self._table.put_all(_request_item(pipeline, one) | kept for one in taken)

    # The lock.

    def look_at(self, pipeline: str) -> int:
        """Return the moment, in epoch seconds, for which a look was last asked for; 0 for none."""
        item = self._table.get(_partition(pipeline), "LOOK")
        return int(item["look_at"]) if item else 0

    def put_look(self, pipeline: str, moment: int) -> None:
        """Note that somebody was asked to look then; only for the holder of the lock."""
        self._table.put({"pk": _partition(pipeline), "sk": "LOOK", "look_at": moment})

    def lock(self, pipeline: str) -> Lock | None:
        """Return who holds the pipeline."""
        item = self._table.get(_partition(pipeline), "LOCK")
        return _read(Lock, item) if item else None

    def acquire(self, pipeline: str, owner: str, now: int) -> Lock | None:
        """Take the lock when it is free or its starter has died; None when somebody has it.

        A lock that was taken over keeps the ``run_id`` that the dead starter had recorded.
        """
        died = Attr("phase").eq("STARTING") & Attr("locked_at").lt(now - STARTING_SECONDS)
        changes = {"pipeline": pipeline, "owner": owner, "phase": "STARTING", "locked_at": now}
        try:
            item = self._table.update(_partition(pipeline), "LOCK", changes, NEW | died)
        except ConditionFailedError:
            return None
        return _read(Lock, item)

    def renew(self, lock: Lock, now: int) -> None:
        """Hold on to a lock for longer than a starter takes.

        Raises:
            ConditionFailedError: the lock was lost.
        """
        self._table.update(_partition(lock.pipeline), "LOCK", {"locked_at": now}, _owned(lock))

    def open_run(self, lock: Lock, run: Run, execution_input: str = "") -> None:
        """Record a run, its manifest and whose the lock is now: all at once or not at all.

        A rollback uses no data, so its manifest's run stays the one that trained on it.

        Raises:
            ConditionFailedError: the lock was lost, or there is a run of this id.
        """
        partition = _partition(run.pipeline)
        holder = {"run_id": run.run_id, "execution_input": execution_input}
        manifest = {"pk": partition, "sk": f"MANIFEST#{run.manifest_hash}", "run_id": run.run_id}
        writes = [
            {"Update": self._table.updating(partition, "LOCK", holder, _owned(lock))},
            {"Put": self._table.putting(_run_item(run), NEW)},
        ]
        if run.kind == "RETRAIN":
            writes.append({"Put": self._table.putting(manifest)})
        self._table.transact(writes)

    def reopen_run(self, lock: Lock, run: Run, execution_input: str) -> None:
        """Record a failed run's next attempt, and whose the lock is now, or nothing at all.

        Raises:
            ConditionFailedError: the lock was lost, or the run is no longer as the attempt before
                left it.
        """
        partition = _partition(run.pipeline)
        holder = {"run_id": run.run_id, "execution_input": execution_input}
        failed = Attr("status").eq("FAILED") & Attr("attempt").eq(run.attempt - 1)
        self._table.transact(
            [
                {"Update": self._table.updating(partition, "LOCK", holder, _owned(lock))},
                {"Put": self._table.putting(_run_item(run), failed)},
            ]
        )

    def cancel_attempt(self, lock: Lock, before: Run) -> None:
        """Forget an attempt that AWS refused to start: the run is as ``before``, the lock free."""
        partition = _partition(lock.pipeline)
        mine = Attr("status").eq("RUNNING") & Attr("attempt").eq(before.attempt + 1)
        with suppress(ConditionFailedError):
            self._table.transact(
                [
                    {"Delete": self._table.deleting(partition, "LOCK", _owned(lock))},
                    {"Put": self._table.putting(_run_item(before), mine)},
                ]
            )

    def cancel_run(self, lock: Lock, run_id: str) -> None:
        """Forget a run whose execution was refused, and give back the lock; nobody saw it run."""
        partition = _partition(lock.pipeline)
        running = Attr("status").eq("RUNNING")
        with suppress(ConditionFailedError):
            self._table.transact(
                [
                    {"Delete": self._table.deleting(partition, "LOCK", _owned(lock))},
                    {"Delete": self._table.deleting(partition, f"RUN#{run_id}", running)},
                ]
            )

    def hand_to_run(self, lock: Lock, run_id: str) -> None:
        """Let the run have the lock; nothing changes when the run has ended already."""
        condition = _owned(lock) & Attr("run_id").eq(run_id)
        with suppress(ConditionFailedError):
            self._table.update(_partition(lock.pipeline), "LOCK", {"phase": "RUNNING"}, condition)

    def release(self, lock: Lock) -> None:
        """Give back a lock under which nothing was begun, or all that was begun has ended."""
        with suppress(ConditionFailedError):
            self._table.delete(_partition(lock.pipeline), "LOCK", _owned(lock))

    def give_up(self, lock: Lock) -> None:
        """After a failure: free the lock, or let anyone go on at once with the run in it."""
        partition = _partition(lock.pipeline)
        nothing_begun = _owned(lock) & Attr("run_id").not_exists()
        try:
            self._table.delete(partition, "LOCK", nothing_begun)
        except ConditionFailedError:
            with suppress(ConditionFailedError):
                self._table.update(partition, "LOCK", {"locked_at": 0}, _owned(lock))

    def release_run(self, pipeline: str, run_id: str) -> None:
        """Give back the lock that a run holds; another run's lock stays."""
        with suppress(ConditionFailedError):
            self._table.delete(_partition(pipeline), "LOCK", Attr("run_id").eq(run_id))

    def take_back(self, pipeline: str, run_id: str, now: int) -> bool:
        """Let a run that gave its pipeline back hold it again; False when somebody else does."""
        mine = Attr("run_id").eq(run_id) & Attr("phase").eq("RUNNING")
        lock = Lock(pipeline=pipeline, owner=run_id, phase="RUNNING", locked_at=now, run_id=run_id)
        try:
            self._table.update(_partition(pipeline), "LOCK", asdict(lock), NEW | mine)
        except ConditionFailedError:
            return False
        return True

    # Runs.

    def run(self, run_id: str) -> Run | None:
        """Return one run.

        Raises:
            ValueError: the text is no run id.
        """
        item = self._table.get(_partition(pipeline_of_run(run_id)), f"RUN#{run_id}")
        return _read(Run, item) if item else None

    def runs(self, pipeline: str | None = None) -> list[Run]:
        """Return the runs of one pipeline or of all, newest first."""
        names = self.pipelines() if pipeline is None else [pipeline]
        items = (item for name in names for item in self._table.query(_partition(name), "RUN#"))
        return sorted(
            (_read(Run, item) for item in items),
            key=lambda run: (run.started_at, run.run_id),
            reverse=True,
        )

    def run_of_manifest(self, pipeline: str, manifest_hash: str) -> Run | None:
        """Return the run that used this very set of contents last."""
        item = self._table.get(_partition(pipeline), f"MANIFEST#{manifest_hash}")
        return self.run(item["run_id"]) if item else None

    def forget_manifest(self, run: Run) -> None:
        """Let the set of contents that this run used last run again."""
        sort_key = f"MANIFEST#{run.manifest_hash}"
        with suppress(ConditionFailedError):
            self._table.delete(_partition(run.pipeline), sort_key, Attr("run_id").eq(run.run_id))

    def put_run(self, run: Run) -> None:
        """Record a run that never has an execution."""
        self._table.put(_run_item(run))

    def change_run(self, run_id: str, changes: Mapping[str, Any]) -> bool:
        """Change a run that has not ended; False, and nothing changed, when it has."""
        partition = _partition(pipeline_of_run(run_id))
        try:
            self._table.update(partition, f"RUN#{run_id}", dict(changes), _GOING)
        except ConditionFailedError:
            return False
        return True

    # Approvals.

    def put_approval(self, approval: Approval) -> bool:
        """Keep a run's wait in place of an older run's; False when a newer run waits."""
        # Run ids of one pipeline sort by time.
        newest = NEW | Attr("run_id").lte(approval.run_id)
        try:
            self._table.update("APPROVALS", approval.pipeline, asdict(approval), newest)
        except ConditionFailedError:
            return False
        return True

    def approval(self, pipeline: str) -> Approval | None:
        """Return the wait of the pipeline's run that waits for a person."""
        item = self._table.get("APPROVALS", pipeline)
        return _read(Approval, item) if item else None

    def approvals(self) -> list[Approval]:
        """Return all waits for a person."""
        return [_read(Approval, item) for item in self._table.query("APPROVALS")]

    def delete_approval(self, pipeline: str, run_id: str) -> None:
        """Forget a run's wait; another run's stays."""
        with suppress(ConditionFailedError):
            self._table.delete("APPROVALS", pipeline, Attr("run_id").eq(run_id))

    def mark_removed(self, run_id: str, moment: str) -> None:
        """Note that nothing of a run that has ended is left in SageMaker."""
        partition = _partition(pipeline_of_run(run_id))
        self._table.update(
            partition, f"RUN#{run_id}", {"removed_at": moment}, Attr("ended_at").attribute_type("S")
        )

    # Endpoint waits.

    def put_wait(self, endpoint: str, task_token: str, stored_at: str, expires_at: int) -> None:
        """Keep the task token that waits for an endpoint; ``expires_at`` in epoch seconds."""
        self._table.put(
            {
                "pk": _wait_partition(endpoint),
                "sk": "WAIT",
                "task_token": task_token,
                "stored_at": stored_at,
                "expires_at": expires_at,
            }
        )

    def waiting_token(self, endpoint: str) -> str | None:
        """Return the task token that waits for an endpoint."""
        item = self._table.get(_wait_partition(endpoint), "WAIT")
        return str(item["task_token"]) if item else None

    def delete_wait(self, endpoint: str, task_token: str) -> None:
        """Forget this token; a newer one of the same endpoint stays."""
        with suppress(ConditionFailedError):
            self._table.delete(_wait_partition(endpoint), "WAIT", Attr("task_token").eq(task_token))


def _partition(pipeline: str) -> str:
    return f"PIPELINE#{pipeline}"


def _wait_partition(endpoint: str) -> str:
    # Endpoint names are unique without regard to case.
    return f"ENDPOINT#{endpoint.lower()}"


def _owned(lock: Lock) -> ConditionBase:
    return Attr("owner").eq(lock.owner) & Attr("phase").eq("STARTING")


def _unchanged(lock: Lock) -> ConditionBase:
    condition = Attr("owner").eq(lock.owner) & Attr("phase").eq(lock.phase)
    run = Attr("run_id")
    return condition & (run.eq(lock.run_id) if lock.run_id else run.not_exists())


def _as_read(arrival: Arrival) -> ConditionBase:
    return Attr("status").eq(arrival.status) & Attr("run_id").eq(arrival.run_id)


def _arrival_key(key: str, version_id: str) -> str:
    # A key may have 1,024 bytes, a sort key no more: so it goes in as a hash.
    return f"ARRIVAL#{hashlib.sha256(f'{key}\0{version_id}'.encode()).hexdigest()}"


def _arrival_item(pipeline: str, arrival: Arrival) -> dict[str, Any]:
    sort_key = _arrival_key(arrival.key, arrival.version_id)
    return {"pk": _partition(pipeline), "sk": sort_key, **asdict(arrival)}


def _request_item(pipeline: str, request: Request) -> dict[str, Any]:
    sort_key = f"REQUEST#{request.request_id}"
    return {"pk": _partition(pipeline), "sk": sort_key, **asdict(request)}


def _run_item(run: Run) -> dict[str, Any]:
    return {"pk": _partition(run.pipeline), "sk": f"RUN#{run.run_id}", **asdict(run)}


def _read[T: Arrival | Request | Run | Lock | Approval](
    kind: type[T], item: Mapping[str, Any]
) -> T:
    """Read an item as a record; an attribute that a newer version added is left aside."""
    known = {one.name for one in fields(kind)}
    return kind(**{name: value for name, value in item.items() if name in known})
