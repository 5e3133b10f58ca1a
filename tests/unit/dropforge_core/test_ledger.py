import math
from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import Stubber
from dropforge_core.errors import ServiceUnavailableError
from dropforge_core.ledger import STARTING_SECONDS
from dropforge_core.records import Lock, Run
from dropforge_core.table import NEW, ConditionFailedError, Table

from tests.unit.dropforge_core.stack import TABLE, Stack, an_arrival, published


def a_run(number: int = 1, pipeline: str = "iris", **changes: Any) -> Run:
    """A run that goes, started at this second."""
    values: dict[str, Any] = {
        "run_id": f"{pipeline}-20261121t0520{number:02d}-1a2b3c4d",
        "pipeline": pipeline,
        "status": "RUNNING",
        "endpoint": {"name": f"dropforge-{pipeline}", "action": "NONE", "config": None},
        "data": {"objects": 1, "bytes": 5, "manifest": "s3://data/manifest.json"},
        "started_at": f"2026-11-21T05:20:{number:02d}.000Z",
        "first_event_at": "2026-11-21T05:20:00.000Z",
        "manifest_hash": "1a2b3c4d" * 8,
        "version": "v1",
    }
    return Run(**{**values, **changes})


def test_publishing_replaces_the_version(stack: Stack) -> None:
    """The ledger holds each pipeline's current version, whole, and lists the names."""
    stack.publish(version="v1")
    config = stack.publish(version="v2")
    stack.publish("car")
    assert stack.ledger.published("iris") == config == published(version="v2")
    assert stack.ledger.published("nobody") is None
    assert stack.ledger.pipelines() == ["car", "iris"]


def test_an_arrival_is_recorded_once(stack: Stack) -> None:
    """Duplicates, in one call or in two, change nothing, whatever has become of the first."""
    first, second = an_arrival("a.csv"), an_arrival("b.csv")
    assert stack.ledger.record("iris", [first, first]) == [first]
    stack.ledger.change_arrivals("iris", [an_arrival("a.csv")])
    used = an_arrival("a.csv").__class__(**{**first.__dict__, "status": "USED", "run_id": "r"})
    stack.ledger.change_arrivals("iris", [used])
    assert stack.ledger.record("iris", [first, second]) == [second]
    assert stack.ledger.arrival("iris", first.key, first.version_id) == used
    assert stack.ledger.arrival("iris", first.key, "another") is None


def test_many_arrivals_at_once(stack: Stack) -> None:
    """More than a transaction's hundred, some known: exactly the others are recorded."""
    arrivals = [an_arrival(f"{number}.csv") for number in range(230)]
    known = arrivals[::7]
    stack.ledger.record("iris", known)
    new = stack.ledger.record("iris", arrivals)
    assert {one.key for one in new} == {one.key for one in arrivals} - {one.key for one in known}
    assert len(stack.ledger.arrivals("iris")) == len(arrivals)


def test_a_key_as_long_as_s3_allows(stack: Stack) -> None:
    """A key of 1,024 bytes is kept whole."""
    key = "incoming/iris/" + "ü" * 505
    arrival = an_arrival(key.removeprefix("incoming/iris/"))
    stack.ledger.record("iris", [arrival])
    assert stack.ledger.arrivals("iris") == [arrival]


def test_the_lock_has_one_holder(stack: Stack) -> None:
    """STARTING keeps others out until its holder must be dead; RUNNING keeps them out for good."""
    lock = stack.ledger.acquire("iris", "me", 1000)
    assert lock is not None
    assert stack.ledger.acquire("iris", "you", 1000 + STARTING_SECONDS) is None
    taken_over = stack.ledger.acquire("iris", "you", 1001 + STARTING_SECONDS)
    assert taken_over is not None
    assert taken_over.owner == "you"
    run = a_run()
    with pytest.raises(ConditionFailedError):
        stack.ledger.open_run(lock, run)
    assert stack.ledger.run(run.run_id) is None, "all or nothing"
    stack.ledger.open_run(taken_over, run)
    stack.ledger.hand_to_run(taken_over, run.run_id)
    assert stack.ledger.acquire("iris", "they", 10**9) is None
    stack.ledger.release_run("iris", run.run_id)
    assert stack.ledger.lock("iris") is None


