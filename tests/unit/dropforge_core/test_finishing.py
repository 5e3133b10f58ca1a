import itertools
import json
import time
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from dropforge_core.contracts import (
    EndpointChange,
    JobTime,
    RowCounts,
    RunEnd,
    StepError,
)
from dropforge_core.finishing import Finisher
from dropforge_core.ledger import STARTING_SECONDS, Ledger
from dropforge_core.records import Arrival, Run

from tests.unit.dropforge_core.stack import DATA_BUCKET, Stack, a_stack
from tests.unit.dropforge_core.test_starting import Died, Interrupted, die, die_at, refuse

MACHINE = {
    "StartAt": "Begin",
    "States": {
        "Begin": {"Type": "Pass", "Next": "Judge"},
        "Judge": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.attempt", "NumericEquals": 1, "Next": "Done"}],
        },
        "Done": {"Type": "Succeed"},
    },
}


def finisher(stack: Stack, ledger: Ledger | None = None) -> Finisher:
    """A finisher, perhaps with a ledger of its own."""
    return stack.finisher(ledger)


def started(stack: Stack) -> Run:
    """A run that goes."""
    stack.publish()
    stack.drop("a.csv", "first")
    (run,) = stack.starter().start_waiting("iris")
    return run


def end_of(run: Run, **changes: Any) -> RunEnd:
    """What the state machine sends at the end."""
    values: dict[str, Any] = {
        "run_id": run.run_id,
        "pipeline": "iris",
        "attempt": 1,
        "execution": run.execution,
        "status": "DEPLOYED",
        "data": run.run_data,
        "first_event_at": run.first_event_at,
        "reason": "The endpoint was created.",
        "metrics": {"accuracy": 0.97},
        "endpoint": EndpointChange(
            name="dropforge-iris",
            action="CREATED",
            config="config",
            called_at=1795238500000,
            in_service_at=1795238507250,
        ),
    }
    return RunEnd(**{**values, **changes})


def test_a_run_is_closed(stack: Stack) -> None:
    """Status, metrics, endpoint and times are recorded, arrivals are USED, the lock is free."""
    run = started(stack)
    stack.clock.advance(100)
    finished = finisher(stack).finish(end_of(run))
    assert (finished.closed, finished.follow_up) == (True, None)
    closed = stack.ledger.run(run.run_id)
    assert closed is not None
    assert (closed.status, closed.reason) == ("DEPLOYED", "The endpoint was created.")
    assert closed.metrics == {"accuracy": 0.97}
    assert closed.endpoint == {"name": "dropforge-iris", "action": "CREATED", "config": "config"}
    assert closed.endpoint_seconds == 7.25
    assert closed.ended_at == "2026-11-21T05:21:51.000Z"
    assert closed.seconds == 110, "from the object's event at 05:20:01"
    assert stack.fates() == [("a.csv", "USED")]
    assert stack.ledger.lock("iris") is None


def test_what_was_judged_is_kept(stack: Stack) -> None:
    """The champion's metrics, the comparison and the model package are in the record."""
    run = started(stack)
    comparison = {"metric": "accuracy", "difference": 0.01, "low": -1e-7, "rows": 45}
    end = end_of(
        run,
        champion_metrics={"accuracy": 0.96, "rows": 45},
        comparison=comparison,
        model_package="arn:package/iris/1",
    )
    finisher(stack).finish(end)
    closed = stack.ledger.run(run.run_id)
    assert closed is not None
    assert closed.champion_metrics == {"accuracy": 0.96, "rows": 45}
    assert closed.comparison == comparison
    assert closed.model_package == "arn:package/iris/1"


