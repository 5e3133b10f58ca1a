"""Is the execution of a run still going? Its events are best effort, so whoever needs to know asks.

Step Functions' Describe may lag behind (docs.aws.amazon.com/step-functions/latest/apireference/
API_DescribeExecution.html): what it calls going may have ended since, which the next look finds;
and what it does not know yet may have been started a moment ago, so that counts as dead only when
it should have been seen long since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dropforge_core.contracts import ExecutionEnd
from dropforge_core.ledger import STARTING_SECONDS
from dropforge_core.times import parsed

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_stepfunctions import SFNClient

    from dropforge_core.records import Run

_GOING = {"RUNNING", "PENDING_REDRIVE"}


def death(stepfunctions: SFNClient, run: Run, now: datetime) -> ExecutionEnd | None:
    """Return how a run's execution ended, as its event tells it; None for one that goes on.

    Raises:
        botocore.exceptions.ClientError: Step Functions refused to tell.
    """
    try:
        found = stepfunctions.describe_execution(executionArn=run.execution)
        end = {name: found.get(name) for name in ("status", "error", "cause")}
    except stepfunctions.exceptions.ExecutionDoesNotExist:
        started = parsed(run.redriven_at or run.started_at)
        if started and (now - started).total_seconds() < STARTING_SECONDS:
            return None
        end = {"status": "ABORTED", "cause": "There is no such execution."}
    if end["status"] in _GOING:
        return None
    name = run.execution.rpartition(":")[2]
    return ExecutionEnd.model_validate(end | {"executionArn": run.execution, "name": name})


def execution_died(end: ExecutionEnd) -> dict[str, Any]:
    """Return the event that EventBridge would have sent, as far as FinishRun reads it."""
    return {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": end.model_dump(mode="json", by_alias=True, exclude_none=True),
    }
