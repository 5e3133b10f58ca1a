"""`dropforge show --follow`: a run's steps as they pass, and what its training says meanwhile."""

import math
import time
from dataclasses import dataclass, field, replace

from botocore.exceptions import ClientError
from dropforge_core import words
from dropforge_core.records import Run

from dropforge.history import Step
from dropforge.progress import Display
from dropforge.runs import in_training
from dropforge.target import Target
from dropforge.waiting import watching

_TRAIN = "Train"


def follow(target: Target, run: Run) -> Run:
    """Show a run on stderr until it has ended; return it as it is then.

    Raises:
        CommandError: its execution ended without a word.
    """
    with watching(target, run.pipeline, math.inf) as watch:
        watch.display = Telling(watch.display, target, run)
        return watch.until_ended(run)


@dataclass
class Telling:
    """Shows what a display shows, with the metrics of the training that is going on."""

    display: Display
    target: Target
    run: Run
    _told: str = ""
    _next_look: float = field(default_factory=time.monotonic)

    def show(self, run_id: str, steps: tuple[Step, ...]) -> None:
        """Show these steps; the metrics stand beside the one that trains."""
        self.display.show(run_id, tuple(self._with_metrics(step) for step in steps))

    def _with_metrics(self, step: Step) -> Step:
        if step.name != _TRAIN or step.ended:
            return step
        if time.monotonic() >= self._next_look:
            self._look()
            self._next_look = time.monotonic() + (1 if self.target.is_local else 20)
        return replace(step, name=f"{step.name}: {self._told}") if self._told else step

    def _look(self) -> None:
        try:
            said = in_training(self.target, self.run)
        except ClientError:
            return  # whoever may not look at CloudWatch still sees the steps
        if said:
            metrics = (f"{name} {words.number(value)}" for name, value in said.items())
            self._told = ", ".join(metrics)
