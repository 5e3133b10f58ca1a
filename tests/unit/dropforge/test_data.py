from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from dropforge_core.records import Arrival, ArrivalStatus, Run

from dropforge import data
from dropforge.data import Asked
from dropforge.errors import CommandError, InputError
from dropforge.project import Project
from dropforge.publish import publish
from dropforge.target import Target

RUN = Run(
    run_id="iris-20261121t052011-1a2b3c4d",
    pipeline="iris",
    status="DEPLOYED",
    endpoint={"name": "df-iris", "action": "CREATED"},
    data={"objects": 1, "bytes": 10, "manifest": "s3://df-data/runs/r/manifest.json"},
    started_at="2026-11-21T05:20:11.000Z",
    first_event_at="2026-11-21T05:20:10.000Z",
    manifest_hash="1a2b3c4d",
    version="0123456789ab",
)
LATER = replace(RUN, run_id="iris-20261121t060000-99999999", started_at="2026-11-21T06:00:00.000Z")
HOSTILE = "incoming/iris/\x1b[31mred\n\u202esv.csv"


def an_arrival(
    name: str, status: ArrivalStatus = "USED", order: int = 1, **changes: Any
) -> Arrival:
    """An arrival with bytes of its own."""
    values: dict[str, Any] = {
        "key": f"incoming/iris/{name}",
        "version_id": f"v{order}",
        "etag": f"{name} {order}",
        "size": 2048,
        "sequencer": f"00{order:04X}",
        "event_time": f"2026-11-21T05:20:{order:02d}.000Z",
        "status": status,
        "run_id": "" if status == "WAITING" else RUN.run_id,
    }
    return Arrival(**{**values, **changes})


@pytest.fixture
def stack(project: Project, target: Target) -> Target:
    """A stack with a published pipeline."""
    publish(project, target, ["iris"])
    return target


def holds(stack: Target, *arrivals: Arrival, runs: tuple[Run, ...] = (RUN,)) -> None:
    """Let the ledger hold these."""
    stack.ledger.change_arrivals("iris", arrivals)
    for run in runs:
        stack.ledger.put_run(run)


def fates(stack: Target) -> list[tuple[str, str]]:
    """List name and status of what arrived, the newest last."""
    found = data.list_arrivals(stack, "iris")
    return [(one.key.removeprefix("incoming/iris/"), one.status) for one in found]


def test_every_arrival_is_listed_the_newest_last(stack: Target) -> None:
    """With all that scripts rely on."""
    first, second = (
        an_arrival("b", "IGNORED", reason="The object is empty."),
        an_arrival("a", order=2),
    )
    holds(stack, second, first)
    assert data.list_arrivals(stack, "iris") == [first, second]
    assert data.document(first) == {
        "key": "incoming/iris/b",
        "version_id": "v1",
        "etag": "b 1",
        "size": 2048,
        "status": "IGNORED",
        "run_id": RUN.run_id,
        "reason": "The object is empty.",
        "event_time": "2026-11-21T05:20:01.000Z",
    }


def test_what_was_dropped_for_nobody_is_listed(target: Target) -> None:
    """A pipeline that is not published has arrivals; one that never had any is no pipeline."""
    ignored = an_arrival("a", "IGNORED")
    target.ledger.change_arrivals("rose", [ignored])
    assert data.list_arrivals(target, "rose") == [ignored]
    with pytest.raises(InputError, match="No pipeline 'iris' is published in df: none"):
        data.list_arrivals(target, "iris")


def test_people_see_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """In which a key is text, whatever it holds: no colours, no lines of its own."""
    data.write([an_arrival("a.csv", reason="[bold]because"), replace(an_arrival(""), key=HOSTILE)])
    printed = capsys.readouterr().out
    for part in ("incoming/iris/a.csv", "2.0 kB", "USED", RUN.run_id, "[bold]because"):
        assert part in printed
    assert r"incoming/iris/\x1b[31mred\n\u202esv.csv" in printed
    assert "\x1b" not in printed
    assert printed.count("\n") == 3