def test_runs_are_listed_newest_first(stack: Stack) -> None:
    """Of one pipeline or of all that are published."""
    for name in ("iris", "car"):
        stack.publish(name)
    for run in (a_run(1), a_run(3), a_run(2, "car")):
        stack.ledger.put_run(run)
    assert [run.started_at[-6:-5] for run in stack.ledger.runs()] == ["3", "2", "1"]
    assert [run.pipeline for run in stack.ledger.runs("car")] == ["car"]


def test_a_run_keeps_its_values(stack: Stack) -> None:
    """Whole numbers, fractions, nulls, nesting and numbers beyond DynamoDB's come back sensible."""
    metrics = {
        "accuracy": 0.9777777777777777,
        "rows": 45,
        "flag": True,
        "none": None,
        "confusion": [[1, 0], [0.5, 2]],
        "tiny": 1e-200,
        "huge": 10**40,
        "nan": math.nan,
    }
    stack.ledger.put_run(a_run(metrics=metrics))
    run = stack.ledger.run(a_run().run_id)
    assert run is not None
    odd = {"tiny": "1e-200", "huge": str(10**40), "nan": "nan"}
    assert run.metrics == {**metrics, **odd}
    assert isinstance(run.metrics["rows"], int)


def test_only_a_running_run_changes(stack: Stack) -> None:
    """A run is closed once; the second closing changes nothing and says so."""
    stack.ledger.put_run(a_run())
    run_id = a_run().run_id
    assert stack.ledger.change_run(run_id, {"status": "DEPLOYED", "seconds": 1.5})
    assert not stack.ledger.change_run(run_id, {"status": "FAILED"})
    assert not stack.ledger.change_run(a_run(9).run_id, {"status": "FAILED"})
    run = stack.ledger.run(run_id)
    assert run is not None
    assert (run.status, run.seconds) == ("DEPLOYED", 1.5)
    assert stack.ledger.run(a_run(9).run_id) is None


def test_only_what_has_ended_is_marked_as_removed(stack: Stack) -> None:
    """A run that goes or waits has things that it needs."""
    ended = a_run(1, status="DEPLOYED", ended_at="2026-11-21T05:21:00.000Z")
    stack.ledger.put_run(ended)
    stack.ledger.mark_removed(ended.run_id, "2026-11-21T06:00:00.000Z")
    marked = stack.ledger.run(ended.run_id)
    assert marked is not None
    assert marked.removed_at == "2026-11-21T06:00:00.000Z"
    stack.ledger.put_run(a_run(2))
    for run_id in (a_run(2).run_id, a_run(3).run_id):
        with pytest.raises(ConditionFailedError):
            stack.ledger.mark_removed(run_id, "2026-11-21T06:00:00.000Z")


def test_what_a_newer_version_added_is_left_aside(stack: Stack) -> None:
    """An attribute that this version does not know does not break reading."""
    stack.ledger.put_run(a_run())
    stack.ledger.change_run(a_run().run_id, {"carbon": 12})
    assert stack.ledger.run(a_run().run_id) == a_run()


def test_a_run_id_must_be_one(stack: Stack) -> None:
    """Text that is no run id is refused before it becomes a key."""
    with pytest.raises(ValueError, match="no run id"):
        stack.ledger.run("iris")


def test_the_newest_wait_of_an_endpoint_counts(stack: Stack) -> None:
    """A token is kept until it is deleted; deleting an older one leaves the newer."""
    stack.ledger.put_wait("dropforge-iris", "older", "now", 1)
    stack.ledger.put_wait("Dropforge-Iris", "newer", "now", 1)
    stack.ledger.delete_wait("dropforge-iris", "older")
    assert stack.ledger.waiting_token("dropforge-iris") == "newer"
    stack.ledger.delete_wait("dropforge-iris", "newer")
    assert stack.ledger.waiting_token("dropforge-iris") is None


def test_unprocessed_items_are_written_again(stack: Stack) -> None:
    """What BatchWriteItem leaves is sent again, and nothing else."""
    client = stack.clients.dynamodb
    item = {"pk": {"S": "p"}, "sk": {"S": "s"}}
    left = {TABLE: [{"PutRequest": {"Item": item}}]}
    with Stubber(client) as stub:
        stub.add_response("batch_write_item", {"UnprocessedItems": left})
        stub.add_response("batch_write_item", {"UnprocessedItems": {}}, {"RequestItems": left})
        Table(client, TABLE).put_all([{"pk": "p", "sk": "s"}, {"pk": "q", "sk": "s"}])
        stub.assert_no_pending_responses()


