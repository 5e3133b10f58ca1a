"""`dropforge rollback`: bring back the model of an earlier run, as a run of its own."""

from contextlib import suppress

from botocore.exceptions import BotoCoreError, ClientError
from dropforge_core.flight import Flight
from dropforge_core.naming import is_pipeline_name
from dropforge_core.records import Lock, Run
from dropforge_core.restoring import restore_model
from dropforge_core.table import ConditionFailedError

from dropforge import output
from dropforge.errors import CommandError, InputError
from dropforge.holding import open_flight, refuse_interrupted, take
from dropforge.origins import Choice, choose
from dropforge.target import Target
from dropforge.waiting import watching


def start(target: Target, pipeline: str, to: str | None) -> Run:
    """Start a rollback, or go on with one whose start was interrupted.

    Raises:
        InputError: there is no such pipeline, or nothing to go back to.
        CommandError: a run is going.
    """
    current = target.ledger.published(pipeline) if is_pipeline_name(pipeline) else None
    if current is None:
        raise InputError(f"No pipeline {pipeline!r} is published in {target.stack}.")
    flight = open_flight(target)
    run = None
    while run is None:
        lock = take(flight, pipeline)
        try:
            if lock.run_id:
                run = _resume(flight, lock, to)
            else:
                run = _start(flight, lock, choose(target, current, to))
        except (Exception, KeyboardInterrupt):
            with suppress(BotoCoreError, ClientError):
                flight.ledger.give_up(lock)
            raise
    return run


def wait(target: Target, run: Run, timeout: float) -> Run:
    """Wait for the run's end, with progress on stderr.

    Raises:
        CommandError: time is up.
        KeyboardInterrupt: the person would not wait; was told that the run goes on.
    """
    with watching(target, run.pipeline, timeout) as watch:
        return watch.until_ended(run)


def _start(flight: Flight, lock: Lock, chosen: Choice) -> Run:
    try:
        run = restore_model(flight, lock, chosen.config, chosen.origin, chosen.restore)
    except ConditionFailedError as err:
        raise CommandError(f"Another start of {lock.pipeline} came in between: try again.") from err
    output.say(f"Going back to the model of {chosen.origin.run_id}.")
    return run


def _resume(flight: Flight, lock: Lock, to: str | None) -> Run | None:
    """Go on with a recorded rollback; None when the recorded run has ended since."""
    run = flight.recorded(lock)
    if run is None:
        return None
    if run.kind != "ROLLBACK":
        raise refuse_interrupted(lock)
    flight.launch(lock, run, lock.execution_input)
    if to not in {None, run.restores}:
        raise CommandError(
            f"A rollback to {run.restores} was interrupted and goes on now, as the run"
            f" {run.run_id}: try again when it has ended."
        )
    output.say(f"Going on with the rollback to {run.restores}, whose start was interrupted.")
    return run
