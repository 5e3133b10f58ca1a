"""How far an execution is: its states, and those of the execution that it started."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from dropforge_core.history import nested_execution

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.type_defs import HistoryEventTypeDef

_BROKEN = {"ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted"}
_STARTS_ANOTHER = "Deploy"


@dataclass(frozen=True)
class Step:
    """A state that was entered; `ended` is None while it is in progress."""

    name: str
    started: datetime
    ended: datetime | None = None


@dataclass(frozen=True)
class Progress:
    """The states so far, in the order in which they were entered, and whether it broke off."""

    steps: tuple[Step, ...]
    broken: bool


def progress(stepfunctions: "SFNClient", execution: str) -> Progress:
    """Read how far an execution is; the states of the one that it started follow `Deploy`."""
    events = _events(stepfunctions, execution)
    steps = _steps(events)
    nested = nested_execution(events)
    if nested:
        inner = _steps(_events(stepfunctions, nested))
        after = 1 + max(i for i, step in enumerate(steps) if step.name == _STARTS_ANOTHER)
        steps[after:after] = [replace(s, name=f"{_STARTS_ANOTHER}.{s.name}") for s in inner]
    return Progress(tuple(steps), broken=bool(events) and events[-1]["type"] in _BROKEN)


def _events(stepfunctions: "SFNClient", execution: str) -> "list[HistoryEventTypeDef]":
    pages = stepfunctions.get_paginator("get_execution_history").paginate(executionArn=execution)
    return [event for page in pages for event in page["events"]]


def _steps(events: "Sequence[HistoryEventTypeDef]") -> list[Step]:
    steps: list[Step] = []
    for event in events:
        if entered := event.get("stateEnteredEventDetails"):
            steps.append(Step(entered["name"], event["timestamp"]))
        elif left := event.get("stateExitedEventDetails"):
            _close(steps, left["name"], event["timestamp"])
    return steps


def _close(steps: list[Step], name: str, moment: datetime) -> None:
    for index in reversed(range(len(steps))):
        if steps[index].name == name and steps[index].ended is None:
            steps[index] = replace(steps[index], ended=moment)
            return
