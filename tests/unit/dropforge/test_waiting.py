import json
from dataclasses import replace
from threading import Timer

import pytest
from dropforge_core.records import Arrival, Run

from dropforge.errors import CommandError
from dropforge.history import Step
from dropforge.target import Target
from dropforge.upload import Dropped
from dropforge.waiting import Wait

RUN = Run(
    run_id="iris-20261121t052011-1a2b3c4d",
    pipeline="iris",
    status="RUNNING",
    endpoint={"name": "df-iris", "action": "NONE"},
    data={"objects": 1, "bytes": 10, "manifest": "s3://df-data/runs/r/manifest.json"},
    started_at="2026-11-21T05:20:11.000Z",
    first_event_at="2026-11-21T05:20:10.000Z",
    manifest_hash="1a2b3c4d",
    version="0123456789ab",
)
ARRIVAL = Arrival(
    key="incoming/iris/a.csv",
    version_id="v1",
    etag="e",
    size=10,
    sequencer="0A",
    event_time="2026-11-21T05:20:10Z",
)
DROPPED = Dropped(ARRIVAL.key, ARRIVAL.version_id)


class Screen:
    """Keeps what is shown, and lets something happen each time."""

    def __init__(self, *happenings: object) -> None:
        """Let these happen, one a look."""
        self.shown: list[tuple[str, tuple[Step, ...]]] = []
        self.happenings = list(happenings)

    def show(self, run_id: str, steps: tuple[Step, ...]) -> None:
        """Keep what is shown."""
        self.shown.append((run_id, steps))
        if self.happenings:
            self.happenings.pop(0)()  # type: ignore[operator]


def ledger_holds(target: Target, arrival: Arrival, *runs: Run) -> None:
    """Write an arrival and runs as the functions would."""
    target.ledger.change_arrivals("iris", [arrival])
    for run in runs:
        target.ledger.put_run(run)


def running_execution(target: Target) -> str:
    """Start an execution that moto records."""
    machine = target.stepfunctions.create_state_machine(
        name="wait",
        roleArn="arn:aws:iam::123456789012:role/wait",
        definition=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}),
    )
    started = target.stepfunctions.start_execution(stateMachineArn=machine["stateMachineArn"])
    return started["executionArn"]


def test_the_wait_is_over_once_run_and_arrival_are(target: Target) -> None:
    """Progress is shown while the run goes on.

    A run that ended while the arrival is still marked IN_RUN is no end: FinishRun writes the run
    first.
    """
    execution = running_execution(target)
    going = replace(RUN, execution=execution)
    done = replace(going, status="DEPLOYED")
    taken = replace(ARRIVAL, status="IN_RUN", run_id=RUN.run_id)
    ledger_holds(target, taken, going)
    used = replace(taken, status="USED")
    screen = Screen(lambda: ledger_holds(target, used, done))
    assert Wait(target, "iris", screen, 30).until_decided([DROPPED]) == done
    assert screen.shown[0][0] == RUN.run_id

    ledger_holds(target, taken, done)
    with pytest.raises(CommandError, match="1 object left"):
        Wait(target, "iris", screen, 0.1).until_decided([DROPPED])


def test_the_last_run_that_took_any_of_them_is_the_answer(target: Target) -> None:
    """Two objects, two runs: the later one is what the drop came to."""
    first = replace(RUN, status="DEPLOYED")
    later = replace(
        RUN,
        run_id="iris-20261121t052500-99999999",
        status="REJECTED",
        started_at="2026-11-21T05:25:00.000Z",
    )
    ledger_holds(target, replace(ARRIVAL, status="USED", run_id=first.run_id), first)
    other = replace(ARRIVAL, version_id="v2", status="USED", run_id=later.run_id)
    ledger_holds(target, other, later)
    found = Wait(target, "iris", Screen(), 30).until_decided([Dropped(other.key, "v2"), DROPPED])
    assert found == later


def test_more_objects_than_are_read_at_once_all_get_their_fate(target: Target) -> None:
    """The second batch of looks follows at once when the first had its fate."""
    done = replace(RUN, status="DEPLOYED")
    arrivals = [
        replace(ARRIVAL, version_id=f"v{n}", status="USED", run_id=RUN.run_id) for n in range(60)
    ]
    target.ledger.change_arrivals("iris", arrivals)
    target.ledger.put_run(done)
    dropped = [Dropped(one.key, one.version_id) for one in arrivals]
    assert Wait(target, "iris", Screen(), 0.0).until_decided(dropped) == done


def test_objects_that_no_run_takes_end_the_wait_with_the_reason(target: Target) -> None:
    """An ignored object has its fate too."""
    ledger_holds(target, replace(ARRIVAL, status="IGNORED", reason="is a folder's marker"))
    with pytest.raises(CommandError, match=r"incoming/iris/a\.csv: is a folder's marker"):
        Wait(target, "iris", Screen(), 30).until_decided([DROPPED])


def test_when_time_is_up_the_person_is_told_how_to_follow_the_run(target: Target) -> None:
    """Before a run took the object there is no run to show."""
    with pytest.raises(CommandError, match="a run starts without us: dropforge runs iris"):
        Wait(target, "iris", Screen(), 0.1).until_decided([DROPPED])
    going = replace(RUN, execution=running_execution(target))
    ledger_holds(target, replace(ARRIVAL, status="IN_RUN", run_id=RUN.run_id), going)
    with pytest.raises(CommandError, match=f"the run goes on: dropforge show {RUN.run_id}"):
        Wait(target, "iris", Screen(), 0.1).until_decided([DROPPED])


def test_a_run_is_waited_for_until_it_lets_go_of_its_pipeline(target: Target) -> None:
    """FinishRun closes the run first; whoever starts the next one needs the lock."""
    going = replace(RUN, execution=running_execution(target))
    lock = target.ledger.acquire("iris", "me", 1000)
    assert lock is not None
    target.ledger.open_run(lock, going)
    target.ledger.hand_to_run(lock, going.run_id)

    release = Timer(0.5, target.ledger.release_run, ("iris", going.run_id))

    def close() -> None:
        target.ledger.change_run(going.run_id, {"status": "DEPLOYED"})
        release.start()

    screen = Screen(close)
    ended = Wait(target, "iris", screen, 30).until_ended(going)
    assert ended == replace(going, status="DEPLOYED")
    assert target.ledger.lock("iris") is None
    assert len(screen.shown) == 2, "while it ran, and at its end"
    release.join()


def test_a_run_that_takes_too_long_goes_on(target: Target) -> None:
    """The person is told how to follow it."""
    going = replace(RUN, execution=running_execution(target))
    target.ledger.put_run(going)
    says = f"Not done after 0.1 s; the run goes on: dropforge show {RUN.run_id}"
    with pytest.raises(CommandError, match=says):
        Wait(target, "iris", Screen(), 0.1).until_ended(going)
