import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from dropforge_core.contracts import RetrainInput, RunData, RunEnd
from dropforge_core.errors import ServiceUnavailableError
from dropforge_core.ledger import STARTING_SECONDS, Ledger
from dropforge_core.records import Arrival, Lock, Run

from tests.unit.dropforge_core.stack import DATA_BUCKET, NOTIFY, TABLE, Stack, a_stack


class Died(BaseException):
    """A process that ends at once: no handler for errors sees it."""


class Interrupted(Ledger):
    """A ledger that does something before, or instead of, one of its steps, once."""

    def __init__(self, stack: Stack, step: str, action: Callable[[], None]) -> None:
        """Do it when this step is first asked for."""
        super().__init__(stack.clients.dynamodb, TABLE)
        self._step = step
        self._action = action
        self._done = False

    def __getattribute__(self, name: str) -> Any:
        """See every step."""
        if name == object.__getattribute__(self, "__dict__").get("_step") and not self._done:
            self._done = True
            self._action()
        return super().__getattribute__(name)


def refuse(**_: Any) -> None:
    """Fail as AWS refuses."""
    error = {"Error": {"Code": "AccessDeniedException", "Message": "no"}}
    raise ClientError(error, "Any")  # type: ignore[arg-type]


def die() -> None:
    """End at once."""
    raise Died


def test_starts_one_run_for_all_that_waits(stack: Stack) -> None:
    """What waits becomes one execution, named by run and attempt, with both manifests in S3."""
    config = stack.publish()
    first = stack.drop("a.csv", "first", order=1)
    stack.drop("b/c.csv", "second", order=2)

    (run,) = stack.starter().start_waiting("iris")

    assert stack.executions() == [f"{run.run_id}-1"]
    assert stack.fates() == [("a.csv", "IN_RUN"), ("c.csv", "IN_RUN")]
    assert stack.ledger.run(run.run_id) == run
    assert run.status == "RUNNING"
    assert run.data["objects"] == 2
    assert run.data["bytes"] == len("first") + len("second")
    assert run.first_event_at == "2026-11-21T05:20:01.000Z"
    lock = stack.ledger.lock("iris")
    assert lock is not None
    assert (lock.phase, lock.run_id) == ("RUNNING", run.run_id)
    execution = stack.clients.stepfunctions.describe_execution(executionArn=run.execution)
    started = RetrainInput.read(json.loads(execution["input"]))
    uri = f"s3://{DATA_BUCKET}/runs/{run.run_id}/manifest.json"
    assert started == RetrainInput(
        run_id=run.run_id,
        pipeline="iris",
        attempt=1,
        data=RunData(objects=2, bytes=len("firstsecond"), manifest=uri),
        first_event_at="2026-11-21T05:20:01.000Z",
        config=config,
    )
    assert stack.document(run, "input.manifest") == [
        {"prefix": f"s3://{DATA_BUCKET}/"},
        "incoming/iris/a.csv",
        "incoming/iris/b/c.csv",
    ]
    manifest = stack.document(run)
    assert run.data["manifest"] == f"s3://{DATA_BUCKET}/runs/{run.run_id}/manifest.json"
    assert manifest["objects"][0] == {
        "key": "incoming/iris/a.csv",
        "version_id": first.version_id,
        "etag": first.etag,
        "size": 5,
        "path": "incoming/iris/a.csv",
        "new": True,
        "arrived_at": first.event_time,
    }


def test_nothing_waits(stack: Stack) -> None:
    """Without data there is no run, and the lock is free again."""
    stack.publish()
    assert stack.starter().start_waiting("iris") == []
    assert stack.ledger.lock("iris") is None


def test_a_run_that_goes_keeps_the_pipeline(stack: Stack) -> None:
    """While a run goes, new data waits, and other pipelines are not held up."""
    for name in ("iris", "car"):
        stack.publish(name)
        stack.drop("a.csv", "first", pipeline=name)
        assert stack.starter().start_waiting(name)
    stack.drop("b.csv", "second", order=2)
    assert stack.starter().start_waiting("iris") == []
    assert stack.fates() == [("a.csv", "IN_RUN"), ("b.csv", "WAITING")]