def test_what_was_made_and_what_it_took_is_kept(stack: Stack) -> None:
    """The model, its training metrics, each job's time and machine, and the rows of the data."""
    run = started(stack)
    job = JobTime(
        step="Train",
        seconds=63.25,
        billable_seconds=63,
        instance_type="ml.m5.large",
        instance_count=1,
        volume_gb=10,
        hourly_usd=0.115,
    )
    end = end_of(
        run,
        model_data="s3://artifacts/model.tar.gz",
        training_metrics={"train:accuracy": 0.98, "loss": float("nan")},
        jobs=(job,),
        rows=RowCounts(rows=150, rejected_rows=3),
    )
    finisher(stack).finish(end)
    closed = stack.ledger.run(run.run_id)
    assert closed is not None
    assert closed.model_data == "s3://artifacts/model.tar.gz"
    assert closed.training_metrics == {"train:accuracy": 0.98, "loss": "nan"}
    assert closed.jobs == [job.dump()]
    assert closed.data == {**run.data, "rows": 150, "rejected_rows": 3}
    assert closed.run_data == run.run_data


def test_the_history_of_a_real_execution() -> None:
    """Transitions and steps come from what the interpreter recorded."""
    with a_stack(json.dumps(MACHINE), interpreted=True) as stack:
        run = started(stack)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not ended(stack, run):
            time.sleep(0.05)
        finisher(stack).finish(end_of(run))
        closed = stack.ledger.run(run.run_id)
    assert closed is not None
    assert closed.billed_transitions == 3 + 2
    assert closed.steps == [], "no task"


def ended(stack: Stack, run: Run) -> bool:
    """Whether the execution is over."""
    described = stack.clients.stepfunctions.describe_execution(executionArn=run.execution)
    return described["status"] == "SUCCEEDED"


def test_a_failed_run_is_worded(stack: Stack) -> None:
    """A failure's error becomes the reason, and its data counts as used."""
    run = started(stack)
    error = StepError(step="Train", error="States.Timeout")
    end = end_of(
        run,
        status="FAILED",
        reason="",
        error=error,
        endpoint=EndpointChange(name="dropforge-iris", action="NONE"),
    )
    finisher(stack).finish(end)
    closed = stack.ledger.run(run.run_id)
    assert closed is not None
    assert closed.reason == "Train failed with States.Timeout, without a reason."
    assert closed.endpoint_seconds == 0
    assert stack.fates() == [("a.csv", "USED")]


def refused(stack: Stack, run: Run, *objects: Arrival) -> dict[str, Any]:
    """Leave the index of objects that a run's job refused; return what the machine tells of it."""
    entries = [
        {"etag": one.etag, "size": one.size, "whole": True, "reason": "No good row.", "key": "k"}
        for one in objects
    ]
    rows = {"etag": "other", "size": 3, "whole": False, "reason": "Some bad rows."}
    place = f"quarantine/iris/{run.run_id}/"
    stack.clients.s3.put_object(
        Bucket=DATA_BUCKET,
        Key=f"{place}quarantine.json",
        Body=json.dumps({"objects": [*entries, rows]}).encode(),
    )
    counts = RowCounts(rows=10, rejected_rows=4, quarantined_objects=len(objects))
    return {"rows": counts, "quarantine": f"s3://{DATA_BUCKET}/{place}"}


def test_what_the_job_refused_is_quarantined(stack: Stack) -> None:
    """Whatever came of the run; the others are USED, and the run's data has the counts."""
    stack.publish()
    stack.drop("good.csv", "good")
    broken = stack.drop("broken.csv", "broken", order=2)
    stack.drop("same.csv", "broken", order=3)
    (run,) = stack.starter().start_waiting("iris")
    finisher(stack).finish(end_of(run, **refused(stack, run, broken)))
    assert stack.fates() == [
        ("broken.csv", "QUARANTINED"),
        ("good.csv", "USED"),
        ("same.csv", "QUARANTINED"),
    ]
    fate = stack.ledger.arrival("iris", broken.key, broken.version_id)
    assert fate is not None
    assert (fate.run_id, fate.reason) == (run.run_id, "No good row.")
    closed = stack.ledger.run(run.run_id)
    assert closed is not None
    assert closed.data == {
        **run.data,
        "rows": 10,
        "rejected_rows": 4,
        "quarantined_objects": 1,
        "quarantine": f"s3://{DATA_BUCKET}/quarantine/iris/{run.run_id}/",
    }


