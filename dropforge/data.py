"""`dropforge data`: what was dropped and what became of it, and which of it runs may read."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dropforge_core import aside, manifest, words
from dropforge_core.errors import ServiceUnavailableError
from dropforge_core.ledger import Ledger
from dropforge_core.locking import take_lock
from dropforge_core.records import Arrival, Content, Lock
from dropforge_core.times import iso, utc_now

from dropforge import output
from dropforge.errors import CommandError, InputError
from dropforge.runs import check_published, find_run
from dropforge.target import Target

_SHOWN = ("key", "version_id", "etag", "size", "status", "run_id", "reason", "event_time")
type Changes = list[tuple[Arrival, Arrival]]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a person wants: keys to set aside, a run whose data to set aside, keys to readmit."""

    exclude: tuple[str, ...] = ()
    run_id: str | None = None
    readmit: tuple[str, ...] = ()

    @property
    def anything(self) -> bool:
        """Whether anything is to change."""
        return bool(self.exclude or self.run_id is not None or self.readmit)


def list_arrivals(target: Target, pipeline: str) -> list[Arrival]:
    """List every object version that arrived for a pipeline, the newest last.

    Raises:
        InputError: there is no such pipeline in the ledger, nor anything that was dropped for it.
    """
    found = target.ledger.arrivals(pipeline)
    if not found:
        check_published(target, pipeline)
    return sorted(found, key=lambda one: (one.event_time, one.key, one.sequencer))


def change(target: Target, pipeline: str, asked: Asked) -> list[Arrival]:
    """Set data aside and readmit data; return what changed, as it is now.

    A key stands for the version of it that the next run would read, or for the newest one when that
    was set aside; whatever has the same bytes shares its fate.

    Raises:
        InputError: there is no such pipeline, key or run, or it cannot be changed as asked.
        CommandError: a run is being started, or the ledger changed meanwhile.
    """
    check_published(target, pipeline)
    with _held(target.ledger, pipeline) as lock:
        changes = _planned(target, pipeline, asked)
        for run_id in {old.run_id for old, new in changes if new.status == "WAITING"} - {""}:
            run = target.ledger.run(run_id)
            if run and run.status == "REJECTED":
                # Together with the same other data, what is readmitted is to run again.
                target.ledger.forget_manifest(run)
        done = target.ledger.change_arrivals_under(lock, changes)
    if done < len(changes):
        raise CommandError(
            f"A run of {pipeline} began or ended meanwhile: {done} of {len(changes)} objects"
            f" changed; look again: dropforge data {pipeline}"
        )
    return [new for _, new in changes]


def document(arrival: Arrival) -> dict[str, Any]:
    """Return what `--json` prints of an arrival."""
    return {name: getattr(arrival, name) for name in _SHOWN}


def write(arrivals: Iterable[Arrival]) -> None:
    """Print arrivals for people; a key may hold anything, and nothing of it moves the cursor."""
    rows = [
        (
            output.printable(one.key),
            words.size(one.size),
            one.event_time,
            one.status,
            one.run_id,
            one.reason,
        )
        for one in arrivals
    ]
    output.write_table(("key", "size", "when", "status", "run", "reason"), rows)


def tell(changed: list[Arrival]) -> None:
    """Say on stderr what the change comes to."""
    waiting = sum(one.status == "WAITING" for one in changed)
    if len(changed) > waiting:
        many = words.counted(len(changed) - waiting, "object")
        output.say(f"Set aside {many}: runs read the newest version of a key that is not.")
    if waiting:
        many = words.counted(waiting, "object")
        output.say(f"Readmitted {many} for the next run: the next drop starts it.")


@contextmanager
def _held(ledger: Ledger, pipeline: str) -> Iterator[Lock]:
    """Keep starters out, or find the run that does."""
    try:
        taken = take_lock(ledger, pipeline, utc_now, time.sleep)
    except ServiceUnavailableError as err:
        raise CommandError(f"A run of {pipeline} is being started: try again in a while.") from err
    if taken is None:
        going = ledger.lock(pipeline)
        if going is None or going.phase != "RUNNING":
            raise CommandError(f"A run of {pipeline} has just ended: try again.")
        yield going
        return
    if taken.run_id:
        ledger.give_up(taken)
        raise CommandError(f"A start of {pipeline} broke off and is to go on: try again later.")
    try:
        yield taken
    finally:
        ledger.release(taken)


def _planned(target: Target, pipeline: str, asked: Asked) -> Changes:
    """Plan all changes, or refuse them all."""
    arrivals = target.ledger.arrivals(pipeline)
    out = {_to_exclude(arrivals, key) for key in asked.exclude}
    if asked.run_id is not None:
        out |= _of_run(target, pipeline, arrivals, asked.run_id)
    back = {_to_readmit(arrivals, key) for key in asked.readmit}
    for one in arrivals:
        if one.content in out & back:
            raise InputError(f"{one.key!r} cannot be set aside and readmitted at once.")
        if one.content in out and one.status == "IN_RUN":
            raise InputError(f"The run {one.run_id} is reading {one.key!r}: wait for its end.")
    return [
        *aside.set_aside(arrivals, out, pipeline),
        *aside.readmitted(arrivals, back, iso(utc_now())),
    ]


def _to_exclude(arrivals: list[Arrival], key: str) -> Content:
    """Return the content of the version that the next run would read of a key."""
    for one in _versions(arrivals, key):
        if one.status == "IGNORED":
            break
        if one.status not in aside.OUT:
            return one.content
    raise InputError(f"--exclude: no run would read {key!r}; see: dropforge data")


def _to_readmit(arrivals: list[Arrival], key: str) -> Content:
    """Return the content of the newest version of a key, which no run reads."""
    newest = next(iter(_versions(arrivals, key)), None)
    if newest is None or newest.status not in aside.OUT:
        raise InputError(
            f"--readmit: the newest version of {key!r} is not set aside, nor in quarantine."
        )
    return newest.content


def _of_run(target: Target, pipeline: str, arrivals: list[Arrival], run_id: str) -> set[Content]:
    """Return the contents that a run was the first to read."""
    run = find_run(target, run_id)
    if run.pipeline != pipeline:
        raise InputError(f"--run: {run_id} is a run of {run.pipeline}, not of {pipeline}.")
    found = aside.first_read(arrivals, run, target.ledger.runs(pipeline))
    if not found:
        raise InputError(f"--run: nothing that {run_id} was the first to read is in use.")
    return found


def _versions(arrivals: list[Arrival], key: str) -> list[Arrival]:
    """Return the versions of a key that may be data, the newest first."""
    of_key = [one for one in arrivals if one.key == key]
    if not of_key:
        raise InputError(f"No object {key!r} has arrived; keys begin with incoming/.")
    return manifest.newest_first(of_key).get(key, [])
