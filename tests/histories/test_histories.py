"""Random histories of drops, deliveries, crashes and throttles: nothing lost, nothing twice.

Handlers, table, bucket and queue are real; see world.py for what is played. An invocation stops
before each of its AWS calls, so a history may interleave them in any way and strike any of them.
"""

from collections import Counter
from dataclasses import asdict

import pytest
from dropforge_core.ledger import Ledger
from dropforge_core.published import StartPolicy
from dropforge_core.records import Lock, Run
from dropforge_core.starting import Starter
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from .conftest import NewWorld
from .process import Strike
from .world import PIPELINE, World

HISTORIES = 500
STEPS = 15
MARKER = "_SUCCESS"
POLICIES = [
    None,
    None,
    None,
    None,
    StartPolicy(quiet_seconds=60, at_latest_seconds=600),
    StartPolicy(marker=MARKER, at_latest_seconds=2_000),
    StartPolicy(marker=MARKER),
]
INDEX = st.integers(0, 7)
# How many AWS calls an invocation makes before it stops, and what strikes the next one.
type Course = tuple[int, Strike | None]
WHOLE = 1_000
COURSES = st.one_of(
    st.just((WHOLE, None)),
    st.tuples(st.integers(1, 24), st.one_of(st.none(), st.sampled_from(Strike))),
)
OBJECTS = st.tuples(st.sampled_from("abcdefgh"), st.sampled_from([*range(1, 13), 0]))
pytestmark = [
    pytest.mark.timeout(3_600),
    # Two invocations share what Lambda gives each for itself: one's flush takes the other's.
    pytest.mark.filterwarnings("ignore:No application metrics"),
]


class Histories(RuleBasedStateMachine):
    """One history: whatever may happen, in any order."""

    new_world: NewWorld
    ended: Counter[str]

    @initialize(policy=st.sampled_from(POLICIES))
    def publish(self, policy: StartPolicy | None) -> None:
        """Publish a pipeline that waits for something, or for nothing."""
        self.policy = policy
        self.world: World = type(self).new_world(policy)

    @rule(
        objects=st.lists(OBJECTS, min_size=1, max_size=2),
        is_told=st.sampled_from([True, True, False]),
        course=COURSES,
    )
    def drop(self, objects: list[tuple[str, int]], *, is_told: bool, course: Course) -> None:
        """Drop new or known bytes, under new or known keys; mostly, the trigger takes them."""
        for name, content in objects:
            self.world.drop(name, "x" * content)
            if is_told:
                self.world.deliver(-1, 1)
        if is_told and self._can_receive():
            self._receive(10, course)

    @precondition(lambda self: self.policy and self.policy.marker)
    @rule()
    def mark(self) -> None:
        """Drop the marker."""
        self.world.drop(MARKER, "done")

    @precondition(lambda self: self.world.events)
    @rule(index=INDEX, copies=st.integers(1, 2))
    def deliver(self, index: int, copies: int) -> None:
        """Deliver one of the events, perhaps twice."""
        self.world.deliver(index, copies)

    @precondition(lambda self: self._can_receive())
    @rule(count=st.sampled_from([10, 1, 3]), course=COURSES)
    def receive(self, count: int, course: Course) -> None:
        """Let the trigger take a batch."""
        self._receive(count, course)

    @precondition(lambda self: self.world.processes)
    @rule(index=INDEX, course=COURSES)
    def go_on(self, index: int, course: Course) -> None:
        """Let an invocation that has stopped go on."""
        self._go_on(index, course)

    @rule(what=st.sampled_from([61, 301, 661, "delete", "sweep"]), course=COURSES)
    def happen(self, what: int | str, course: Course) -> None:
        """Let time pass, somebody delete an object, or the schedule come."""
        if isinstance(what, int):
            self.world.wait(what)
        elif what == "delete":
            self.world.delete("a")
        elif self._count("sweep_pipelines") == 0:
            self.world.sweep()
            self._go_on(-1, course)

    @precondition(lambda self: any(not one.is_finishing for one in self.world.machines))
    @rule(
        index=INDEX,
        status=st.sampled_from(["DEPLOYED", "FAILED", "REJECTED", "SKIPPED"]),
        course=COURSES,
    )
    def end_jobs(self, index: int, status: str, course: Course) -> None:
        """Let the jobs of a run end, or Step Functions try its FinishRun again."""
        able = [one for one in self.world.machines if not one.is_finishing]
        self.world.finish(able[index % len(able)], status)
        self._go_on(-1, course)

    @precondition(lambda self: self.world.machines)
    @rule(index=INDEX, heard=st.booleans())
    def stop(self, index: int, *, heard: bool) -> None:
        """Stop an execution, whatever it is at."""
        machines = self.world.machines
        self.world.stop(machines[index % len(machines)], heard=heard)

    @precondition(lambda self: self.world.untold)
    @rule(index=INDEX, course=COURSES)
    def tell(self, index: int, course: Course) -> None:
        """Let Lambda make an asynchronous invocation."""
        self.world.tell(index)
        self._go_on(-1, course)

    def teardown(self) -> None:
        """Let everything come to its end, and look at what there is."""
        if not hasattr(self, "world"):
            return
        try:
            self._close()
        finally:
            self.world.abandon()

    def _close(self) -> None:
        world = self.world
        if self.policy and self.policy.marker:
            world.stack.clock.advance(1)
            world.drop(MARKER, "done")
        world.run_out(sweeping=False)
        if not world.needs_sweeper:
            assert self._waiting() == [], "the sweeper was not needed"
        world.run_out(sweeping=True)
        assert self._waiting() == []
        self._check()
        type(self).ended.update(["histories"])
        type(self).ended.update(one.status for one in world.arrivals())
        type(self).ended.update(f"run {one.status}" for one in world.stack.ledger.runs(PIPELINE))

    def _waiting(self) -> list[tuple[str, str]]:
        return [
            (one.key, one.status)
            for one in self.world.arrivals()
            if one.status in {"WAITING", "IN_RUN"}
        ]

    def _check(self) -> None:
        """Every object has one fate, every run has ended, and nothing is held."""
        world = self.world
        arrivals = world.arrivals()
        assert sorted((one.key, one.version_id) for one in arrivals) == sorted(world.dropped)
        runs = {one.run_id: one for one in world.stack.ledger.runs(PIPELINE)}
        assert all(run.ended_at for run in runs.values())
        assert world.stack.ledger.lock(PIPELINE) is None
        assert {len(takers) for takers in world.takers.values()} <= {1}
        read = {
            name: {(one["etag"], one["size"]) for one in world.stack.document(run)["objects"]}
            for name, run in runs.items()
            if run.execution
        }
        for one in arrivals:
            if one.status == "USED":
                assert one.content in read[one.run_id]
            else:
                assert one.status in {"SKIPPED", "SET_ASIDE", "IGNORED"}
                assert one.reason
        for one in (one for one in arrivals if one.key.endswith(MARKER)):
            assert one.status == "IGNORED"

    def _go_on(self, index: int, course: Course) -> None:
        calls, strike = course
        process = self.world.processes[index % len(self.world.processes)]
        self.world.step(process, calls)
        if strike and not process.is_over:
            self.world.step(process, 1, strike)

    def _receive(self, count: int, course: Course) -> None:
        self.world.receive(count)
        self._go_on(-1, course)

    def _can_receive(self) -> bool:
        # As template.yaml has it: MaximumConcurrency.
        return self.world.is_told() and self._count("start_retraining") < 2

    def _count(self, kind: str) -> int:
        return sum(one.kind == kind for one in self.world.processes)