def test_no_later_run_reads_what_was_refused(stack: Stack) -> None:
    """Neither the follow-up nor the run after it, until its bytes are dropped again."""
    stack.publish()
    stack.drop("good.csv", "good")
    broken = stack.drop("broken.csv", "broken", order=2)
    (run,) = stack.starter().start_waiting("iris")
    stack.clock.advance(60)
    stack.drop("more.csv", "more", order=3)
    follow_up = finisher(stack).finish(end_of(run, **refused(stack, run, broken))).follow_up
    started = stack.ledger.run(follow_up or "")
    assert started is not None
    assert started.data["objects"] == 2


def test_what_other_rules_find_good_leaves_quarantine(stack: Stack) -> None:
    """Its bytes were dropped again and used: then no arrival of them is in quarantine any more."""
    stack.publish()
    broken = stack.drop("broken.csv", "broken")
    (run,) = stack.starter().start_waiting("iris")
    skipped = end_of(run, status="SKIPPED", reason="No good row.", **refused(stack, run, broken))
    finisher(stack).finish(skipped)
    stack.publish(version="v2")
    stack.clock.advance(60)
    stack.drop("again.csv", "broken", order=2)
    (second,) = stack.starter().start_waiting("iris")
    finisher(stack).finish(end_of(second, rows=RowCounts(rows=10)))
    assert stack.fates() == [("again.csv", "USED"), ("broken.csv", "USED")]


def test_a_failure_before_the_data_was_looked_at_keeps_it_in_quarantine(stack: Stack) -> None:
    """Nobody has found it good; it is looked at once it is dropped once more."""
    stack.publish()
    broken = stack.drop("broken.csv", "broken")
    (run,) = stack.starter().start_waiting("iris")
    finisher(stack).finish(end_of(run, status="SKIPPED", **refused(stack, run, broken)))
    stack.publish(version="v2")
    stack.clock.advance(60)
    stack.drop("again.csv", "broken", order=2)
    (second,) = stack.starter().start_waiting("iris")
    error = StepError(step="Prepare", error="States.Timeout")
    finisher(stack).finish(end_of(second, status="FAILED", error=error))
    assert ("broken.csv", "QUARANTINED") in stack.fates()


def test_a_repeated_finish_leaves_later_verdicts_alone(stack: Stack) -> None:
    """What was found good since is not quarantined again by a late second call."""
    stack.publish()
    broken = stack.drop("broken.csv", "broken")
    (run,) = stack.starter().start_waiting("iris")
    skipped = end_of(run, status="SKIPPED", **refused(stack, run, broken))
    finisher(stack).finish(skipped)
    stack.ledger.change_arrivals("iris", [replace(broken, status="USED")])
    finisher(stack).finish(skipped)
    assert stack.fates() == [("broken.csv", "USED")]


def test_the_follow_up_takes_what_came_meanwhile(stack: Stack) -> None:
    """Objects that came during the run, however many, are one follow-up, which reads all data."""
    run = started(stack)
    stack.clock.advance(100)
    for number in range(2, 7):
        stack.drop(f"{number}.csv", f"content {number}", order=number)
    finished = finisher(stack).finish(end_of(run))
    assert finished.closed
    follow_up = stack.ledger.run(finished.follow_up or "")
    assert follow_up is not None
    assert (follow_up.status, follow_up.data["objects"]) == ("RUNNING", 6)
    assert len(stack.executions()) == 2


def test_a_second_finish_changes_nothing(stack: Stack) -> None:
    """Closing twice says so, and leaves the follow-up that the first call started."""
    run = started(stack)
    stack.clock.advance(100)
    stack.drop("b.csv", "second", order=2)
    first = finisher(stack).finish(end_of(run))
    stack.clock.advance(100)
    before = stack.ledger.runs("iris"), stack.ledger.lock("iris"), stack.fates()
    again = finisher(stack).finish(end_of(run, status="FAILED", reason="other"))
    assert (again.closed, again.follow_up) == (False, None)
    assert (stack.ledger.runs("iris"), stack.ledger.lock("iris"), stack.fates()) == before
    assert first.follow_up is not None


