"""Start a run for what waits: at most one run of a pipeline at a time, and no event is lost.

What waits is data, or a request to start without new data: both are recorded first, and what is
said here of arrivals holds for requests (`start_requests.py`).

Why none is lost. An arrival is recorded before anybody asks for the lock on its behalf, and a
message leaves the queue only after ``start_waiting`` has returned. Whoever asks

* gets the lock: reads all arrivals after that, so it sees this one;
* finds a run going: that run's end releases the lock and *then* asks for it again, so it reads
  after this arrival was recorded. Should its execution have ended without that, FinishRun is told
  what EventBridge has not told it, closes the run, and asks;
* finds that the data is to wait on, for quiet or for a marker: asks for a look at the moment when
  it may go, before the lock is given back, so that whoever comes next knows of it (asking.py);
* finds somebody STARTING, who may have read before this arrival was recorded: waits for a moment
  and asks again, and at last raises, so that the message or the finishing state is tried again.

A starter that dies leaves the lock in STARTING. Until its run is recorded nothing has happened, so
the next one starts afresh. From then on the lock names the run, and the next one goes on with that
run, of which every step may be repeated: run, manifest and lock change in one transaction, arrivals
are marked by what the run's manifest lists, copies that were made are not made again, and an
execution's name is the run's id and attempt, so that ``ExecutionAlreadyExists`` says that it was
started. A rollback and a redrive go on as the very one that was asked for: what its execution
starts with is in the lock. A failure that is no death leaves the lock in the same state but free to
take. The same batch delivered twice records nothing new, and finds a run going or nothing that
waits.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from dropforge_core import manifest
from dropforge_core.asking import Looks
from dropforge_core.contracts import EndpointChange, RetrainInput, RunEnd
from dropforge_core.errors import ServiceUnavailableError
from dropforge_core.executions import death, execution_died
from dropforge_core.flight import Flight
from dropforge_core.naming import run_id
from dropforge_core.narrowing import only_new, window
from dropforge_core.records import Run
from dropforge_core.redriving import retake_data
from dropforge_core.run_inputs import RunInputs
from dropforge_core.start_time import release
from dropforge_core.table import ConditionFailedError
from dropforge_core.times import iso, parsed, seconds_between, utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from dropforge_core.clients import Clients
    from dropforge_core.ledger import Ledger
    from dropforge_core.manifest import Selection
    from dropforge_core.published import PublishedPipeline
    from dropforge_core.records import Arrival, Cause, Lock, Request


@dataclass(frozen=True, kw_only=True)
class Starter:
    """Starts runs in one stack."""

    ledger: Ledger
    clients: Clients
    data_bucket: str
    state_machine: str
    notify_function: str
    queue: str
    finish_function: str = ""  # whom to tell of a run that is dead; whoever ends runs needs none
    now: Callable[[], datetime] = utc_now
    pause: Callable[[float], None] = time.sleep

    def start_waiting(self, pipeline: str) -> list[Run]:
        """Start a run for what waits; return the runs that this call made, the last one RUNNING.

        Several when a set of contents had been used before: that makes a SKIPPED run, which has
        no execution, and the next look may find more. Empty when nothing waits or a run is going.

        Raises:
            ServiceUnavailableError: another starter keeps the lock; ask again later.
            botocore.exceptions.ClientError: AWS refused a step; ask again to go on from there.
        """
        made: list[Run] = []
        while (lock := self._flight.acquire(pipeline)) is not None:
            try:
                run = self._resume(lock) if lock.run_id else self._start(lock)
            except Exception:
                with suppress(ClientError, BotoCoreError):
                    self.ledger.give_up(lock)
                raise
            if run is None and lock.run_id:
                continue  # What a dead starter had recorded has ended since: look afresh.
            if run is None:
                break
            made.append(run)
            if run.status == "RUNNING":
                break
        else:
            self._look_after_holder(pipeline)
        return made

    @property
    def _flight(self) -> Flight:
        return Flight(
            ledger=self.ledger,
            clients=self.clients,
            state_machine=self.state_machine,
            now=self.now,
            pause=self.pause,
        )

    @property
    def _inputs(self) -> RunInputs:
        return RunInputs(ledger=self.ledger, clients=self.clients, bucket=self.data_bucket)

    def _look_after_holder(self, pipeline: str) -> None:
        """Have the run that holds the pipeline closed if it is dead."""
        holder = self.ledger.lock(pipeline) if self.finish_function else None
        run = self.ledger.run(holder.run_id) if holder and holder.phase == "RUNNING" else None
        end = death(self.clients.stepfunctions, run, self.now()) if run else None
        if end is not None:
            self.clients.lambda_.invoke(
                FunctionName=self.finish_function,
                InvocationType="Event",
                Payload=json.dumps(execution_died(end)).encode(),
            )

    def _start(self, lock: Lock) -> Run | None:
        inputs = self._inputs
        requests = self.ledger.waiting_requests(lock.pipeline)
        arrivals = self.ledger.arrivals(lock.pipeline)
        waits = requests or any(arrival.status == "WAITING" for arrival in arrivals)
        config = self.ledger.published(lock.pipeline) if waits else None
        if config is None:
            self.ledger.release(lock)
            return None
        released = self._released(config, arrivals)
        selection = inputs.select(lock.pipeline, released, requested=bool(requests))
        selection = self._narrowed(config, selection, released)
        if not (selection.waiting or selection.barred or requests):
            inputs.mark(lock.pipeline, selection, None)
            self.ledger.release(lock)
            return None
        run = self._new_run(config, selection, requests)
        earlier = self.ledger.run_of_manifest(lock.pipeline, run.manifest_hash)
        used = earlier is not None and not _may_end_otherwise(earlier, config)
        # Whoever asks for a run without new data gets one, as long as there is data.
        if not selection.objects or not (requests or (selection.waiting and not used)):
            skipped = self._skip(run, earlier, selection)
            self._settle(skipped, requests)
            self.ledger.release(lock)
            return skipped
        document = inputs.write(run, selection)
        try:
            self.ledger.open_run(lock, run)
        except ConditionFailedError as err:
            message = f"The lock was lost or the run {run.run_id} exists: try again."
            raise ServiceUnavailableError(message) from err
        inputs.mark(lock.pipeline, selection, run)
        self._settle(run, requests)
        return self._launch(lock, inputs.copy_older(run, document), config)

    def _released(self, config: PublishedPipeline, arrivals: list[Arrival]) -> list[Arrival]:
        """Return what may be chosen from now; what is to wait on is looked at again."""
        released = release(arrivals, config.start, self.now())
        if released.markers:
            self.ledger.change_arrivals(config.name, released.markers)
        if released.look_at is not None:
            looks = Looks(ledger=self.ledger, clients=self.clients, queue=self.queue, now=self.now)
            looks.ask(config.name, released.look_at)
        return released.arrivals

    def _narrowed(
        self, config: PublishedPipeline, selection: Selection, arrivals: list[Arrival]
    ) -> Selection:
        """Leave out what the pipeline does not read."""
        if config.data is None:
            return selection
        if config.data.scope == "window":
            return window(selection, arrivals, config.data, self.now())
        runs = self.ledger.runs(config.name)
        failed = {run.run_id for run in runs if run.status == "FAILED"}
        return only_new(selection, arrivals, failed)

    def _resume(self, lock: Lock) -> Run | None:
        """Go on with the run that a starter had recorded and did not see through."""
        run = self._flight.recorded(lock)
        if run is None:
            return None
        if lock.execution_input:
            retake_data(self.ledger, run)
            return self._flight.launch(lock, run, lock.execution_input)
        config = self.ledger.published(lock.pipeline)
        if config is None:
            self.ledger.release(lock)
            return None
        document = self._inputs.read(run)
        reads_new = config.data is not None and config.data.scope == "new"
        self._inputs.mark_again(run, document, reads_new=reads_new)
        waiting = self.ledger.waiting_requests(run.pipeline)
        self._settle(run, [one for one in waiting if one.request_id in run.requests])
        if config.version != run.version:
            self.ledger.change_run(run.run_id, {"version": config.version})
        run = self._inputs.copy_older(replace(run, version=config.version), document)
        return self._launch(lock, run, config)

    def _settle(self, run: Run, requests: Sequence[Request]) -> None:
        now = int(self.now().timestamp())
        self.ledger.settle_requests(run.pipeline, requests, run, now)

    def _new_run(
        self, config: PublishedPipeline, selection: Selection, requests: Sequence[Request]
    ) -> Run:
        now = self.now()
        name = run_id(config.name, now, selection.manifest_hash)
        attempt = 1
        uri = f"s3://{self.data_bucket}/{manifest.folder(name)}manifest.json"
        return Run(
            run_id=name,
            pipeline=config.name,
            status="RUNNING",
            attempt=attempt,
            execution=self._flight.execution(name, attempt),
            version=config.version,
            manifest_hash=selection.manifest_hash,
            endpoint={"name": config.endpoint, "action": "NONE", "config": None},
            data={"objects": len(selection.objects), "bytes": selection.bytes, "manifest": uri},
            causes=_causes(selection, requests),
            requests=[one.request_id for one in requests],
            started_at=iso(now),
            first_event_at=min([*selection.event_times, *(one.asked_at for one in requests)]),
        )

    def _launch(self, lock: Lock, run: Run, config: PublishedPipeline) -> Run:
        start = RetrainInput(
            run_id=run.run_id,
            pipeline=run.pipeline,
            attempt=run.attempt,
            data=run.run_data,
            first_event_at=run.first_event_at,
            config=config,
        )
        return self._flight.launch(lock, run, json.dumps(start.dump()))

    def _skip(self, run: Run, earlier: Run | None, selection: Selection) -> Run:
        """Record a run without an execution, and have it told; it reads what an earlier one did."""
        ended = self.now()
        skipped = replace(
            run,
            status="SKIPPED",
            reason=_why_skipped(run.pipeline, earlier, selection),
            execution="",
            data={**run.data, "manifest": earlier.data["manifest"] if earlier else ""},
            ended_at=iso(ended),
            seconds=_seconds_since(run.first_event_at, ended),
        )
        self.ledger.put_run(skipped)
        self.clients.lambda_.invoke(
            FunctionName=self.notify_function,
            InvocationType="Event",
            Payload=json.dumps(_end_of(skipped).dump()).encode(),
        )
        self._inputs.mark(run.pipeline, selection, skipped)
        return skipped


def _causes(selection: Selection, requests: Sequence[Request]) -> list[Cause]:
    data: list[Cause] = ["DATA"] if selection.waiting or selection.barred else []
    return data + sorted({one.cause for one in requests})


def _why_skipped(pipeline: str, earlier: Run | None, selection: Selection) -> str:
    if not selection.objects and not selection.barred:
        return "There is no data to learn from: nothing that was dropped is new, or can be read."
    if selection.waiting and earlier and earlier.status == "SKIPPED":
        return f"This very data was refused before, by the run {earlier.run_id}: {earlier.reason}"
    if selection.waiting and earlier:
        return f"This very data was used before, by the run {earlier.run_id}."
    return (
        "All that was dropped has bytes that were set aside before. "
        f"To bring them back: dropforge data {pipeline} --readmit KEY"
    )


def _may_end_otherwise(earlier: Run, config: PublishedPipeline) -> bool:
    """Say whether data that an earlier run read may run again.

    After a failure, and when the pipeline has changed since a run that could not use all of it:
    then perhaps its rules have.
    """
    other_rules = "quarantine" in earlier.data and earlier.version != config.version
    return earlier.status == "FAILED" or other_rules


def _end_of(run: Run) -> RunEnd:
    return RunEnd(
        run_id=run.run_id,
        pipeline=run.pipeline,
        attempt=run.attempt,
        execution=run.execution,
        status="SKIPPED",
        data=run.run_data,
        first_event_at=run.first_event_at,
        reason=run.reason,
        endpoint=EndpointChange(name=run.endpoint["name"], action="NONE"),
    )


def _seconds_since(first_event_at: str, moment: datetime) -> float:
    return seconds_between(parsed(first_event_at) or moment, moment)