def play(new_world: NewWorld, histories: int) -> Counter[str]:
    """Play so many histories, the same each time; return how many arrivals and runs ended how.

    A failing one is printed as it was played: to have it shrunk first, which takes minutes, give
    ``Phase.shrink`` too.
    """

    class OfThis(Histories):
        pass

    OfThis.new_world = staticmethod(new_world)
    OfThis.ended = Counter()
    run_state_machine_as_test(
        OfThis,
        settings=settings(
            max_examples=histories,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    return OfThis.ended


def test_nothing_is_lost_and_nothing_is_used_twice(new_world: NewWorld) -> None:
    """In no history; and histories reach every fate that an object and a run can have here."""
    ended = play(new_world, HISTORIES)
    assert ended["histories"] >= HISTORIES
    fates = {"USED", "SKIPPED", "SET_ASIDE", "IGNORED"}
    runs = {f"run {status}" for status in ("DEPLOYED", "FAILED", "REJECTED", "SKIPPED")}
    assert fates | runs <= set(ended)


def anybody_gets_it(ledger: Ledger, pipeline: str, owner: str, now: int) -> Lock:
    """Take the lock whoever has it."""
    lock = Lock(pipeline=pipeline, owner=owner, phase="STARTING", locked_at=now)
    ledger._table.put({"pk": f"PIPELINE#{pipeline}", "sk": "LOCK"} | asdict(lock))  # noqa: SLF001
    return lock


def nobody_looks(_: Starter, pipeline: str) -> list[Run]:
    """Start nothing."""
    assert pipeline == PIPELINE
    return []


def test_histories_find_a_lock_that_anybody_gets(
    new_world: NewWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs go at once, or one is recorded twice."""
    monkeypatch.setattr(Ledger, "acquire", anybody_gets_it)
    with pytest.raises(AssertionError):
        play(new_world, HISTORIES)


def test_histories_find_data_that_nobody_starts_a_run_for(
    new_world: NewWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a fault that only the sweeper can make good, it would be the sweeper's to find."""
    monkeypatch.setattr(Starter, "start_waiting", nobody_looks)
    with pytest.raises(AssertionError, match="sweeper was not needed"):
        play(new_world, HISTORIES)
