"""Begin a rollback: a run that trains nothing and deploys the model of an earlier run.

It is started as every run is (see `starting.py`), by somebody who holds the pipeline's lock. Until
it is recorded nothing has happened. From then on its execution's input is in the lock, so that
whoever takes over a dead starter's lock starts this very execution, or finds it started. Only when
AWS has refused the execution is the run forgotten: what a person was told has failed does not
happen later.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from dropforge_core.aws_errors import is_platform_fault
from dropforge_core.contracts import RetrainInput
from dropforge_core.naming import run_id
from dropforge_core.records import Run
from dropforge_core.times import iso

if TYPE_CHECKING:
    from dropforge_core.contracts import Restore
    from dropforge_core.flight import Flight
    from dropforge_core.published import PublishedPipeline
    from dropforge_core.records import Lock


def restore_model(
    flight: Flight, lock: Lock, config: PublishedPipeline, origin: Run, restore: Restore
) -> Run:
    """Start the run that brings the model of ``origin`` back as ``config`` serves it.

    Raises:
        ConditionFailedError: the lock was lost, or there is a run of this id; nothing has happened.
        botocore.exceptions.ClientError: AWS refused the execution, and the run is forgotten; or the
            platform failed, and the run goes on with the next start.
    """
    run = _new_run(flight, config, origin, restore)
    start = RetrainInput(
        run_id=run.run_id,
        pipeline=run.pipeline,
        attempt=run.attempt,
        config=config,
        data=run.run_data,
        first_event_at=run.first_event_at,
        restore=restore,
    )
    execution_input = json.dumps(start.dump())
    flight.ledger.open_run(lock, run, execution_input)
    try:
        flight.start(run, execution_input)
    except ClientError as err:
        if not is_platform_fault(err):
            flight.ledger.cancel_run(lock, run.run_id)
        raise
    flight.ledger.hand_to_run(lock, run.run_id)
    return run


def _new_run(flight: Flight, config: PublishedPipeline, origin: Run, restore: Restore) -> Run:
    now = flight.now()
    name = run_id(config.name, now, origin.manifest_hash)
    attempt = 1
    return Run(
        run_id=name,
        pipeline=config.name,
        status="RUNNING",
        kind="ROLLBACK",
        causes=["PERSON"],
        restores=origin.run_id,
        attempt=attempt,
        execution=flight.execution(name, attempt),
        version=config.version,
        manifest_hash=origin.manifest_hash,
        endpoint={"name": config.endpoint, "action": "NONE", "config": None},
        data=origin.data,
        metrics=origin.metrics,
        model_data=restore.model_data,
        started_at=iso(now),
        first_event_at=iso(now),
    )
