"""What the ledger keeps: arrivals, runs and the lock of a pipeline, as plain typed values."""

from dataclasses import dataclass, field
from typing import Any, Literal

from dropforge_core.contracts import RejectedBy, RunData, Status

RunKind = Literal["RETRAIN", "ROLLBACK"]
ArrivalStatus = Literal[
    "WAITING", "IN_RUN", "USED", "SKIPPED", "SET_ASIDE", "QUARANTINED", "IGNORED"
]
RequestStatus = Literal["WAITING", "TAKEN", "REFUSED"]
# Why a run was started.
Cause = Literal["DATA", "PERSON", "SCHEDULE", "DRIFT"]
# ETag and size: equal for equal bytes, as far as S3 lets us see that.
type Content = tuple[str, int]


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One version of one dropped object, and its fate.

    WAITING for a run, IN_RUN, USED by ``run_id`` (which may have failed), SKIPPED because its bytes
    were used before or a newer version replaced it, SET_ASIDE by hand or because ``run_id``, which
    read it first, was rejected, QUARANTINED by ``run_id``, which could not use it for ``reason``,
    or IGNORED for ``reason``. ``event_time`` is S3's, ISO 8601; ``readmitted_at`` is set once the
    object was set aside and waits again.
    """

    key: str
    version_id: str
    etag: str
    size: int
    sequencer: str
    event_time: str
    status: ArrivalStatus = "WAITING"
    run_id: str = ""
    reason: str = ""
    readmitted_at: str = ""

    @property
    def content(self) -> Content:
        """What tells its bytes from others."""
        return self.etag, self.size

    def is_read_by(self, run_id: str) -> bool:
        """Say whether this run, which has not ended, was the one to take it."""
        return self.status == "IN_RUN" and self.run_id == run_id


@dataclass(frozen=True, kw_only=True)
class Request:
    """A start that was asked for without new data, and what became of it.

    WAITING for a run, TAKEN by ``run_id``, or REFUSED for ``reason``. ``asked_at`` is ISO 8601.
    """

    request_id: str
    cause: Cause
    asked_at: str
    status: RequestStatus = "WAITING"
    run_id: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run: what ``show`` prints, and what the ledger needs beside it.

    Times are ISO 8601 UTC, durations seconds. While a run is RUNNING, ``ended_at`` is None and
    all figures are zero. ``first_event_at`` is the S3 event of the first object that waited for
    this run, or when it was readmitted: ``seconds`` counts from there. ``data`` is a
    contracts.RunData, with the RowCounts beside it once they are known, and where the
    ``quarantine`` is, if there is any; ``jobs`` are
    contracts.JobTimes.

    A ROLLBACK trains nothing: ``restores`` is the run whose model it brings back, and ``data``,
    ``manifest_hash``, ``version`` and ``metrics`` are that run's. ``removed_at`` says that model,
    endpoint config and model package are gone; ``model_data``, the artifact, stays.

    ``causes`` say why it was started; ``requests`` are the ids of the records.Requests it took.
    A run that failed may have been redriven, at ``redriven_at``, as another ``attempt``: all that
    is said here is of the last one, and ``earlier_attempts`` has how those before it ended.
    """

    run_id: str
    pipeline: str
    status: Status
    endpoint: dict[str, Any]
    data: dict[str, Any]
    started_at: str
    first_event_at: str
    manifest_hash: str
    version: str
    reason: str = ""
    kind: RunKind = "RETRAIN"
    causes: list[Cause] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    restores: str | None = None
    rejected_by: RejectedBy | None = None
    attempt: int = 1
    execution: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    champion_metrics: dict[str, Any] | None = None
    comparison: dict[str, Any] | None = None
    model_package: str | None = None
    model_data: str | None = None
    removed_at: str | None = None
    redriven_at: str | None = None
    earlier_attempts: list[dict[str, Any]] = field(default_factory=list)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    training_metrics: dict[str, Any] = field(default_factory=dict)
    billed_transitions: int = 0
    seconds: float = 0.0
    job_seconds: float = 0.0
    endpoint_seconds: float = 0.0
    steps: list[dict[str, Any]] = field(default_factory=list)
    ended_at: str | None = None

    @property
    def run_data(self) -> RunData:
        """What the run reads, as the state machine hands it on."""
        known = self.data.keys() & RunData.model_fields
        return RunData.model_validate({name: self.data[name] for name in known})


@dataclass(frozen=True, kw_only=True)
class Lock:
    """The right to start or to be the run of a pipeline.

    STARTING belongs to ``owner`` until the execution runs; ``run_id`` is set once the run is
    recorded, so that whoever takes over a dead owner's lock can go on where it stopped. RUNNING
    belongs to the run. ``execution_input`` is what its execution starts with, as JSON, where the
    ledger alone could not tell: a rollback's. ``locked_at`` is in epoch seconds.
    """

    pipeline: str
    owner: str
    phase: Literal["STARTING", "RUNNING"]
    locked_at: int
    run_id: str = ""
    execution_input: str = ""


@dataclass(frozen=True, kw_only=True)
class Approval:
    """A run that waits for a person; one a pipeline, the newest. ``asked_at`` is ISO 8601.

    ``expires_at`` is in epoch seconds: an item that nobody took away is swept after it.
    """

    pipeline: str
    run_id: str
    model_package: str
    task_token: str
    asked_at: str
    expires_at: int
