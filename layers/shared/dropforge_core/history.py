"""What an execution's history tells of a run: steps, billed transitions, the jobs' own time.

Pure functions over the events of GetExecutionHistory, as boto3 returns them, and over those of the
executions that it started.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dropforge_core.cut_json import member
from dropforge_core.times import parsed, seconds_between

type Event = Mapping[str, Any]

# After FinishRun has answered, every path through the machine enters exactly two more states:
# the choice Resume, then Succeeded or Failed. They are billed and are not in the history yet.
STATES_AFTER_FINISH = 2
# The last event of an execution that never got to FinishRun.
_ENDED = {"ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"}
_TASK_EVENTS = ("Task", "LambdaFunction", "Activity")
_JOB_TIMES = (
    ("ProcessingStartTime", "ProcessingEndTime"),
    ("TrainingStartTime", "TrainingEndTime"),
)


@dataclass(kw_only=True)
class _Visit:
    """One time that a state was entered, with what happened until it was left."""

    name: str
    kind: str
    entered: datetime
    exited: datetime | None = None
    scheduled: int = 0
    outcome: str = ""
    outcome_at: datetime | None = None
    documents: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class History:
    """The events of an execution and, by the state that started it, of each nested one."""

    events: Sequence[Event]
    nested: Mapping[str, "History"] = field(default_factory=dict)

    def all(self) -> Iterator["History"]:
        """Yield this one and all that are nested in it."""
        yield self
        for inner in self.nested.values():
            yield from inner.all()


def read(fetch: Callable[[str], Sequence[Event]], execution: str) -> History:
    """Read an execution's history and those of the executions that it started.

    ``fetch`` returns the events of an execution by its ARN.
    """
    events = fetch(execution)
    started = _nested_executions(_visits(events))
    return History(events=events, nested={name: read(fetch, arn) for name, arn in started.items()})


def steps(history: History, now: datetime, within: str = "") -> list[dict[str, Any]]:
    """List the steps, which are the tasks, in the order in which they were entered.

    A nested machine's follow the state that started it, as ``Deploy.<state>``. ``status`` is
    SUCCEEDED, FAILED, or ABORTED (a parallel branch that was ended because its sibling failed).
    Finish counts as succeeded up to ``now``: the record that lists it is what Finish is there to
    write.
    """
    listed: list[dict[str, Any]] = []
    for visit in _visits(history.events):
        if visit.kind != "Task":
            continue
        listed.append(_step(f"{within}{visit.name}", visit, now))
        if visit.name in history.nested:
            listed += steps(history.nested[visit.name], now, f"{within}{visit.name}.")
    return listed


def transitions(events: Sequence[Event]) -> int:
    """Count the state transitions that AWS bills for what a history holds.

    AWS: "Step Functions counts a state transition each time a step of your workflow is executed
    ... including retries" (aws.amazon.com/step-functions/pricing). A retry schedules the task
    again without entering the state again.
    """
    visits = _visits(events)
    return len(visits) + sum(max(0, visit.scheduled - 1) for visit in visits)


def billed_transitions(history: History) -> int:
    """Count all machines' transitions to the end of the run, as FinishRun sees them."""
    events = history.events
    to_come = 0 if events and events[-1]["type"] in _ENDED else STATES_AFTER_FINISH
    return sum(transitions(one.events) for one in history.all()) + to_come


def job_seconds(history: History) -> float:
    """Return the length of the union of the jobs' own start-to-end intervals.

    From the answers of the ``.sync`` tasks, and from the causes of those that failed.
    """
    documents = [
        document
        for one in history.all()
        for visit in _visits(one.events)
        for document in visit.documents
    ]
    intervals = sorted(filter(None, map(_interval, documents)))
    total = 0.0
    covered: datetime | None = None
    for start, end in intervals:
        first = max(start, covered) if covered else start
        total += seconds_between(first, end)
        covered = max(end, covered) if covered else end
    return round(total, 3)


def _nested_executions(visits: Iterable[_Visit]) -> dict[str, str]:
    """Find the ARN of the execution that each state started last."""
    return {
        visit.name: arn
        for visit in visits
        for document in visit.documents
        if isinstance(arn := member(document, "ExecutionArn"), str)
    }


def _visits(events: Sequence[Event]) -> list[_Visit]:
    """Gather each event to the state that it belongs to, along the chain of previous events."""
    visits: list[_Visit] = []
    owners: dict[int, _Visit] = {}
    for event in events:
        kind: str = event["type"]
        if kind.endswith("StateEntered"):
            name = event["stateEnteredEventDetails"]["name"]
            visit = _Visit(
                name=name, kind=kind.removesuffix("StateEntered"), entered=event["timestamp"]
            )
            visits.append(visit)
        elif (owner := owners.get(event.get("previousEventId", 0))) is not None:
            visit = owner
            _note(visit, kind, event)
        else:
            continue
        owners[event["id"]] = visit
    return visits


def _note(visit: _Visit, kind: str, event: Event) -> None:
    if kind.endswith("StateExited"):
        # The exit of a Parallel follows the last event of one of its branches.
        if event["stateExitedEventDetails"]["name"] == visit.name:
            visit.exited = event["timestamp"]
    elif kind in {"TaskScheduled", "LambdaFunctionScheduled", "ActivityScheduled"}:
        visit.scheduled += 1
    elif kind.startswith(_TASK_EVENTS):
        if kind.endswith(("Succeeded", "Failed", "TimedOut")):
            visit.outcome = "SUCCEEDED" if kind.endswith("Succeeded") else "FAILED"
            visit.outcome_at = event["timestamp"]
        visit.documents += _documents(event)


def _documents(event: Event) -> Iterable[str]:
    """Find the JSON that a task's event carries: its output, or the cause of its failure."""
    for name, details in event.items():
        if name.endswith("EventDetails") and isinstance(details, Mapping):
            yield from (details[part] for part in ("output", "cause") if details.get(part))


def _step(name: str, visit: _Visit, now: datetime) -> dict[str, Any]:
    if visit.name == "Finish":
        return _row(name, "SUCCEEDED", visit.entered, now)
    failed = visit.outcome == "FAILED" or (visit.exited and not visit.outcome)
    status = "FAILED" if failed else visit.outcome or "ABORTED"
    return _row(name, status, visit.entered, visit.exited or visit.outcome_at or now)


def _row(name: str, status: str, start: datetime, end: datetime) -> dict[str, Any]:
    return {"name": name, "status": status, "seconds": seconds_between(start, end)}


def _interval(document: str) -> tuple[datetime, datetime] | None:
    for start_name, end_name in _JOB_TIMES:
        start, end = parsed(member(document, start_name)), parsed(member(document, end_name))
        if start and end and start <= end:
            return start, end
    return None
