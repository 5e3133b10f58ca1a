"""Close a run: its record, its arrivals, the pipeline's lock; then start what came meanwhile.

Each step may be repeated: a second call finds the record closed, leaves it, and goes through the
rest, which the first call may not have reached.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dropforge_core import aside, history, quarantine
from dropforge_core.contracts import (
    EndpointChange,
    Finished,
    RunEnd,
    StepError,
)
from dropforge_core.failures import describe
from dropforge_core.times import iso, parsed, seconds_between, utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from dropforge_core.approvals import Approvals
    from dropforge_core.clients import Clients
    from dropforge_core.contracts import ExecutionEnd
    from dropforge_core.ledger import Ledger
    from dropforge_core.records import Content, Run
    from dropforge_core.starting import Starter


@dataclass(frozen=True, kw_only=True)
class Finisher:
    """Closes runs in one stack."""

    ledger: Ledger
    clients: Clients
    starter: Starter
    approvals: Approvals
    now: Callable[[], datetime] = utc_now

    def finish(self, end: RunEnd) -> Finished:
        """Close a run and start its follow-up; ``closed`` is False when it was closed before.

        A run that the ledger does not know is no error: there is nothing to close. Neither is there
        when an earlier attempt's end is told once the run was redriven.

        Raises:
            ValueError: the run id is none.
            ServiceUnavailableError, botocore.exceptions.ClientError: a step failed; call again.
        """
        run = self.ledger.run(end.run_id)
        if run is None or run.attempt != end.attempt:
            return Finished(closed=False)
        closed = run.ended_at is None and self._close(run, end)
        self._settle_arrivals(run.run_id, end)
        self.ledger.delete_approval(run.pipeline, run.run_id)
        if end.status == "DEPLOYED" and run.kind == "RETRAIN":
            self.approvals.supersede(run.pipeline, run.run_id)
        # The lock goes only now, and the look for what waits comes after it: see starting.py.
        self.ledger.release_run(run.pipeline, run.run_id)
        self.approvals.look(run.pipeline)
        started = self.starter.start_waiting(run.pipeline)
        running = [one.run_id for one in started if one.status == "RUNNING"]
        return Finished(closed=closed, follow_up=running[-1] if running else None)

    def bury(self, end: ExecutionEnd) -> Finished:
        """Close a run whose execution ended without closing it, and have it told.

        An execution that is stopped, times out, or dies of an error that no Catch can see never
        gets to Finish. For one that did, there is nothing to close and nothing to tell.

        Raises:
            ValueError: the execution's name is no run id and attempt.
            ServiceUnavailableError, botocore.exceptions.ClientError: as `finish`.
        """
        run_id, _, attempt = end.name.rpartition("-")
        run = self.ledger.run(run_id)
        if run is None:
            return Finished(closed=False)
        error = StepError(step="Execution", error=end.error or end.status, cause=end.cause or "")
        death = RunEnd(
            run_id=run_id,
            pipeline=run.pipeline,
            attempt=int(attempt),
            execution=end.execution,
            status="FAILED",
            data=run.run_data,
            first_event_at=run.first_event_at,
            endpoint=EndpointChange(name=run.endpoint["name"], action="NONE"),
            restores=run.restores,
            error=error,
        )
        finished = self.finish(death)
        if finished.closed:
            self.clients.lambda_.invoke(
                FunctionName=self.starter.notify_function,
                InvocationType="Event",
                Payload=json.dumps(death.dump()).encode(),
            )
        return finished

    def _close(self, run: Run, end: RunEnd) -> bool:
        told = history.read(self._events, end.execution)
        ended = self.now()
        changes = {
            "status": end.status,
            "reason": describe(end.error) if end.error else end.reason,
            "rejected_by": end.rejected_by,
            "metrics": end.metrics,
            "champion_metrics": end.champion_metrics,
            "comparison": end.comparison,
            "model_package": end.model_package,
            "model_data": end.model_data or run.model_data,
            "data": run.data | _found_in(end),
            "jobs": [job.dump() for job in end.jobs],
            "training_metrics": end.training_metrics,
            "endpoint": {
                "name": end.endpoint.name,
                "action": end.endpoint.action,
                "config": end.endpoint.config,
            },
            "execution": end.execution,
            "steps": history.steps(told, ended),
            "billed_transitions": history.billed_transitions(told),
            "job_seconds": history.job_seconds(told),
            "endpoint_seconds": _endpoint_seconds(end.endpoint),
            "seconds": seconds_between(parsed(run.first_event_at) or ended, ended),
            "ended_at": iso(ended),
        }
        return self.ledger.change_run(run.run_id, changes)

    def _events(self, execution: str) -> Sequence[history.Event]:
        """Return an execution's events; none for one that is gone."""
        stepfunctions = self.clients.stepfunctions
        pages = stepfunctions.get_paginator("get_execution_history").paginate(
            executionArn=execution,
            includeExecutionData=True,
            PaginationConfig={"PageSize": 1000},
        )
        try:
            return [event for page in pages for event in page["events"]]
        except stepfunctions.exceptions.ExecutionDoesNotExist:
            return []

    def _settle_arrivals(self, run_id: str, end: RunEnd) -> None:
        """Give the run's arrivals their fate, by how the ledger says that it ended.

        When its model was judged too bad, what it was the first to read is set aside, lest it spoil
        every later run; otherwise the run used it. After a failure the same set may run again, once
        it is dropped again.
        """
        run = self.ledger.run(run_id)
        arrivals = self.ledger.arrivals(run.pipeline) if run else []
        if run is None or not any(one.is_read_by(run_id) for one in arrivals):
            return
        spoilt: set[Content] = set()
        if aside.spoils_its_data(run):
            spoilt = aside.first_read(arrivals, run, self.ledger.runs(run.pipeline))
        refused: dict[Content, str] = {}
        if end.rows.quarantined_objects:
            bucket = self.starter.data_bucket
            refused = quarantine.read_refused(self.clients.s3, bucket, run)
        settled = aside.settled(arrivals, run, spoilt)
        screened = end.rows.rows is not None
        changed = quarantine.settled(arrivals, run, refused, settled, screened=screened)
        self.ledger.change_arrivals(run.pipeline, changed)


def _found_in(end: RunEnd) -> dict[str, Any]:
    """Return what is known of the data by now, as contracts.RowCounts and where the rest lies."""
    return end.rows.dump() | ({"quarantine": end.quarantine} if end.quarantine else {})


def _endpoint_seconds(endpoint: EndpointChange) -> float:
    called, in_service = parsed(endpoint.called_at), parsed(endpoint.in_service_at)
    return seconds_between(called, in_service) if called and in_service else 0.0
