"""`dropforge destroy`: delete a pipeline's endpoint, endpoint configs and models."""

import time
from dataclasses import dataclass, field
from typing import Any

import typer
from dropforge_core import words
from dropforge_core.endpoints import endpoint_state, is_settled
from dropforge_core.flight import Flight
from dropforge_core.naming import INCOMING, is_pipeline_name
from dropforge_core.published import PublishedPipeline
from dropforge_core.records import Lock, Run
from dropforge_core.removal import (
    has_remains,
    names_of,
    remove_config,
    remove_model,
    served_by,
)
from dropforge_core.table import ConditionFailedError

from dropforge import output
from dropforge.errors import CommandError, InputError
from dropforge.glue import remove_job
from dropforge.holding import open_flight, refuse_interrupted, take
from dropforge.target import Target
from dropforge.triggers import remove_triggers

# SageMaker takes minutes to delete an endpoint, and as long to end a change that is under way.
_ENDPOINT_SECONDS = 3600


@dataclass
class Destroyed:
    """What was deleted, and what was left."""

    pipeline: str
    deleted: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """Return what `--json` prints of it."""
        return {"pipeline": self.pipeline, "deleted": self.deleted, "left": self.left}

    def write(self) -> None:
        """Print it for people."""
        rows = [("deleted", what) for what in self.deleted] or [("deleted", "nothing was there")]
        output.write_table(("", self.pipeline), rows + [("left", what) for what in self.left])


def destroy(target: Target, pipeline: str, *, yes: bool, may_ask: bool) -> Destroyed:
    """Delete what serves a pipeline and what served it; repeating it deletes what is left.

    Raises:
        InputError: there is no such pipeline, or nobody agreed and nobody can be asked.
        CommandError: the person said no, a run is going, or the endpoint is not gone in time.
    """
    config = target.ledger.published(pipeline) if is_pipeline_name(pipeline) else None
    if config is None:
        raise InputError(f"No pipeline {pipeline!r} is published in {target.stack}.")
    if not yes:
        _ask(config, may_ask=may_ask)
    flight = open_flight(target)
    lock = take(flight, pipeline)
    try:
        if lock.run_id:
            raise refuse_interrupted(lock)
        return _Destruction(target, flight, lock, config).run()
    except ConditionFailedError as err:
        raise CommandError(f"The lock of {pipeline} was lost: run this again.") from err
    finally:
        flight.ledger.give_up(lock)


class _Destruction:
    """One destruction, under the pipeline's lock."""

    def __init__(
        self, target: Target, flight: Flight, lock: Lock, config: PublishedPipeline
    ) -> None:
        self._target = target
        self._sagemaker = target.client("sagemaker")
        self._flight = flight
        self._lock = lock
        self._config = config
        self._done = Destroyed(config.name)

    def run(self) -> Destroyed:
        """Delete what starts runs, then the endpoint: what it serves is needed until it is gone."""
        self._done.deleted += remove_triggers(self._target, self._config)
        served = served_by(self._sagemaker, self._config.endpoint)
        runs = self._target.ledger.runs(self._config.name)
        self._delete_endpoint()
        names = [name for run in runs if has_remains(run) for name in names_of(run)]
        for name in dict.fromkeys([*sorted(served.configs), *names]):
            self._note("endpoint config", name, gone=remove_config(self._sagemaker, name))
        for name in dict.fromkeys([*sorted(served.models), *names]):
            self._note("model", name, gone=remove_model(self._sagemaker, name))
        if job := remove_job(self._target, self._config):
            self._done.deleted.append(f"Glue job {job}")
        self._done.left += _left(self._target, self._config, runs)
        return self._done

    def _delete_endpoint(self) -> None:
        name = self._config.endpoint
        asked = False
        deadline = time.monotonic() + _ENDPOINT_SECONDS
        while (state := endpoint_state(self._sagemaker, name)).exists:
            if is_settled(state) and not asked:
                output.say(f"Deleting the endpoint {name} ...")
                self._sagemaker.delete_endpoint(EndpointName=name)
                asked = True
            if time.monotonic() > deadline:
                raise CommandError(f"The endpoint {name} is still {state.status}: run this again.")
            self._flight.renew(self._lock)
            time.sleep(self._target.poll_seconds)
        if asked:
            self._done.deleted.append(f"endpoint {name}")

    def _note(self, kind: str, name: str, *, gone: bool) -> None:
        self._flight.renew(self._lock)
        if gone:
            self._done.deleted.append(f"{kind} {name}")


def _ask(config: PublishedPipeline, *, may_ask: bool) -> None:
    what = f"the endpoint {config.endpoint}, its endpoint configs and its models"
    if not may_ask:
        raise InputError(f"destroy: would delete {what}: add --yes, for nobody can be asked here.")
    try:
        agreed = typer.confirm(f"Delete {what}?", err=True)
    except typer.Abort:
        agreed = False
    if not agreed:
        raise CommandError("Nothing was deleted.")


def _left(target: Target, config: PublishedPipeline, runs: list[Run]) -> list[str]:
    data, artifacts = target.output("DataBucketName"), target.output("ArtifactsBucketName")
    waiting = [run.run_id for run in runs if run.status == "WAITING_FOR_APPROVAL"]
    return [
        f"data: s3://{data}/{INCOMING}{config.name}/",
        f"artifacts and reports: s3://{artifacts}/runs/{config.name}-*",
        f"ledger: the records of {words.counted(len(runs), 'run')}",
        f"registry: the model package group {config.endpoint} with its packages",
        f"publication: version {config.version}; a drop or a rollback makes the endpoint again",
        *(
            ["schedule or drift alarm: `dropforge publish` makes it again"]
            if config.schedule or config.drift
            else []
        ),
        *(f"approval: {run} waits, and makes the endpoint again once approved" for run in waiting),
    ]