def test_a_conflicting_transaction_is_tried_again(stack: Stack) -> None:
    """A conflict with another transaction is waited out; a failed condition is not."""
    client = stack.clients.dynamodb
    table = Table(client, TABLE)
    with Stubber(client) as stub:
        for code in ("TransactionConflict", "ConditionalCheckFailed"):
            stub.add_client_error(
                "transact_write_items",
                "TransactionCanceledException",
                modeled_fields={"CancellationReasons": [{"Code": code}]},
            )
        with pytest.raises(ConditionFailedError):
            table.transact([{"Put": table.putting({"pk": "p", "sk": "s"}, NEW)}])
        stub.assert_no_pending_responses()


def test_endless_conflicts_are_the_platforms_fault(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some tries a conflict becomes the error that is retried from outside."""
    monkeypatch.setattr("dropforge_core.table._FIRST_PAUSE", 0.0001)
    client = stack.clients.dynamodb
    with Stubber(client) as stub:
        for _ in range(20):
            stub.add_client_error(
                "transact_write_items",
                "TransactionCanceledException",
                modeled_fields={"CancellationReasons": [{"Code": "TransactionConflict"}]},
            )
        with pytest.raises(ServiceUnavailableError):
            stack.ledger.record("iris", [an_arrival("a.csv")])


def test_all_pages_are_read(stack: Stack) -> None:
    """A query that DynamoDB answers in pages (1 MB each) returns every item."""
    table = Table(stack.clients.dynamodb, TABLE)
    table.put_all({"pk": "p", "sk": f"{number:02d}", "text": "x" * 200_000} for number in range(12))
    assert len(list(table.query("p"))) == 12


def a_lock(stack: Stack, *, running: bool) -> Lock:
    """A lock of our own, or that of a run that goes."""
    lock = stack.ledger.acquire("iris", "me", 1000)
    assert lock is not None
    if running:
        stack.ledger.open_run(lock, a_run())
        stack.ledger.hand_to_run(lock, a_run().run_id)
    held = stack.ledger.lock("iris")
    assert held is not None
    return held


@pytest.mark.parametrize("running", [False, True])
def test_arrivals_change_while_a_lock_keeps_starters_out(stack: Stack, *, running: bool) -> None:
    """Under our own or a run's; not once it has another holder or is gone."""
    old = an_arrival("a.csv")
    stack.ledger.record("iris", [old])
    lock = a_lock(stack, running=running)
    aside, waiting = replace(old, status="SET_ASIDE"), replace(old, reason="again")
    assert stack.ledger.change_arrivals_under(lock, [(old, aside)]) == 1
    assert stack.fate(old) == aside
    (stack.ledger.release_run("iris", lock.run_id) if running else stack.ledger.release(lock))
    assert stack.ledger.change_arrivals_under(lock, [(aside, waiting)]) == 0
    assert stack.ledger.acquire("iris", "you", 2000) is not None
    assert stack.ledger.change_arrivals_under(lock, [(aside, waiting)]) == 0
    assert stack.fate(old) == aside


def test_arrivals_change_only_from_what_was_read(stack: Stack) -> None:
    """All of a transaction or none, of more the first transactions."""
    arrivals = [an_arrival(f"{number}.csv") for number in range(120)]
    stack.ledger.record("iris", arrivals)
    stack.ledger.change_arrivals("iris", [replace(arrivals[110], status="IN_RUN", run_id="r")])
    lock = a_lock(stack, running=False)
    changes = [(one, replace(one, status="SET_ASIDE")) for one in arrivals]
    assert stack.ledger.change_arrivals_under(lock, changes) == 99
    statuses = [stack.fate(one).status for one in arrivals]
    assert set(statuses[:99]) == {"SET_ASIDE"}
    assert set(statuses[99:]) == {"WAITING", "IN_RUN"}


def test_a_forgotten_set_of_contents_may_run_again(stack: Stack) -> None:
    """Unless another run has used it since."""
    stack.ledger.open_run(a_lock(stack, running=False), a_run())
    stack.ledger.forget_manifest(a_run(9))
    assert stack.ledger.run_of_manifest("iris", a_run().manifest_hash) == a_run()
    stack.ledger.forget_manifest(a_run())
    assert stack.ledger.run_of_manifest("iris", a_run().manifest_hash) is None
