import json

import pytest
from botocore.exceptions import ClientError

from dropforge.history import Progress, progress

NOW = "2026-11-21T05:20:11+00:00"


class Recorded:
    """Step Functions with recorded histories: a run that has started its nested execution."""

    def __init__(self, histories: dict[str, list[dict[str, object]]]) -> None:
        """Answer with these, by the execution's ARN."""
        self.histories = histories

    def get_paginator(self, _: str) -> "Recorded":
        """Be the paginator too."""
        return self

    def paginate(self, *, executionArn: str) -> list[dict[str, object]]:  # noqa: N803 - boto3's
        """Give the history as two pages, or AWS's error."""
        if executionArn not in self.histories:
            raise ClientError({"Error": {"Code": executionArn}}, "GetExecutionHistory")
        events = self.histories[executionArn]
        return [{"events": events[:1]}, {"events": events[1:]}]


def entered(number: int, kind: str, name: str) -> dict[str, object]:
    """Make an event as boto3 gives it."""
    return {
        "id": number,
        "type": f"{kind}StateEntered",
        "timestamp": NOW,
        "stateEnteredEventDetails": {"name": name},
    }


def exited(number: int, name: str) -> dict[str, object]:
    """Make an event as boto3 gives it."""
    return {
        "id": number,
        "type": "TaskStateExited",
        "timestamp": NOW,
        "previousEventId": number - 1,
        "stateExitedEventDetails": {"name": name},
    }


def test_states_of_the_nested_machine_follow_deploy() -> None:
    """A person sees where in the deployment a run is."""
    submitted = {
        "id": 4,
        "previousEventId": 3,
        "type": "TaskSubmitted",
        "timestamp": NOW,
        "taskSubmittedEventDetails": {"output": json.dumps({"ExecutionArn": "child"})},
    }
    histories = {
        "parent": [
            entered(1, "Task", "Train"),
            exited(2, "Train"),
            entered(3, "Task", "Deploy"),
            submitted,
        ],
        "child": [entered(1, "Task", "CreateModel"), exited(2, "CreateModel")],
    }
    found = progress(Recorded(histories), "parent")  # type: ignore[arg-type]
    assert [(step.name, step.ended is not None) for step in found.steps] == [
        ("Train", True),
        ("Deploy", False),
        ("Deploy.CreateModel", True),
    ]
    assert not found.broken


def test_an_execution_that_broke_off_is_seen() -> None:
    """Nothing more will come of it."""
    events = [entered(1, "Task", "Train"), {"id": 2, "type": "ExecutionAborted", "timestamp": NOW}]
    assert progress(Recorded({"e": events}), "e").broken  # type: ignore[arg-type]


def test_an_execution_that_was_not_started_yet_has_no_steps() -> None:
    """The ledger knows a run before its execution is there; other errors are errors."""
    nothing = Recorded({})
    found = progress(nothing, "ExecutionDoesNotExist")  # type: ignore[arg-type]
    assert found == Progress((), broken=False)
    with pytest.raises(ClientError):
        progress(nothing, "AccessDeniedException")  # type: ignore[arg-type]