def test_two_batches_at_once(stack: Stack) -> None:
    """A trigger that finds another STARTING waits; it does not believe that it was seen."""
    stack.publish()
    stack.drop("a.csv", "first")

    def rival() -> None:
        stack.drop("b.csv", "second", order=2)
        with pytest.raises(ServiceUnavailableError, match="under way"):
            stack.starter().start_waiting("iris")

    # The rival comes after the first has read the arrivals, and before it has recorded its run.
    first = stack.starter(Interrupted(stack, "open_run", rival)).start_waiting("iris")

    assert [run.status for run in first] == ["RUNNING"]
    assert stack.starter().start_waiting("iris") == [], "redelivered: the run's end takes it"
    assert stack.fates() == [("a.csv", "IN_RUN"), ("b.csv", "WAITING")]
    assert len(stack.executions()) == 1


def test_the_rival_gives_way_in_time(stack: Stack) -> None:
    """A trigger that waits for another's start gets the lock as soon as that one lets it go."""
    stack.publish()
    stack.drop("a.csv", "first")
    held = stack.ledger.acquire("iris", "another", int(stack.clock.now().timestamp()))
    assert held is not None
    waited: list[float] = []

    def pause(seconds: float) -> None:
        waited.append(seconds)
        stack.ledger.release(held)

    starter = stack.starter()
    object.__setattr__(starter, "pause", pause)
    assert [run.status for run in starter.start_waiting("iris")] == ["RUNNING"]
    assert len(waited) == 1


@pytest.mark.parametrize(
    "step",
    [
        "arrivals",
        "published",
        "run_of_manifest",
        "open_run",
        "change_arrivals",
        "hand_to_run",
    ],
)
@pytest.mark.parametrize("failure", [die, refuse])
def test_a_starter_that_fails_at_any_step_loses_nothing(
    stack: Stack, step: str, failure: Callable[[], None]
) -> None:
    """After a death or an error at any step the next call ends with exactly one run of all data."""
    stack.publish()
    stack.drop("a.csv", "first")
    with pytest.raises((Died, ClientError)):
        stack.starter(Interrupted(stack, step, failure)).start_waiting("iris")
    if failure is die:
        with pytest.raises(ServiceUnavailableError):
            stack.starter().start_waiting("iris")
        stack.clock.advance(STARTING_SECONDS + 1)

    (run,) = stack.starter().start_waiting("iris")

    assert stack.fates() == [("a.csv", "IN_RUN")]
    assert stack.executions() == [f"{run.run_id}-1"]
    assert [one.run_id for one in stack.ledger.runs("iris")] == [run.run_id]
    lock = stack.ledger.lock("iris")
    assert lock is not None
    assert (lock.phase, lock.run_id) == ("RUNNING", run.run_id)


def test_a_refused_start_is_tried_again(stack: Stack) -> None:
    """A StartExecution that is refused raises; the same run starts at the next call."""
    stack.publish()
    stack.drop("a.csv", "first")
    starter = stack.starter()
    missing = stack.state_machine.replace("retrain", "gone")
    object.__setattr__(starter, "state_machine", missing)
    with pytest.raises(ClientError, match="StateMachineDoesNotExist"):
        starter.start_waiting("iris")
    (recorded,) = stack.ledger.runs("iris")
    (run,) = stack.starter().start_waiting("iris")
    assert run.run_id == recorded.run_id
    assert stack.executions() == [f"{run.run_id}-1"]


