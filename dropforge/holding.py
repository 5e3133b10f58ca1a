"""A pipeline's lock in the tool's hands: single flight holds for people too."""

from dropforge_core.errors import ServiceUnavailableError
from dropforge_core.flight import Flight
from dropforge_core.records import Lock

from dropforge.errors import CommandError
from dropforge.target import Target


def open_flight(target: Target) -> Flight:
    """Return what takes locks and launches runs in the target's stack."""
    return Flight(
        ledger=target.ledger,
        clients=target,
        state_machine=target.output("RetrainStateMachineArn"),
    )


def take(flight: Flight, pipeline: str) -> Lock:
    """Take a pipeline's lock; one that names a run was a dead starter's.

    Raises:
        CommandError: a run is going, or somebody is just starting one.
    """
    try:
        lock = flight.acquire(pipeline)
    except ServiceUnavailableError as err:
        raise CommandError(f"{err} Try again in a moment.") from err
    if lock is not None:
        return lock
    holder = flight.ledger.lock(pipeline)
    run = holder.run_id if holder else "of this pipeline"
    raise CommandError(
        f"The run {run} is going: wait for its end, or stop it (dropforge stop), and try again;"
        f" see: dropforge runs {pipeline}"
    )


def refuse_interrupted(lock: Lock) -> CommandError:
    """Word that another start, whose starter died, has to go on first."""
    how = ", or at once with the command that began it" if lock.execution_input else ""
    return CommandError(
        f"The start of the run {lock.run_id} was interrupted; it goes on by itself within"
        f" minutes{how}. Try again when it has ended; see: dropforge show {lock.run_id}"
    )
