"""`dropforge redrive`: another attempt of a run that failed, on the data that it was to read."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from dropforge_core.contracts import Resume
from dropforge_core.flight import Flight
from dropforge_core.input_restoring import clear_preprocessed
from dropforge_core.published import PublishedPipeline
from dropforge_core.records import Lock, Run
from dropforge_core.redriving import redrive_run, retake_data
from dropforge_core.run_inputs import RunInputs
from dropforge_core.table import ConditionFailedError

from dropforge import output
from dropforge.errors import CommandError, InputError
from dropforge.holding import open_flight, refuse_interrupted, take
from dropforge.remains import find_remains
from dropforge.runs import find_run
from dropforge.target import Target
from dropforge.waiting import watching

_MOST_ATTEMPTS = 99
_WHY_NOT = {
    "DEPLOYED": "to bring its model back: dropforge rollback {pipeline} --to {run}",
    "ROLLED_BACK": "its model did not hold in service; a new run: dropforge retrain {pipeline}",
    "REJECTED": "its model was judged; a new run: dropforge retrain {pipeline}",
    "SKIPPED": "there was nothing to do; a new run: dropforge retrain {pipeline}",
    "RUNNING": "it goes on: dropforge show {run}",
    "WAITING_FOR_APPROVAL": "it waits for a person: dropforge approve {run}",
}


@dataclass(frozen=True)
class Redriven:
    """A run's next attempt, and which of its steps are not done again."""

    run: Run
    skipped: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return what `--json` prints of it, unless its end is waited for."""
        return {
            "run_id": self.run.run_id,
            "attempt": self.run.attempt,
            "execution": self.run.execution,
            "skipped_steps": list(self.skipped),
        }

    def write(self) -> None:
        """Say what happens next."""
        output.write_line(f"Attempt {self.run.attempt} of {self.run.run_id} has started.")
        output.say(f"Follow it: dropforge show {self.run.run_id}")


def redrive(target: Target, run_id: str, *, over_newer: bool) -> Redriven:
    """Start the next attempt of a failed run, or go on with one whose start was interrupted.

    Raises:
        InputError: there is no such run, it cannot be redriven, or a newer one was deployed.
        CommandError: a run of its pipeline is going.
    """
    run = find_run(target, run_id)
    flight = open_flight(target)
    lock = take(flight, run.pipeline)
    try:
        if lock.run_id:
            return _resume(flight, lock, run_id)
        return _start(target, flight, lock, find_run(target, run_id), over_newer=over_newer)
    except ConditionFailedError as err:
        raise CommandError(f"Another start of {run.pipeline} came in between: try again.") from err
    finally:
        # What has been handed to the run stays its own.
        with suppress(BotoCoreError, ClientError):
            flight.ledger.give_up(lock)


def wait(target: Target, redriven: Redriven, timeout: float) -> Run:
    """Wait for the attempt's end, with progress on stderr.

    Raises:
        CommandError: time is up.
        KeyboardInterrupt: the person would not wait; was told that the run goes on.
    """
    with watching(target, redriven.run.pipeline, timeout) as watch:
        return watch.until_ended(redriven.run)


def _start(target: Target, flight: Flight, lock: Lock, run: Run, *, over_newer: bool) -> Redriven:
    config = _config(target, run)
    _check(run)
    if not over_newer:
        _check_is_newest(run, target.ledger.runs(run.pipeline))
    resume = find_remains(target, run, config)
    if resume is None:
        clear_preprocessed(
            target.s3,
            run.run_id,
            target.output("DataBucketName"),
            target.output("ArtifactsBucketName"),
        )
        run = _with_its_data(target, run)
        flight.renew(lock)
    skipped = _skipped(resume)
    if skipped:
        output.say(f"Not done again: {', '.join(skipped)}.")
    return Redriven(redrive_run(flight, lock, run, config, resume), skipped)


def _resume(flight: Flight, lock: Lock, run_id: str) -> Redriven:
    """Go on with a recorded attempt that was not started."""
    run = flight.recorded(lock)
    if run is None:
        raise CommandError(f"The run {lock.run_id} has just ended: try again.")
    if lock.run_id != run_id or not lock.execution_input:
        raise refuse_interrupted(lock)
    output.say(f"Going on with the attempt {run.attempt}, whose start was interrupted.")
    retake_data(flight.ledger, run)
    return Redriven(flight.launch(lock, run, lock.execution_input), ())


def _check(run: Run) -> None:
    """Refuse what is no failed run."""
    if run.status != "FAILED":
        why = _WHY_NOT[run.status].format(pipeline=run.pipeline, run=run.run_id)
        raise InputError(f"Only a FAILED run is redriven, and {run.run_id} is {run.status}: {why}")
    if run.kind == "ROLLBACK":
        raise InputError(
            f"Run {run.run_id} is a rollback: dropforge rollback {run.pipeline} --to {run.restores}"
        )
    if run.attempt >= _MOST_ATTEMPTS:
        raise InputError(
            f"Run {run.run_id} has had {run.attempt} attempts: dropforge retrain {run.pipeline}"
        )


def _check_is_newest(run: Run, runs: Iterable[Run]) -> None:
    """Refuse a run that a newer one has overtaken: its model knows less than the one in service."""
    newer = [one for one in runs if one.status == "DEPLOYED" and one.started_at > run.started_at]
    if newer:
        raise InputError(
            f"Run {newer[0].run_id} began later and is deployed: an older model would take its"
            f" place. With all data: dropforge retrain {run.pipeline}; to redrive all the same:"
            " --over-newer"
        )


def _config(target: Target, run: Run) -> PublishedPipeline:
    config = target.ledger.published(run.pipeline)
    if config is None:
        raise InputError(f"No pipeline {run.pipeline!r} is published in {target.stack}.")
    if config.version != run.version:
        output.say(f"With version {config.version}, which was published since: from the start.")
    return config


def _skipped(resume: Resume | None) -> tuple[str, ...]:
    if resume is None:
        return ()
    steps = {"Preprocess": True, "Train": resume.trained, "Judge": resume.judged}
    return tuple(name for name, is_done in steps.items() if is_done)


def _with_its_data(target: Target, run: Run) -> Run:
    """Let the run find the versions of its manifest, also of what was replaced since."""
    inputs = RunInputs(ledger=target.ledger, clients=target, bucket=target.output("DataBucketName"))
    try:
        found = inputs.keep_readable(run)
    except target.s3.exceptions.NoSuchKey as err:
        raise InputError(f"The manifest of {run.run_id} is gone: {run.data['manifest']}") from err
    if not found.data["objects"]:
        raise InputError(f"Nothing of the data of {run.run_id} is left in the bucket.")
    return found