def test_a_dead_start_whose_run_has_ended(stack: Stack) -> None:
    """A lock that names a run that has ended since is taken afresh."""
    stack.publish()
    stack.drop("a.csv", "first")
    with pytest.raises(Died):
        stack.starter(Interrupted(stack, "hand_to_run", die)).start_waiting("iris")
    (run,) = stack.ledger.runs("iris")
    stack.ledger.change_run(run.run_id, {"status": "DEPLOYED"})
    stack.clock.advance(STARTING_SECONDS + 1)
    stack.drop("b.csv", "second", order=2)
    (second,) = stack.starter().start_waiting("iris")
    assert second.data["objects"] == 2
    assert len(stack.executions()) == 2


def test_a_resumed_start_leaves_newer_data_waiting(stack: Stack) -> None:
    """Data that came after a dead starter had recorded its run is not taken for that run's."""
    stack.publish()
    stack.drop("a.csv", "first")
    with pytest.raises(Died):
        stack.starter(Interrupted(stack, "change_arrivals", die)).start_waiting("iris")
    stack.clock.advance(STARTING_SECONDS + 1)
    stack.drop("b.csv", "second", order=2)
    (run,) = stack.starter().start_waiting("iris")
    assert run.data["objects"] == 1
    assert ("b.csv", "WAITING") in stack.fates()


def test_a_resumed_start_uses_the_version_of_now(stack: Stack) -> None:
    """A run that was recorded and not started runs, and is recorded, with the current version."""
    stack.publish(version="v1")
    stack.drop("a.csv", "first")
    with pytest.raises(Died):
        stack.starter(Interrupted(stack, "change_arrivals", die)).start_waiting("iris")
    stack.publish(version="v2")
    stack.clock.advance(STARTING_SECONDS + 1)
    (run,) = stack.starter().start_waiting("iris")
    kept = stack.ledger.run(run.run_id)
    assert kept is not None
    assert run.version == kept.version == "v2"


def test_an_execution_that_exists_was_started(stack: Stack) -> None:
    """ExecutionAlreadyExists counts as success: a dead starter's execution goes on as it is."""
    stack.publish(version="v1")
    stack.drop("a.csv", "first")
    with pytest.raises(Died):
        stack.starter(Interrupted(stack, "hand_to_run", die)).start_waiting("iris")
    stack.publish(version="v2")  # Another input: AWS refuses the name.
    stack.clock.advance(STARTING_SECONDS + 1)
    (run,) = stack.starter().start_waiting("iris")
    assert stack.executions() == [f"{run.run_id}-1"]
    lock = stack.ledger.lock("iris")
    assert lock is not None
    assert lock.phase == "RUNNING"


def test_an_old_holder_cannot_go_on(stack: Stack) -> None:
    """A starter that slept until its lock was taken over changes nothing any more."""
    stack.publish()
    stack.drop("a.csv", "first")

    def be_taken_over() -> None:
        stack.clock.advance(STARTING_SECONDS + 1)
        stack.starter().start_waiting("iris")

    sleeper = stack.starter(Interrupted(stack, "open_run", be_taken_over))
    with pytest.raises(ServiceUnavailableError, match="lock was lost"):
        sleeper.start_waiting("iris")
    assert len(stack.executions()) == 1
    assert len(stack.ledger.runs("iris")) == 1


def end_run(stack: Stack, run_id: str, status: str) -> None:
    """What FinishRun does, without its history."""
    stack.ledger.change_run(run_id, {"status": status})
    stack.ledger.release_run("iris", run_id)


