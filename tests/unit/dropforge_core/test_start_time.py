"""A run that waits for quiet or for a marker: when it starts, and that no wait is lost."""

from datetime import datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from dropforge_core.published import StartPolicy
from dropforge_core.start_time import release
from dropforge_core.sweeping import Sweeper
from dropforge_core.times import parsed

from tests.unit.dropforge_core.stack import Stack, an_arrival
from tests.unit.dropforge_core.test_starting import Interrupted, refuse

QUIET = StartPolicy(quiet_seconds=60, at_latest_seconds=300)
MARKER = StartPolicy(marker="_SUCCESS")
MARKER_OR_LATEST = StartPolicy(marker="_SUCCESS", at_latest_seconds=300)


def at(order: int, after: float = 0) -> datetime:
    """The moment of the arrival of this order, and some seconds later."""
    moment = parsed(an_arrival("x", order=order).event_time)
    assert moment is not None
    return moment + timedelta(seconds=after)


def test_quiet_is_counted_from_the_last_to_come() -> None:
    """Nothing goes before its end, all goes at its end."""
    came = [an_arrival("a", order=1), an_arrival("b", order=11)]
    early = release(came, QUIET, at(11, 59))
    assert (early.arrivals, early.look_at) == ([], at(11, 60))
    late = release(came, QUIET, at(11, 60))
    assert (late.arrivals, late.look_at) == (came, None)


def test_data_that_keeps_coming_goes_at_the_latest() -> None:
    """Counted from the first that waits."""
    came = [an_arrival("a", order=1), an_arrival("b", order=59)]
    policy = StartPolicy(quiet_seconds=60, at_latest_seconds=70)
    assert release(came, policy, at(1, 69)).look_at == at(1, 70)
    assert release(came, policy, at(1, 70)).arrivals == came


def test_a_marker_releases_what_was_dropped_before_it() -> None:
    """It is no data itself, and what came after it waits for the next one."""
    first, marker, next_one = (
        an_arrival(name, order=order) for name, order in [("a", 1), ("day/_SUCCESS", 2), ("b", 3)]
    )
    held = release([first, next_one], MARKER, at(50))
    assert (held.arrivals, held.markers, held.look_at) == ([], [], None)
    gone = release([next_one, marker, first], MARKER, at(50))
    assert gone.arrivals == [first]
    assert [(one.key, one.status) for one in gone.markers] == [(marker.key, "IGNORED")]


def test_without_a_marker_data_goes_at_the_latest() -> None:
    """When the pipeline says so: whoever writes markers may have died."""
    came = [an_arrival("a", order=1)]
    assert release(came, MARKER_OR_LATEST, at(1, 299)).look_at == at(1, 300)
    assert release(came, MARKER_OR_LATEST, at(1, 300)).arrivals == came


def test_a_burst_asks_for_one_look(stack: Stack) -> None:
    """Which comes at the end of the quiet that the first batch saw, and asks for the next."""
    stack.publish(start=QUIET)
    stack.clock.moment = at(1)
    stack.drop("a", "first", order=1)
    assert stack.starter().start_waiting("iris") == []
    stack.clock.advance(10)
    stack.drop("b", "second", order=11)
    assert stack.starter().start_waiting("iris") == []
    assert stack.looks() == [("iris", 60)]
    stack.clock.moment = at(1, 60)
    assert stack.starter().start_waiting("iris") == [], "ten seconds early: more had come"
    assert stack.looks() == [("iris", 10)]
    stack.clock.moment = at(1, 70)
    (run,) = stack.starter().start_waiting("iris")
    assert run.data["objects"] == 2
    assert stack.looks() == []


def test_a_long_wait_is_looked_at_in_steps(stack: Stack) -> None:
    """SQS delays a message by 15 minutes at most."""
    stack.publish(start=StartPolicy(quiet_seconds=2_000, at_latest_seconds=4_000))
    stack.clock.moment = at(1)
    stack.drop("a", "first")
    for delay in (900, 900, 200):
        assert stack.starter().start_waiting("iris") == []
        assert stack.looks() == [("iris", delay)]
        assert stack.ledger.lock("iris") is None
        stack.clock.advance(delay)
    assert len(stack.starter().start_waiting("iris")) == 1


def test_a_wait_that_became_shorter_is_looked_at_in_time(stack: Stack) -> None:
    """The pipeline was published anew meanwhile: the look that is under way comes too late."""
    stack.publish(start=StartPolicy(quiet_seconds=600, at_latest_seconds=600))
    stack.clock.moment = at(1)
    stack.drop("a", "first")
    assert stack.starter().start_waiting("iris") == []
    stack.publish(version="v2", start=QUIET)
    assert stack.starter().start_waiting("iris") == []
    assert stack.looks() == [("iris", 600), ("iris", 60)]


@pytest.mark.parametrize("step", ["look_at", "put_look"])
def test_a_trigger_that_fails_as_it_asks_for_a_look(stack: Stack, step: str) -> None:
    """Its message comes again, and the look is asked for; perhaps a second time, never not."""
    stack.publish(start=QUIET)
    stack.clock.moment = at(1)
    stack.drop("a", "first")
    with pytest.raises(ClientError):
        stack.starter(Interrupted(stack, step, refuse)).start_waiting("iris")
    assert stack.ledger.lock("iris") is None
    assert stack.starter().start_waiting("iris") == []
    assert set(stack.looks()) == {("iris", 60)}


def test_a_lost_look_is_found_by_the_sweeper(stack: Stack) -> None:
    """A dead letter, a message that was purged: the level check sees what waits."""
    stack.publish(start=QUIET)
    stack.clock.moment = at(1)
    stack.drop("a", "first")
    assert stack.starter().start_waiting("iris") == []
    assert len(stack.looks()) == 1
    sweeper = Sweeper(finisher=stack.finisher())
    stack.clock.moment = at(1, 30)
    assert sweeper.sweep("iris").started == ()
    stack.clock.moment = at(1, 90)
    assert len(sweeper.sweep("iris").started) == 1


def test_the_run_reads_the_version_that_the_marker_released(stack: Stack) -> None:
    """Although a newer one, of the next delivery, is in its place already."""
    stack.publish(start=MARKER)
    first = stack.drop("a.csv", "first", order=1)
    stack.drop("_SUCCESS", "done", order=2)
    newer = stack.drop("a.csv", "second", order=3)
    (run,) = stack.starter().start_waiting("iris")
    (read,) = stack.document(run)["objects"]
    assert (read["version_id"], read["path"]) == (
        first.version_id,
        f"runs/{run.run_id}/data/a.csv",
    )
    assert stack.fate(newer).status == "WAITING"
    assert stack.end(run, "DEPLOYED").follow_up is None
    stack.drop("_SUCCESS", "done", order=4)
    (follow_up,) = stack.starter().start_waiting("iris")
    assert follow_up.data["objects"] == 1
    assert stack.fate(newer).run_id == follow_up.run_id
