"""How far an execution is: its states, and those of the executions that it started."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from dropforge_core.history import Event, History, read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_stepfunctions import SFNClient

_BROKEN = {"ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted"}


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
    """Read how far an execution is; a nested machine's states follow the one that started it.

    A run is recorded before its execution is started, and copying data may come between.
    """

    def events(arn: str) -> "Sequence[Event]":
        pages = stepfunctions.get_paginator("get_execution_history").paginate(executionArn=arn)
        return [event for page in pages for event in page["events"]]

    try:
        history = read(events, execution)
    except ClientError as err:
        if err.response["Error"]["Code"] != "ExecutionDoesNotExist":
            raise
        return Progress((), broken=False)
    last: Any = history.events[-1]["type"] if history.events else ""
    return Progress(tuple(_steps(history, "")), broken=last in _BROKEN)


def _steps(history: History, within: str) -> list[Step]:
    steps: list[Step] = []
    for event in history.events:
        if entered := event.get("stateEnteredEventDetails"):
            steps.append(Step(entered["name"], event["timestamp"]))
        elif left := event.get("stateExitedEventDetails"):
            _close(steps, left["name"], event["timestamp"])
    listed: list[Step] = []
    for step in steps:
        name = f"{within}{step.name}"
        listed.append(replace(step, name=name))
        if step.name in history.nested:
            listed += _steps(history.nested[step.name], f"{name}.")
    return listed


def _close(steps: list[Step], name: str, moment: datetime) -> None:
    for index in reversed(range(len(steps))):
        if steps[index].name == name and steps[index].ended is None:
            steps[index] = replace(steps[index], ended=moment)
            return