@pytest.mark.parametrize("status", ["DEPLOYED", "REJECTED", "ROLLED_BACK"])
def test_the_same_contents_never_run_twice(stack: Stack, status: str) -> None:
    """Bytes that were used before end as SKIPPED: no execution, and Slack hears of it."""
    stack.publish()
    stack.drop("a.csv", "first")
    (first,) = stack.starter().start_waiting("iris")
    end_run(stack, first.run_id, status)
    again = stack.drop("again.csv", "first", order=2)
    stack.clock.advance(60)

    (skipped,) = stack.starter().start_waiting("iris")

    assert skipped.status == "SKIPPED"
    assert first.run_id in skipped.reason
    assert skipped.billed_transitions == 0
    assert skipped.endpoint["action"] == "NONE"
    assert skipped.data["manifest"] == first.data["manifest"]
    assert stack.executions() == [f"{first.run_id}-1"]
    assert (stack.fate(again).status, stack.fate(again).run_id) == ("SKIPPED", skipped.run_id)
    assert stack.ledger.lock("iris") is None
    (told,) = stack.clients.told
    assert (told["FunctionName"], told["InvocationType"]) == (NOTIFY, "Event")
    end = RunEnd.read(json.loads(told["Payload"]))
    assert (end.run_id, end.status, end.reason) == (skipped.run_id, "SKIPPED", skipped.reason)
    assert (end.data, end.first_event_at) == (skipped.run_data, skipped.first_event_at)


def test_a_failed_set_may_run_again(stack: Stack) -> None:
    """Contents whose run failed run again when they are dropped again."""
    stack.publish()
    stack.drop("a.csv", "first")
    (first,) = stack.starter().start_waiting("iris")
    end_run(stack, first.run_id, "FAILED")
    stack.clock.advance(60)
    stack.drop("a.csv", "first", order=2)
    (second,) = stack.starter().start_waiting("iris")
    assert second.status == "RUNNING"
    assert second.manifest_hash == first.manifest_hash
    assert second.run_id != first.run_id


def refuse_data(stack: Stack, status: str = "SKIPPED") -> Run:
    """A run that could not use its data; it is dropped again, and has its fate to come."""
    stack.publish(version="v1")
    stack.drop("a.csv", "first")
    (first,) = stack.starter().start_waiting("iris")
    changes = {"reason": "It is no CSV.", "data": first.data | {"quarantine": "s3://data/q/"}}
    stack.ledger.change_run(first.run_id, changes)
    end_run(stack, first.run_id, status)
    stack.clock.advance(60)
    stack.drop("again.csv", "first", order=2)
    return first


def test_refused_data_is_not_looked_at_again(stack: Stack) -> None:
    """By the same rules it would be refused again: no execution, and the reason is told again."""
    first = refuse_data(stack)
    (skipped,) = stack.starter().start_waiting("iris")
    assert skipped.status == "SKIPPED"
    assert skipped.reason == (
        f"This very data was refused before, by the run {first.run_id}: It is no CSV."
    )
    assert len(stack.executions()) == 1


@pytest.mark.parametrize("status", ["SKIPPED", "DEPLOYED"])
def test_refused_data_runs_again_by_other_rules(stack: Stack, status: str) -> None:
    """Whoever changes pipeline.yaml drops again what it is to take now, and it is looked at."""
    refuse_data(stack, status)
    stack.publish(version="v2")
    (again,) = stack.starter().start_waiting("iris")
    assert (again.status, again.version) == ("RUNNING", "v2")


def test_what_came_during_a_skip_is_taken(stack: Stack) -> None:
    """Data that arrives while a skip is being recorded is taken by the next look."""
    stack.publish()
    stack.drop("a.csv", "first")
    (first,) = stack.starter().start_waiting("iris")
    end_run(stack, first.run_id, "DEPLOYED")
    stack.clock.advance(60)
    stack.drop("again.csv", "first", order=2)
    ledger = Interrupted(stack, "put_run", lambda: drop_another(stack))
    statuses = [run.status for run in stack.starter(ledger).start_waiting("iris")]
    assert statuses == ["SKIPPED", "RUNNING"]


def drop_another(stack: Stack) -> None:
    """Drop something new."""
    stack.drop("b.csv", "second", order=3)


def test_an_older_version_that_comes_late_starts_nothing(stack: Stack) -> None:
    """An event with an older sequencer than the key's newest is set aside, with the run's name."""
    stack.publish()
    stack.drop("a.csv", "newer", order=9)
    (run,) = stack.starter().start_waiting("iris")
    end_run(stack, run.run_id, "DEPLOYED")
    late = stack.drop("a.csv", "older", order=2)
    assert stack.starter().start_waiting("iris") == []
    fate = stack.ledger.arrival("iris", late.key, late.version_id)
    assert fate is not None
    assert (fate.status, fate.run_id) == ("SKIPPED", run.run_id)
    assert "newer version" in fate.reason
    assert stack.ledger.lock("iris") is None


