"""Which trainings people are to be told of while they go on, and what: minute by minute.

A schedule asks once a minute for the minute that CloudWatch has had time to gather. What a job
said lies in one minute, so it is told once, and a job is told of at most once a minute: nothing has
to be remembered, and neither scripts nor images have to know of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from dropforge_core import training_progress, words
from dropforge_core.announcement import Announcement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dropforge_core.guide import Guide
    from dropforge_core.ledger import Ledger
    from dropforge_core.records import Run

# SageMaker hands a job's metrics on by the minute, and CloudWatch shows them some time later.
_DELAY = timedelta(minutes=2)
_MINUTE = timedelta(seconds=training_progress.PERIOD_SECONDS)


@dataclass(frozen=True)
class Report:
    """What a run's training said in the minute up to ``until``: means, by metric."""

    run: Run
    metrics: dict[str, float]
    until: datetime

    def announcement(self, guide: Guide) -> Announcement:
        """Word it for people."""
        return Announcement(
            title=f"📈 {self.run.pipeline}: is training",
            reason=f"In the minute until {self.until:%H:%M} UTC, on average:",
            note="",
            metrics=[(name, words.number(value)) for name, value in self.metrics.items()],
            facts=[("Run", self.run.run_id)],
            jobs=[],
            commands=[("Follow it", guide.command(f"show {self.run.run_id} --follow"))],
            links=[],
        )


def reports(ledger: Ledger, cloudwatch: Any, scheduled: str) -> list[Report]:
    """Look at each run that goes on and is to be told of; ``scheduled`` is the schedule's time.

    Raises:
        botocore.exceptions.ClientError: the ledger or CloudWatch does not tell.
    """
    moment = datetime.fromisoformat(scheduled).astimezone(UTC)
    end = moment.replace(second=0, microsecond=0) - _DELAY
    found = []
    for run, names in _going(ledger):
        job = training_progress.job_name(run)
        said = training_progress.latest(cloudwatch, job, names, end - _MINUTE, end)
        if said:
            found.append(Report(run, said, end))
    return found


def _going(ledger: Ledger) -> Iterator[tuple[Run, list[str]]]:
    for pipeline in ledger.pipelines():
        config = ledger.published(pipeline)
        if config is None or config.train.progress != "slack":
            continue
        lock = ledger.lock(pipeline)
        run = ledger.run(lock.run_id) if lock and lock.phase == "RUNNING" else None
        if run and run.status == "RUNNING":
            yield run, training_progress.metric_names(config)