def test_an_unknown_run(stack: Stack) -> None:
    """A run that the ledger does not know leaves everything as it is."""
    run = started(stack)
    stranger = end_of(run, run_id="iris-20200101t000000-00000000")
    assert not finisher(stack).finish(stranger).closed
    lock = stack.ledger.lock("iris")
    assert lock is not None
    assert lock.run_id == run.run_id


@pytest.mark.parametrize(
    "step", ["change_run", "arrivals", "change_arrivals", "release_run", "acquire", "open_run"]
)
@pytest.mark.parametrize("failure", [die, refuse])
def test_a_finish_that_fails_at_any_step(stack: Stack, step: str, failure: Any) -> None:
    """The next call does the rest: closed, released, and one follow-up for what waited."""
    run = started(stack)
    stack.clock.advance(100)
    stack.drop("b.csv", "second", order=2)
    with pytest.raises((Died, ClientError)):
        finisher(stack, Interrupted(stack, step, failure)).finish(end_of(run))
    stack.clock.advance(STARTING_SECONDS + 1)
    finished = finisher(stack).finish(end_of(run))
    assert finished.follow_up is not None
    assert {one.status for one in stack.ledger.runs("iris")} == {"DEPLOYED", "RUNNING"}
    assert stack.fates() == [("a.csv", "USED"), ("b.csv", "IN_RUN")]
    assert len(stack.executions()) == 2


@pytest.mark.parametrize("step", ["change_run", "release_run", "acquire", "release"])
def test_a_trigger_in_the_midst_of_a_finish(stack: Stack, step: str) -> None:
    """Whenever the trigger comes, its object ends in exactly one follow-up."""
    run = started(stack)
    stack.clock.advance(100)

    def trigger() -> None:
        stack.drop("b.csv", "second", order=2)
        try:
            stack.starter().start_waiting("iris")
        except Exception:  # noqa: BLE001 - the message comes again
            redelivered.append(True)

    redelivered: list[bool] = []
    finisher(stack, Interrupted(stack, step, trigger)).finish(end_of(run))
    if redelivered:
        stack.clock.advance(660)
        stack.starter().start_waiting("iris")
    assert stack.fates() == [("a.csv", "USED"), ("b.csv", "IN_RUN")]
    assert len(stack.executions()) == 2


@pytest.mark.parametrize(
    ("status", "rejected_by", "fate"),
    [
        ("REJECTED", None, "SET_ASIDE"),
        ("REJECTED", "JUDGE", "SET_ASIDE"),
        ("REJECTED", "APPROVER", "SET_ASIDE"),
        ("REJECTED", "TIMEOUT", "USED"),
        ("REJECTED", "NEWER_RUN", "USED"),
        ("ROLLED_BACK", None, "USED"),
    ],
)
def test_what_a_rejected_run_read_first_is_set_aside(
    stack: Stack, status: Any, rejected_by: Any, fate: str
) -> None:
    """With the run that spoilt it, and how to bring it back; earlier runs' data stays."""
    run = started(stack)
    stack.end(run, "DEPLOYED")
    stack.clock.advance(60)
    new = stack.drop("b.csv", "second", order=2)
    same = stack.drop("c.csv", "first", order=3)
    (run,) = stack.starter().start_waiting("iris")
    finished = stack.end(run, status, rejected_by)
    assert finished.closed
    assert stack.fates() == [("a.csv", "USED"), ("b.csv", fate), ("c.csv", "USED")]
    assert stack.fate(same).run_id == stack.fate(new).run_id == run.run_id
    closed = stack.ledger.run(run.run_id)
    assert closed is not None
    assert closed.rejected_by == rejected_by
    if fate == "SET_ASIDE":
        assert run.run_id in stack.fate(new).reason
        assert "dropforge data iris --readmit" in stack.fate(new).reason


