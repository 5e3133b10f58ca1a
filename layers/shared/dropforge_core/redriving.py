"""Redrive a run that failed: another attempt of the same run, on the same manifest.

It is started as every run is (see `starting.py`), by somebody who holds the pipeline's lock. Its
execution's input is in the lock, as a rollback's is, so that whoever takes over a dead starter's
lock starts this very execution, or finds it started.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from dropforge_core.aws_errors import is_platform_fault
from dropforge_core.contracts import RetrainInput
from dropforge_core.records import Run
from dropforge_core.times import iso

if TYPE_CHECKING:
    from dropforge_core.contracts import Resume
    from dropforge_core.flight import Flight
    from dropforge_core.ledger import Ledger
    from dropforge_core.published import PublishedPipeline
    from dropforge_core.records import Lock

# What is remembered of an attempt that failed.
_KEPT = (
    *("attempt", "version", "execution", "reason", "started_at", "ended_at"),
    *("model_package", "billed_transitions", "steps"),
)
# What the run of an attempt that failed keeps for the next one.
_STAYS = (
    *("run_id", "pipeline", "kind", "manifest_hash", "causes", "requests"),
    *("started_at", "first_event_at"),
)


def redrive_run(
    flight: Flight, lock: Lock, run: Run, config: PublishedPipeline, resume: Resume | None
) -> Run:
    """Start a failed run's next attempt; ``resume`` says what need not be made again.

    Raises:
        ConditionFailedError: the lock was lost, or the run has changed; nothing has happened.
        botocore.exceptions.ClientError: AWS refused the execution, and the run is as it was; or the
            platform failed, and the attempt goes on with the next start.
    """
    again = _next_attempt(flight, run, config)
    start = RetrainInput(
        run_id=again.run_id,
        pipeline=again.pipeline,
        attempt=again.attempt,
        config=config,
        data=again.run_data,
        first_event_at=again.first_event_at,
        resume=resume,
    )
    execution_input = json.dumps(start.dump())
    flight.ledger.reopen_run(lock, again, execution_input)
    retake_data(flight.ledger, again)
    try:
        flight.start(again, execution_input)
    except ClientError as err:
        if not is_platform_fault(err):
            _give_data_back(flight.ledger, again)
            flight.ledger.cancel_attempt(lock, run)
        raise
    flight.ledger.hand_to_run(lock, again.run_id)
    return again


def retake_data(ledger: Ledger, run: Run) -> None:
    """Let a redriven run have what its earlier attempt had used; may be repeated."""
    if run.attempt > 1:
        used = [one for one in ledger.arrivals(run.pipeline) if one.run_id == run.run_id]
        mine = [replace(one, status="IN_RUN") for one in used if one.status == "USED"]
        ledger.change_arrivals(run.pipeline, mine)


def _give_data_back(ledger: Ledger, run: Run) -> None:
    mine = [one for one in ledger.arrivals(run.pipeline) if one.is_read_by(run.run_id)]
    ledger.change_arrivals(run.pipeline, [replace(one, status="USED") for one in mine])


def _next_attempt(flight: Flight, run: Run, config: PublishedPipeline) -> Run:
    stays: dict[str, Any] = {name: getattr(run, name) for name in _STAYS}
    started_at = run.redriven_at or run.started_at
    ended = {name: getattr(run, name) for name in _KEPT} | {"started_at": started_at}
    attempt = run.attempt + 1
    return Run(
        **stays,
        status="RUNNING",
        attempt=attempt,
        execution=flight.execution(run.run_id, attempt),
        version=config.version,
        endpoint={"name": config.endpoint, "action": "NONE", "config": None},
        data=run.run_data.dump(),
        redriven_at=iso(flight.now()),
        earlier_attempts=[*run.earlier_attempts, ended],
    )