def test_only_the_newest_version_of_a_key_is_read(stack: Stack) -> None:
    """Two versions of a key in one burst: the run reads the newer one, the older is set aside."""
    stack.publish()
    stack.drop("a.csv", "older", order=1)
    stack.drop("a.csv", "newer!", order=2)
    (run,) = stack.starter().start_waiting("iris")
    assert run.data["bytes"] == len("newer!")
    assert stack.fates() == [("a.csv", "IN_RUN"), ("a.csv", "SKIPPED")]
    assert {one.run_id for one in stack.ledger.arrivals("iris")} == {run.run_id}


def test_a_deleted_object_is_left_out(stack: Stack) -> None:
    """An object that is gone is in no manifest; one that was to be read first is IGNORED."""
    stack.publish()
    used = stack.drop("used.csv", "first", order=1)
    (first,) = stack.starter().start_waiting("iris")
    end_run(stack, first.run_id, "REJECTED")
    stack.clock.advance(60)
    gone = stack.drop("gone.csv", "second", order=2)
    stack.drop("there.csv", "third", order=3)
    for arrival in (used, gone):
        stack.clients.s3.delete_object(Bucket=DATA_BUCKET, Key=arrival.key)
    (run,) = stack.starter().start_waiting("iris")
    names = stack.document(run, "input.manifest")[1:]
    assert names == ["incoming/iris/there.csv"]
    fate = stack.ledger.arrival("iris", gone.key, gone.version_id)
    assert fate is not None
    assert (fate.status, fate.reason) == ("IGNORED", "The object was gone before a run read it.")


def test_an_unpublished_pipeline_starts_nothing(stack: Stack) -> None:
    """Data that waits without a published pipeline stays where it is."""
    stack.drop("a.csv", "first")
    assert stack.starter().start_waiting("iris") == []
    assert stack.fates() == [("a.csv", "WAITING")]
    assert stack.ledger.lock("iris") is None


def test_a_burst_larger_than_any_batch(stack: Stack) -> None:
    """Hundreds of objects are one run: every page is read, every batch is written."""
    stack.publish()
    arrivals = [stack.drop(f"{number}.csv", f"content {number}") for number in range(130)]
    (run,) = stack.starter().start_waiting("iris")
    assert run.data["objects"] == len(arrivals)
    assert {status for _, status in stack.fates()} == {"IN_RUN"}


def test_the_lock_of_an_ended_run_is_not_made_again(stack: Stack) -> None:
    """A run that ends before its starter hands the lock over leaves no lock behind."""
    stack.publish()
    stack.drop("a.csv", "first")

    def end_at_once() -> None:
        (run,) = stack.ledger.runs("iris")
        end_run(stack, run.run_id, "REJECTED")

    stack.starter(Interrupted(stack, "hand_to_run", end_at_once)).start_waiting("iris")
    assert stack.ledger.lock("iris") is None


def test_another_run_keeps_its_lock(stack: Stack) -> None:
    """Neither a stranger's release nor another run's end takes a lock away."""
    stack.publish()
    stack.drop("a.csv", "first")
    (run,) = stack.starter().start_waiting("iris")
    stranger = Lock(pipeline="iris", owner="stranger", phase="STARTING", locked_at=0)
    stack.ledger.release(stranger)
    stack.ledger.give_up(stranger)
    stack.ledger.release_run("iris", "iris-20200101t000000-00000000")
    lock = stack.ledger.lock("iris")
    assert lock is not None
    assert (lock.run_id, lock.phase) == (run.run_id, "RUNNING")


