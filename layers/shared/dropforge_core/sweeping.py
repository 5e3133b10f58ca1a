"""Find what every other path missed: a run that died unheard, an approval, data that waits.

Events are best effort and processes die. All that anybody else would have done is done here again,
for every pipeline: each step may be repeated, and what is in order is left as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dropforge_core.contracts import Swept
from dropforge_core.executions import death

if TYPE_CHECKING:
    from dropforge_core.finishing import Finisher
    from dropforge_core.records import Run


@dataclass(frozen=True, kw_only=True)
class Sweeper:
    """Sweeps the pipelines of one stack."""

    finisher: Finisher

    def sweep(self, pipeline: str) -> Swept:
        """Close what died, answer what was decided, start what waits.

        Raises:
            ServiceUnavailableError, botocore.exceptions.ClientError: a step failed; sweep again.
        """
        closed = [run.run_id for run in self._going(pipeline) if self._bury(run)]
        answered = self.finisher.approvals.look(pipeline).answered
        started = [run.run_id for run in self.finisher.starter.start_waiting(pipeline)]
        return Swept(closed=tuple(closed), answered=answered, started=tuple(started))

    def _going(self, pipeline: str) -> list[Run]:
        """Return the runs that should be going: the one that holds the pipeline, and who waits."""
        ledger = self.finisher.ledger
        lock, wait = ledger.lock(pipeline), ledger.approval(pipeline)
        holder = lock.run_id if lock is not None and lock.phase == "RUNNING" else ""
        names = dict.fromkeys(filter(None, [holder, wait.run_id if wait else ""]))
        return [run for name in names if (run := ledger.run(name)) is not None]

    def _bury(self, run: Run) -> bool:
        """Close a run whose execution has ended or is not there; False for one that goes on."""
        end = death(self.finisher.clients.stepfunctions, run, self.finisher.now())
        return end is not None and self.finisher.bury(end).closed
