"""Live progress on stderr: a table that moves on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from dropforge import output
from dropforge.history import Step


class Display(Protocol):
    """What shows how far a run is."""

    def show(self, run_id: str, steps: tuple[Step, ...]) -> None:
        """Show these steps of this run."""


@contextmanager
def display() -> Iterator[Display]:
    """Show progress on stderr for as long as the context lasts."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    with Live(console=Console(stderr=True), refresh_per_second=8, transient=True) as live:
        yield Moving(live)


class Lines:
    """One line for each state that begins or ends."""

    def __init__(self) -> None:
        """Begin with nothing told."""
        self._told: dict[str, tuple[Step, ...]] = {}

    def show(self, run_id: str, steps: tuple[Step, ...]) -> None:
        """Tell what is new since the last call."""
        if run_id not in self._told:
            output.say(f"Run {run_id}")
        told = self._told.get(run_id, ())
        for index, step in enumerate(steps):
            known = told[index] if index < len(told) else None
            if known != step:
                output.say(f"  {_words(step)}")
        self._told[run_id] = steps


class Moving:
    """A table of the states, with a spinner for each that is in progress."""

    def __init__(self, live: Live) -> None:
        """Draw on this display."""
        self._live = live
        self._spinner = Spinner("dots")

    def show(self, run_id: str, steps: tuple[Step, ...]) -> None:
        """Draw the steps as they are now."""
        table = Table(box=None, pad_edge=False, show_header=False)
        for step in steps:
            mark = Text("✓") if step.ended else self._spinner
            table.add_row(mark, Text(step.name), f"{_seconds(step):.1f} s")
        self._live.update(Group(Text(f"Run {run_id}"), table))


def _words(step: Step) -> str:
    return f"{step.name}: {_seconds(step):.1f} s" if step.ended else f"{step.name} ..."


def _seconds(step: Step) -> float:
    return ((step.ended or datetime.now(UTC)) - step.started).total_seconds()