def replaced_in_time(stack: Stack) -> Arrival:
    """Drop an object and replace it; nobody has heard of the newer version yet."""
    older = stack.drop("a.csv", "older")
    stack.clients.s3.put_object(Bucket=DATA_BUCKET, Key=older.key, Body=b"newer!")
    return older


def read_by_the_job(stack: Stack, run: Run) -> list[bytes]:
    """Read what SageMaker lays down for the run's first job."""
    first, *names = stack.document(run, "input.manifest")
    keys = [first["prefix"].removeprefix(f"s3://{DATA_BUCKET}/") + name for name in names]
    s3 = stack.clients.s3
    return [s3.get_object(Bucket=DATA_BUCKET, Key=key)["Body"].read() for key in keys]


def test_an_object_that_was_replaced_is_read_as_recorded(stack: Stack) -> None:
    """From a copy; the manifest names the version that was dropped, with its own ETag."""
    stack.publish()
    older = replaced_in_time(stack)
    stack.drop("b.csv", "other", order=2)
    (run,) = stack.starter().start_waiting("iris")
    assert read_by_the_job(stack, run) == [b"older", b"other"]
    entry, other = stack.document(run)["objects"]
    assert entry == {
        "key": older.key,
        "version_id": older.version_id,
        "etag": older.etag,
        "size": 5,
        "path": f"runs/{run.run_id}/data/a.csv",
        "new": True,
        "arrived_at": older.event_time,
    }
    assert other["path"] == other["key"]


def test_a_copy_that_is_refused_is_made_by_the_next_start(stack: Stack) -> None:
    """The same run goes on: nothing runs before its data is there."""
    stack.publish()
    replaced_in_time(stack)
    starter = stack.starter()
    events = stack.clients.s3.meta.events
    events.register("before-call.s3.CopyObject", refuse)
    with pytest.raises(ClientError, match="AccessDenied"):
        starter.start_waiting("iris")
    assert stack.executions() == []
    (recorded,) = stack.ledger.runs("iris")
    events.unregister("before-call.s3.CopyObject", refuse)
    (run,) = starter.start_waiting("iris")
    assert run.run_id == recorded.run_id
    assert read_by_the_job(stack, run) == [b"older"]


def test_a_version_that_is_gone_leaves_the_run(stack: Stack) -> None:
    """Its arrival is IGNORED, the manifests and the run's figures are without it."""
    stack.publish()
    gone = replaced_in_time(stack)
    stack.drop("b.csv", "other", order=2)
    stack.clients.s3.delete_object(Bucket=DATA_BUCKET, Key=gone.key, VersionId=gone.version_id)
    (run,) = stack.starter().start_waiting("iris")
    assert read_by_the_job(stack, run) == [b"other"]
    assert (run.data["objects"], run.data["bytes"]) == (1, len("other"))
    assert stack.ledger.run(run.run_id) == run
    assert stack.fate(gone).status == "IGNORED"
    assert "no longer had this version" in stack.fate(gone).reason
    assert [one["key"] for one in stack.document(run)["objects"]] == ["incoming/iris/b.csv"]


def test_a_resumed_start_marks_what_its_manifest_lists(stack: Stack) -> None:
    """Also when other data came meanwhile: what a run reads is its own, and no other run's."""
    stack.publish()
    mine = stack.drop("a.csv", "first")
    with pytest.raises(Died):
        stack.starter(Interrupted(stack, "change_arrivals", die)).start_waiting("iris")
    stack.clock.advance(STARTING_SECONDS + 1)
    other = stack.drop("b.csv", "second", order=2)
    (run,) = stack.starter().start_waiting("iris")
    assert (stack.fate(mine).status, stack.fate(mine).run_id) == ("IN_RUN", run.run_id)
    assert stack.fate(other).status == "WAITING"


