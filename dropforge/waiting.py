"""Waiting until every object that was dropped has a fate, or until a run has ended."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dropforge_core import words
from dropforge_core.records import Arrival, Run

from dropforge import output
from dropforge.errors import CommandError
from dropforge.history import progress
from dropforge.progress import Display, display
from dropforge.target import Target
from dropforge.upload import Dropped

_GOING_ON = {"RUNNING", "WAITING_FOR_APPROVAL"}
_UNDECIDED = {"WAITING", "IN_RUN"}
# Ledger reads a round; the next objects are looked at once these have their fate.
_READS = 25
# FinishRun writes the ledger before the execution ends, so a run that is over and still open in
# the ledger for this long will stay so.
_LOST_AFTER_SECONDS = 20.0


@contextmanager
def watching(target: Target, pipeline: str, timeout: float) -> Iterator["Wait"]:
    """Wait with progress on stderr.

    Raises:
        KeyboardInterrupt: the person would not wait; was told that the run goes on.
    """
    with display() as shown:
        wait = Wait(target, pipeline, shown, timeout)
        try:
            yield wait
        except KeyboardInterrupt:
            output.say(f"No longer waiting; {wait.goes_on()}")
            raise


@dataclass
class Wait:
    """Waits for what becomes of one drop, or of one run."""

    target: Target
    pipeline: str
    display: Display
    timeout: float

    def __post_init__(self) -> None:
        """Start the clock."""
        self._runs: dict[str, Run] = {}
        self._arrivals: list[Arrival] = []
        self._broken_since: dict[str, float] = {}
        self._deadline = time.monotonic() + self.timeout

    def until_decided(self, dropped: Iterable[Dropped]) -> Run:
        """Return the last run that took any of these, once each has its fate.

        Raises:
            CommandError: no run took them, time is up, or an execution ended without a word.
        """
        left = list(dropped)
        while left:
            undecided = [item for item in left[:_READS] if not self._is_decided(item)]
            decided_some = len(undecided) < len(left[:_READS])
            left = undecided + left[_READS:]
            if left and not decided_some:
                self._show()
                self._check_clock(f", {words.counted(len(left), 'object')} left")
                time.sleep(self.target.poll_seconds)
        self._show_ends()
        if not self._runs:
            reasons = {f"{a.key}: {a.reason or a.status.lower()}" for a in self._arrivals}
            raise CommandError(f"No run took what was dropped: {'; '.join(sorted(reasons))}")
        return max(self._runs.values(), key=lambda run: run.started_at)

    @property
    def set_aside(self) -> list[Arrival]:
        """Those whose fate it was to be set aside."""
        return [arrival for arrival in self._arrivals if arrival.status == "SET_ASIDE"]

    def until_taken(self, request_id: str) -> Run:
        """Return the run that took a request to start without new data.

        Raises:
            CommandError: time is up, or the request was refused.
        """
        while True:
            request = self.target.ledger.request(self.pipeline, request_id)
            if request is not None and request.status == "REFUSED":
                raise CommandError(f"The run was refused: {request.reason}")
            run = self.target.ledger.run(request.run_id) if request and request.run_id else None
            if run is not None:
                return run
            self._check_clock("")
            time.sleep(self.target.poll_seconds)

    def until_ended(self, run: Run) -> Run:
        """Return a run as it is once it has ended and let go of its pipeline.

        Raises:
            CommandError: time is up, or its execution ended without a word.
        """
        self._runs[run.run_id] = run
        while run.status in _GOING_ON or self._holds_pipeline(run):
            self._show()
            self._check_clock("")
            time.sleep(self.target.poll_seconds)
            run = self._runs[run.run_id] = self.target.ledger.run(run.run_id) or run
        self._show_ends()
        return run

    def _holds_pipeline(self, run: Run) -> bool:
        lock = self.target.ledger.lock(run.pipeline)
        return lock is not None and lock.run_id == run.run_id

    def _is_decided(self, item: Dropped) -> bool:
        arrival = self.target.ledger.arrival(self.pipeline, item.key, item.version_id)
        if arrival is None:
            return False
        if arrival.run_id:
            run = self.target.ledger.run(arrival.run_id)
            if run is None:
                return False
            self._runs[run.run_id] = run
            if run.status in _GOING_ON:
                return False
        if arrival.status in _UNDECIDED:
            return False
        self._arrivals.append(arrival)
        return True

    def _show(self) -> None:
        """Show the run that goes on."""
        for run in self._runs.values():
            if run.status not in _GOING_ON or not run.execution:
                continue
            now = progress(self.target.stepfunctions, run.execution)
            self.display.show(run.run_id, now.steps)
            if not now.broken:
                continue
            since = self._broken_since.setdefault(run.run_id, time.monotonic())
            if time.monotonic() - since > _LOST_AFTER_SECONDS:
                raise CommandError(
                    f"The execution of {run.run_id} ended, and the ledger was not told;"
                    f" look at {run.execution}."
                )

    def _show_ends(self) -> None:
        """Show the last steps too: the ledger knows of the end before they are over."""
        for run in self._runs.values():
            if run.execution:
                now = progress(self.target.stepfunctions, run.execution)
                self.display.show(run.run_id, now.steps)

    def _check_clock(self, left: str) -> None:
        if time.monotonic() >= self._deadline:
            raise CommandError(f"Not done after {self.timeout:g} s{left}; {self.goes_on()}")

    def goes_on(self) -> str:
        """Say that the run goes on without us, and how to follow it."""
        going = [run.run_id for run in self._runs.values() if run.status in _GOING_ON]
        if going:
            return f"the run goes on: dropforge show {going[-1]}"
        return f"a run starts without us: dropforge runs {self.pipeline}"