def test_an_object_is_set_aside_and_readmitted(
    stack: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its key, with all that has the same bytes; people are told what it comes to."""
    good, bad = an_arrival("good"), an_arrival("bad", order=2)
    copy = an_arrival("copy", "SKIPPED", order=3, etag=bad.etag)
    holds(stack, good, bad, copy)
    changed = data.change(stack, "iris", Asked(exclude=(bad.key,)))
    assert {(one.key, one.status) for one in changed} == {
        (bad.key, "SET_ASIDE"),
        (copy.key, "SET_ASIDE"),
    }
    assert fates(stack) == [("good", "USED"), ("bad", "SET_ASIDE"), ("copy", "SET_ASIDE")]
    data.tell(changed)
    assert "Set aside 2 objects" in capsys.readouterr().err
    changed = data.change(stack, "iris", Asked(readmit=(copy.key,)))
    assert fates(stack) == [("good", "USED"), ("bad", "WAITING"), ("copy", "WAITING")]
    assert {(one.run_id, one.reason) for one in changed} == {("", "")}
    data.tell(changed)
    assert "Readmitted 2 objects for the next run" in capsys.readouterr().err
    assert stack.ledger.lock("iris") is None


def test_what_is_in_quarantine_may_be_tried_again(stack: Target) -> None:
    """Perhaps the rules have changed; what is set aside is the older version that stands in."""
    good, bad = an_arrival("a"), an_arrival("a", "QUARANTINED", order=2, reason="No good row.")
    holds(stack, good, bad)
    data.change(stack, "iris", Asked(exclude=(bad.key,)))
    assert fates(stack) == [("a", "SET_ASIDE"), ("a", "QUARANTINED")]
    (changed,) = data.change(stack, "iris", Asked(readmit=(bad.key,)))
    assert (changed.version_id, changed.status, changed.reason) == ("v2", "WAITING", "")


def test_the_version_that_the_next_run_would_read_is_set_aside(stack: Target) -> None:
    """One after the other, from the newest; an older one stands in for it until it is too."""
    old, new = an_arrival("a"), an_arrival("a", "WAITING", order=2)
    holds(stack, old, new)
    for expected in ((old.version_id, "USED"), (old.version_id, "SET_ASIDE")):
        data.change(stack, "iris", Asked(exclude=(old.key,)))
        first, second = data.list_arrivals(stack, "iris")
        assert (first.version_id, first.status) == expected
        assert second.status == "SET_ASIDE"
    data.change(stack, "iris", Asked(readmit=(old.key,)))
    assert fates(stack) == [("a", "SET_ASIDE"), ("a", "WAITING")]


def test_what_a_run_read_first_is_set_aside(stack: Target) -> None:
    """Not what an earlier run had read too, nor what others read."""
    known = an_arrival("known")
    again = an_arrival("again", order=2, run_id=LATER.run_id, etag=known.etag)
    new = an_arrival("new", order=3, run_id=LATER.run_id)
    holds(stack, known, again, new, runs=(RUN, LATER))
    data.change(stack, "iris", Asked(run_id=LATER.run_id))
    assert fates(stack) == [("known", "USED"), ("again", "USED"), ("new", "SET_ASIDE")]


def refused(name: str, match: str, asked: Asked, *arrivals: Arrival) -> Any:
    """A case of the table below."""
    return pytest.param(asked, arrivals, match, id=name)


KEY = "incoming/iris/a"


@pytest.mark.parametrize(
    ("asked", "arrivals", "match"),
    [
        refused("unknown key", "No object 'nothing' has arrived", Asked(exclude=("nothing",))),
        refused("unknown to readmit", "No object 'x' has arrived", Asked(readmit=("x",))),
        refused(
            "being read", f"The run {RUN.run_id} is reading", Asked(exclude=(KEY,)),
            an_arrival("a", "IN_RUN"),
        ),
        refused(
            "same bytes being read", "is reading 'incoming/iris/b'", Asked(exclude=(KEY,)),
            an_arrival("a"), an_arrival("b", "IN_RUN", order=2, etag="a 1"),
        ),
        refused("ignored", "no run would read", Asked(exclude=(KEY,)), an_arrival("a", "IGNORED")),
        refused(
            "emptied", "no run would read", Asked(exclude=(KEY,)),
            an_arrival("a"), an_arrival("a", "IGNORED", order=2, size=0),
        ),
        refused("aside", "no run would read", Asked(exclude=(KEY,)), an_arrival("a", "SET_ASIDE")),
        refused("not aside", "is not set aside", Asked(readmit=(KEY,)), an_arrival("a")),
        refused(
            "replaced since", "is not set aside", Asked(readmit=(KEY,)),
            an_arrival("a", "SET_ASIDE"), an_arrival("a", order=2),
        ),
        refused("unknown run", "There is no run", Asked(run_id="iris-20200101t000000-00000000")),
        refused("no run id", "is no run id", Asked(run_id="nonsense")),
        refused("empty run id", "is no run id", Asked(run_id="")),
        refused("another's run", "is a run of rose", Asked(run_id="rose-20261121t052011-1a2b3c4d")),
        refused(
            "nothing of the run", "nothing that .* in use", Asked(run_id=RUN.run_id),
            an_arrival("a", "SET_ASIDE"),
        ),
        refused(
            "a run that goes", "wait for its end", Asked(run_id=RUN.run_id),
            an_arrival("a", "IN_RUN"),
        ),
        refused(
            "both at once", "at once", Asked(exclude=(KEY,), readmit=("incoming/iris/b",)),
            an_arrival("a"), an_arrival("b", "SET_ASIDE", order=2, etag="a 1"),
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_changed_changes_nothing(
    stack: Target, asked: Asked, arrivals: tuple[Arrival, ...], match: str
) -> None:
    """Exit 2, in one line, also where another key that was named could be changed."""
    rose = replace(RUN, run_id="rose-20261121t052011-1a2b3c4d", pipeline="rose")
    fine = an_arrival("fine", order=9, run_id=LATER.run_id)
    holds(stack, *arrivals, fine, runs=(RUN, LATER, rose))
    before = data.list_arrivals(stack, "iris")
    with pytest.raises(InputError, match=match):
        data.change(stack, "iris", replace(asked, exclude=(*asked.exclude, fine.key)))
    assert data.list_arrivals(stack, "iris") == before
    assert stack.ledger.lock("iris") is None


def test_a_pipeline_that_is_not_published_cannot_be_changed(target: Target) -> None:
    """Its objects are ignored for good."""
    target.ledger.change_arrivals("rose", [an_arrival("a", "IGNORED")])
    with pytest.raises(InputError, match="No pipeline 'rose'"):
        data.change(target, "rose", Asked(exclude=("incoming/iris/a",)))


def going(stack: Target) -> None:
    """Let a run go."""
    lock = stack.ledger.acquire("iris", "starter", 1000)
    assert lock is not None
    stack.ledger.open_run(lock, replace(LATER, status="RUNNING"))
    stack.ledger.hand_to_run(lock, LATER.run_id)


def test_data_that_is_not_being_read_changes_while_a_run_goes(stack: Target) -> None:
    """The run keeps its lock."""
    used, read = an_arrival("used"), an_arrival("read", "IN_RUN", order=2)
    holds(stack, used, read)
    going(stack)
    data.change(stack, "iris", Asked(exclude=(used.key,)))
    assert fates(stack) == [("used", "SET_ASIDE"), ("read", "IN_RUN")]
    lock = stack.ledger.lock("iris")
    assert lock is not None
    assert (lock.phase, lock.run_id) == ("RUNNING", LATER.run_id)


def test_a_start_that_broke_off_comes_first(stack: Target) -> None:
    """Its run may read what was to be set aside; whoever goes on with it finds the lock free."""
    holds(stack, an_arrival("a"))
    lock = stack.ledger.acquire("iris", "dead starter", 1000)
    assert lock is not None
    stack.ledger.open_run(lock, replace(LATER, status="RUNNING"))
    with pytest.raises(CommandError, match="broke off"):
        data.change(stack, "iris", Asked(exclude=(KEY,)))
    assert fates(stack) == [("a", "USED")]
    left = stack.ledger.lock("iris")
    assert left is not None
    assert (left.run_id, left.locked_at) == (LATER.run_id, 0)


def ends(stack: Target) -> None:
    """Let the run that goes end."""
    stack.ledger.release_run("iris", LATER.run_id)


def restarts(stack: Target) -> None:
    """Let the run that goes end, and another be started."""
    ends(stack)
    assert stack.ledger.acquire("iris", "follow-up", 2000)


@pytest.mark.parametrize("happens", [ends, restarts])
def test_a_change_that_comes_too_late_is_none(
    stack: Target, monkeypatch: pytest.MonkeyPatch, happens: Callable[[Target], None]
) -> None:
    """The run ended after we had looked: its follow-up may have chosen its data by now."""
    holds(stack, an_arrival("a"))
    going(stack)
    runs = stack.ledger.arrivals

    def arrivals(pipeline: str) -> list[Arrival]:
        found = runs(pipeline)
        happens(stack)
        return found

    monkeypatch.setattr(stack.ledger, "arrivals", arrivals)
    with pytest.raises(CommandError, match="began or ended meanwhile: 0 of 1 objects"):
        data.change(stack, "iris", Asked(exclude=(KEY,)))
    monkeypatch.undo()
    assert fates(stack) == [("a", "USED")]


def test_what_is_readmitted_is_no_set_that_was_used_before(stack: Target) -> None:
    """The rejected run's set of contents may run again; that of a run that deployed may not."""
    rejected = replace(LATER, status="REJECTED", manifest_hash="rejected")
    for run in (RUN, rejected):
        lock = stack.ledger.acquire("iris", "starter", 1000)
        assert lock is not None
        stack.ledger.open_run(lock, run)
        stack.ledger.release_run("iris", run.run_id)
    bad, by_hand = an_arrival("bad", "SET_ASIDE", run_id=rejected.run_id), an_arrival("a", order=2)
    holds(stack, bad, replace(by_hand, status="SET_ASIDE"), runs=())
    data.change(stack, "iris", Asked(readmit=(bad.key, by_hand.key)))
    assert stack.ledger.run_of_manifest("iris", "rejected") is None
    assert stack.ledger.run_of_manifest("iris", RUN.manifest_hash) == RUN