def rejected(stack: Stack) -> Arrival:
    """Deploy good data, then have a run rejected for bad data."""
    stack.publish()
    stack.drop("good.csv", "good")
    (run,) = stack.starter().start_waiting("iris")
    stack.end(run, "DEPLOYED")
    stack.clock.advance(60)
    bad = stack.drop("bad.csv", "bad", order=2)
    (run,) = stack.starter().start_waiting("iris")
    stack.end(run, "REJECTED")
    stack.clock.advance(60)
    return bad


@pytest.mark.parametrize("name", ["bad.csv", "another.csv"])
def test_dropping_again_what_was_set_aside_is_skipped(stack: Stack, name: str) -> None:
    """Under its own or another key: it stays out until it is readmitted, and people are told."""
    rejected(stack)
    again = stack.drop(name, "bad", order=3)
    (skipped,) = stack.starter().start_waiting("iris")
    assert skipped.status == "SKIPPED"
    assert "dropforge data iris --readmit" in skipped.reason
    assert (stack.fate(again).status, stack.fate(again).run_id) == ("SET_ASIDE", skipped.run_id)
    assert len(stack.executions()) == 2
    assert len(stack.clients.told) == 1
    assert stack.ledger.lock("iris") is None


def test_good_data_beside_data_that_was_set_aside(stack: Stack) -> None:
    """In one burst: the run reads the good, and what is set aside stays so."""
    rejected(stack)
    again = stack.drop("again.csv", "bad", order=3)
    new = stack.drop("new.csv", "new", order=4)
    (run,) = stack.starter().start_waiting("iris")
    assert read_by_the_job(stack, run) == [b"good", b"new"]
    assert stack.fate(new).status == "IN_RUN"
    assert (stack.fate(again).status, stack.fate(again).run_id) == ("SET_ASIDE", run.run_id)


def die_at(stack: Stack, event: str, number: int) -> Callable[[], None]:
    """Die at the call of this number, before or after AWS has done it; return the undoing."""
    calls = itertools.count(1)

    def perhaps_die(**_: Any) -> None:
        if next(calls) == number:
            raise Died

    clients = (stack.clients.s3, stack.clients.dynamodb, stack.clients.stepfunctions)
    for client in clients:
        client.meta.events.register(event, perhaps_die)

    def undo() -> None:
        for client in clients:
            client.meta.events.unregister(event, perhaps_die)

    return undo


def outcome(stack: Stack) -> tuple[Any, ...]:
    """Return what matters of a start: its run, its data and every arrival's fate."""
    (run,) = stack.ledger.runs("iris")
    lock = stack.ledger.lock("iris")
    assert lock is not None
    return (
        stack.executions() == [f"{run.run_id}-1"],
        (lock.phase, lock.run_id) == ("RUNNING", run.run_id),
        run.data["objects"],
        read_by_the_job(stack, run),
        stack.fates(),
    )


@pytest.mark.parametrize("event", ["before-call", "after-call"])
def test_a_starter_that_dies_at_any_call_loses_nothing(event: str) -> None:
    """Each call, one by one: in the end it is as though nobody had died, copies and all."""
    outcomes = []
    for number in itertools.count(1):
        with a_stack() as stack:
            stack.publish()
            replaced_in_time(stack)
            gone = stack.drop("gone.csv", "gone", order=2)
            stack.clients.s3.put_object(Bucket=DATA_BUCKET, Key=gone.key, Body=b"new")
            stack.clients.s3.delete_object(
                Bucket=DATA_BUCKET, Key=gone.key, VersionId=gone.version_id
            )
            undo = die_at(stack, event, number)
            try:
                stack.starter().start_waiting("iris")
            except Died:
                undo()
                stack.clock.advance(STARTING_SECONDS + 1)
                stack.starter().start_waiting("iris")
            else:
                undo()
                outcomes.append(outcome(stack))
                break
            outcomes.append(outcome(stack))
    assert len(outcomes) > 15
    fates = [("a.csv", "IN_RUN"), ("gone.csv", "IGNORED")]
    assert outcomes == [(True, True, 1, [b"older"], fates)] * len(outcomes)
