import json
from dataclasses import replace
from typing import Any

import pytest
from dropforge_core.ledger import STARTING_SECONDS
from dropforge_core.records import Cause, Request, Run

from tests.unit.dropforge_core.stack import DATA_BUCKET, Stack
from tests.unit.dropforge_core.test_starting import Died, Interrupted, die


def ask(stack: Stack, cause: Cause = "PERSON", name: str = "one") -> Request:
    """Record a request to start, as the trigger does."""
    request = Request(request_id=name, cause=cause, asked_at="2026-11-21T05:20:00.000Z")
    stack.ledger.record_requests("iris", [request])
    return request


def start(stack: Stack) -> list[Run]:
    """Start what waits, a second later than before, for run ids hold seconds."""
    stack.clock.advance(1)
    return stack.starter().start_waiting("iris")


def used_data(stack: Stack) -> Run:
    """Drop something and let a run use it."""
    stack.publish()
    stack.drop("a.csv", "first")
    (run,) = start(stack)
    stack.end(run, "DEPLOYED")
    return run


def new_of(stack: Stack, run: Run) -> list[bool]:
    """Say of each object in a run's manifest whether it was dropped for this run."""
    return [one["new"] for one in stack.document(run)["objects"]]


def test_a_request_runs_on_data_that_was_used_before(stack: Stack) -> None:
    """The very set that would be SKIPPED after a drop is read again, and nothing in it is new."""
    before = used_data(stack)
    ask(stack)
    (run,) = start(stack)
    assert (run.status, run.causes, run.requests) == ("RUNNING", ["PERSON"], ["one"])
    assert run.manifest_hash == before.manifest_hash
    assert new_of(stack, run) == [False]
    assert run.first_event_at == "2026-11-21T05:20:00.000Z"
    taken = stack.ledger.request("iris", "one")
    assert taken is not None
    assert (taken.status, taken.run_id) == ("TAKEN", run.run_id)
    assert stack.fates() == [("a.csv", "USED")]
    assert start(stack) == []


def test_requests_and_data_become_one_run(stack: Stack) -> None:
    """A schedule, a person and a drop at once: one run for all of them, which says so."""
    used_data(stack)
    ask(stack, "SCHEDULE", "by the clock")
    ask(stack, "PERSON", "by hand")
    stack.drop("b.csv", "second", order=2)
    (run,) = start(stack)
    assert run.causes == ["DATA", "PERSON", "SCHEDULE"]
    assert new_of(stack, run) == [False, True]
    assert stack.fates() == [("a.csv", "USED"), ("b.csv", "IN_RUN")]
    assert len(stack.executions()) == 2


def test_a_request_during_a_run_is_the_follow_up(stack: Stack) -> None:
    """However many came, one run takes them once the one that was going has ended."""
    stack.publish()
    stack.drop("a.csv", "first")
    (going,) = start(stack)
    for name in ("one", "two", "three"):
        ask(stack, "SCHEDULE", name)
    assert start(stack) == []
    finished = stack.end(going, "DEPLOYED")
    (follow_up, _) = stack.ledger.runs("iris")
    assert finished.follow_up == follow_up.run_id
    assert follow_up.requests == ["one", "three", "two"]
    assert stack.end(follow_up, "DEPLOYED").follow_up is None


@pytest.mark.parametrize("deleted", ["never there", "deleted"])
def test_without_any_data_a_request_is_skipped(stack: Stack, deleted: str) -> None:
    """Nothing was ever dropped, or it is gone: no execution, a clear reason, one message."""
    stack.publish()
    if deleted == "deleted":
        used_data(stack)
        stack.clients.s3.delete_object(Bucket=DATA_BUCKET, Key="incoming/iris/a.csv")
    executions = stack.executions()
    ask(stack, "SCHEDULE")
    (run,) = start(stack)
    assert run.status == "SKIPPED"
    assert (
        run.reason
        == "There is no data to learn from: nothing that was dropped is new, or can be read."
    )
    assert run.data == {"objects": 0, "bytes": 0, "manifest": ""}
    assert stack.executions() == executions
    told: list[Any] = [json.loads(one["Payload"]) for one in stack.clients.told]
    assert [one["status"] for one in told] == ["SKIPPED"]
    taken = stack.ledger.request("iris", "one")
    assert taken is not None
    assert (taken.status, taken.run_id) == ("TAKEN", run.run_id)
    assert start(stack) == []


def test_what_was_set_aside_is_left_out_of_it(stack: Stack) -> None:
    """A request is no way around a judge: it reads what the next run would read."""
    first = used_data(stack)
    stack.drop("b.csv", "bad", order=2)
    (rejected,) = start(stack)
    stack.end(rejected, "REJECTED")
    ask(stack, "DRIFT")
    (run,) = start(stack)
    assert run.manifest_hash == first.manifest_hash
    stack.end(run, "REJECTED")
    assert stack.fates() == [("a.csv", "USED"), ("b.csv", "SET_ASIDE")]


@pytest.mark.parametrize("step", ["waiting_requests", "open_run", "settle_requests", "hand_to_run"])
def test_a_starter_that_dies_loses_no_request(stack: Stack, step: str) -> None:
    """Wherever it died, the next one makes one run of it, and none a second time."""
    used_data(stack)
    ask(stack)
    stack.clock.advance(1)
    with pytest.raises(Died):
        stack.starter(Interrupted(stack, step, die)).start_waiting("iris")
    stack.clock.advance(STARTING_SECONDS + 1)
    (run,) = start(stack)
    assert (run.status, run.requests) == ("RUNNING", ["one"])
    assert len(stack.executions()) == 2
    assert stack.end(run, "DEPLOYED").follow_up is None


def test_a_request_that_came_after_a_dead_starter_waits(stack: Stack) -> None:
    """The run that the dead one had recorded takes what it had seen, and no more."""
    used_data(stack)
    ask(stack)
    stack.clock.advance(1)
    with pytest.raises(Died):
        stack.starter(Interrupted(stack, "settle_requests", die)).start_waiting("iris")
    later = replace(ask(stack, name="two"), status="WAITING")
    stack.clock.advance(STARTING_SECONDS + 1)
    (run,) = start(stack)
    assert run.requests == ["one"]
    assert stack.ledger.waiting_requests("iris") == [later]
    assert stack.end(run, "DEPLOYED").follow_up is not None