def test_good_data_after_a_rejected_run_is_deployed_again(stack: Stack) -> None:
    """The follow-up reads what was good before and what came meanwhile, not what was rejected.

    That holds too when the bad data came again, under another name, while its run was going.
    """
    run = started(stack)
    stack.end(run, "DEPLOYED")
    stack.clock.advance(60)
    stack.drop("bad.csv", "bad", order=2)
    (run,) = stack.starter().start_waiting("iris")
    stack.clock.advance(60)
    stack.drop("bad-again.csv", "bad", order=3)
    stack.drop("good.csv", "good", order=4)
    follow_up = stack.ledger.run(stack.end(run, "REJECTED").follow_up or "")
    assert follow_up is not None
    keys = [one["key"] for one in stack.document(follow_up)["objects"]]
    assert keys == ["incoming/iris/a.csv", "incoming/iris/good.csv"]
    stack.end(follow_up, "DEPLOYED")
    assert ("bad-again.csv", "SET_ASIDE") in stack.fates()
    assert ("good.csv", "USED") in stack.fates()


def test_an_older_version_stands_in_for_a_rejected_one(stack: Stack) -> None:
    """The next run reads it from its copy, although the rejected one is current in the bucket."""
    run = started(stack)
    stack.end(run, "DEPLOYED")
    stack.clock.advance(60)
    stack.drop("a.csv", "spoilt", order=2)
    (run,) = stack.starter().start_waiting("iris")
    stack.end(run, "REJECTED")
    stack.clock.advance(60)
    stack.drop("b.csv", "second", order=3)
    (run,) = stack.starter().start_waiting("iris")
    paths = [one["path"] for one in stack.document(run)["objects"]]
    assert paths == [f"runs/{run.run_id}/data/a.csv", "incoming/iris/b.csv"]
    read = stack.clients.s3.get_object(Bucket=DATA_BUCKET, Key=paths[0])["Body"].read()
    assert read == b"first"


def test_data_that_failed_and_was_then_rejected_is_set_aside(stack: Stack) -> None:
    """A failed run judged nothing: the same bytes, dropped again, are what the next one spoils."""
    run = started(stack)
    stack.end(run, "FAILED")
    stack.clock.advance(60)
    stack.drop("again.csv", "first", order=2)
    (run,) = stack.starter().start_waiting("iris")
    stack.end(run, "REJECTED")
    assert stack.fates() == [("a.csv", "SET_ASIDE"), ("again.csv", "SET_ASIDE")]


def test_a_finish_that_died_before_it_set_data_aside(stack: Stack) -> None:
    """Whoever comes next does it, and goes by what the ledger says of the run, not by how it came.

    The execution died in its last step, so that it is FAILED, and the run REJECTED.
    """
    run = started(stack)
    end = end_of(run, status="REJECTED", rejected_by="APPROVER")
    with pytest.raises(Died):
        finisher(stack, Interrupted(stack, "change_arrivals", die)).finish(end)
    assert stack.fates() == [("a.csv", "IN_RUN")]
    assert not finisher(stack).finish(end_of(run, status="FAILED")).closed
    assert stack.fates() == [("a.csv", "SET_ASIDE")]
    assert "by its approver" in stack.ledger.arrivals("iris")[0].reason


@pytest.mark.parametrize("event", ["before-call", "after-call"])
def test_a_finish_that_dies_at_any_call_sets_data_aside(event: str) -> None:
    """Each call, one by one: the next call does the rest, and the follow-up reads the good data."""
    outcomes = []
    died = True
    for number in itertools.count(1):
        with a_stack() as stack:
            run = started(stack)
            stack.clock.advance(60)
            stack.drop("b.csv", "second", order=2)
            undo = die_at(stack, event, number)
            try:
                stack.end(run, "REJECTED")
            except Died:
                undo()
                stack.clock.advance(STARTING_SECONDS + 1)
                stack.end(run, "REJECTED")
            else:
                undo()
                died = False
            statuses = [one.status for one in stack.ledger.runs("iris")]
            outcomes.append((statuses, stack.fates(), len(stack.executions())))
        if not died:
            break
    assert len(outcomes) > 15
    fates = [("a.csv", "SET_ASIDE"), ("b.csv", "IN_RUN")]
    assert outcomes == [(["RUNNING", "REJECTED"], fates, 2)] * len(outcomes)
