"""GetExecutionHistory: what it tells, in which order, in which pages."""

import json
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.unit.embedded_aws.gaps.stepfunctions.conftest import States


def test_events_of_a_task(states: "States") -> None:
    """A task's events say what was called, with what, and what came of it."""
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
        "Arguments": {"Bucket": "none", "Key": "{% 'k' %}"},
        "TimeoutSeconds": 5,
        "Assign": {"never": 1},
        "Catch": [{"ErrorEquals": ["States.ALL"], "Assign": {"q": 'a "b"'}, "Next": "C"}],
        "Next": "C",
    }
    arn = states.start({"A": task, "C": {"Type": "Succeed"}}, {"x": 1})
    states.finish(arn)
    events = states.events(arn)
    assert [event["type"] for event in events] == [
        "ExecutionStarted",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskFailed",
        "TaskStateExited",
        "SucceedStateEntered",
        "SucceedStateExited",
        "ExecutionSucceeded",
    ]
    assert [event["id"] for event in events] == list(range(1, 10))
    assert [event["previousEventId"] for event in events] == [0, 0, 2, 3, 4, 5, 6, 7, 8]
    stamps = [event["timestamp"] for event in events]
    assert stamps == sorted(stamps)
    assert any(stamp.microsecond for stamp in stamps)
    scheduled = events[2]["taskScheduledEventDetails"]
    assert (scheduled["resourceType"], scheduled["resource"]) == ("aws-sdk:s3", "getObject")
    assert json.loads(scheduled["parameters"]) == {"Bucket": "none", "Key": "k"}
    assert scheduled["timeoutInSeconds"] == 5
    failed = events[4]["taskFailedEventDetails"]
    assert failed["error"] == "S3.NoSuchBucketException"
    assert failed["resource"] == "getObject"
    assert failed["cause"]
    exited = events[5]["stateExitedEventDetails"]
    assert exited["assignedVariables"] == {"q": json.dumps('a "b"')}


def test_pages(states: "States") -> None:
    """Pages follow each other without loss or repetition, in both orders."""
    machine = {f"S{n}": {"Type": "Pass", "Next": f"S{n + 1}"} for n in range(60)}
    arn = states.start({**machine, "S60": {"Type": "Succeed"}})
    states.finish(arn)
    first = states.client.get_execution_history(executionArn=arn)
    assert len(first["events"]) == 100
    for backwards in (False, True):
        pages = states.client.get_paginator("get_execution_history").paginate(
            executionArn=arn, reverseOrder=backwards, PaginationConfig={"PageSize": 7}
        )
        ids = [event["id"] for page in pages for event in page["events"]]
        assert ids == sorted(range(1, 125), reverse=backwards)


def test_bad_pages(states: "States") -> None:
    """An invented token and a page of 1,001 events are refused."""
    arn = states.start({"A": {"Type": "Succeed"}})
    with pytest.raises(ClientError, match="InvalidToken"):
        states.client.get_execution_history(executionArn=arn, nextToken="invented")
    with pytest.raises(ClientError, match="ValidationException"):
        states.client.get_execution_history(executionArn=arn, maxResults=1001)
