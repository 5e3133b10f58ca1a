"""Close a run in the ledger, release its pipeline, start the follow-up if data came meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from dropforge_core.aws_errors import platform_faults
from dropforge_core.clients import Clients
from dropforge_core.contracts import ExecutionEnd, RunEnd
from dropforge_core.wiring import StartSettings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from dropforge_core.contracts import Finished

logger = Logger()
metrics = Metrics()
clients = Clients()

_CLOSED = {
    "DEPLOYED": "RunDeployed",
    "REJECTED": "RunRejected",
    "ROLLED_BACK": "RunRolledBack",
    "FAILED": "RunFailed",
    "SKIPPED": "RunSkipped",
}


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take a RunEnd, or EventBridge's event of an execution that died; answer with Finished."""
    settings = StartSettings.read()
    finisher = settings.finisher(clients)
    if event.get("detail-type") == "Step Functions Execution Status Change":
        death = ExecutionEnd.read(event["detail"])
        logger.append_keys(run_id=death.name, execution=death.execution)
        with platform_faults():
            return _tell("FAILED", finisher.bury(death))
    end = RunEnd.read(event)
    logger.append_keys(run_id=end.run_id, execution=end.execution)
    with platform_faults():
        finished = finisher.finish(end)
    if finished.closed and end.rows.drift is not None:
        _tell_drift(settings.stack_name, end, end.rows.drift)
    return _tell(end.status, finished)


def _tell(status: str, finished: Finished) -> dict[str, Any]:
    logger.info("run finished", status=status, **finished.dump())
    _count(_CLOSED[status] if finished.closed else "RunAlreadyClosed")
    if finished.follow_up:
        _count("RunStarted")
    return finished.dump()


def _tell_drift(stack: str, end: RunEnd, drift: float) -> None:
    """Tell how far the data is from what the model that serves knows: a new one knows it."""
    by = {"stack": stack, "pipeline": end.pipeline}
    value = 0.0 if end.status == "DEPLOYED" else drift
    with single_metric(
        name="DataDrift", unit=MetricUnit.NoUnit, value=value, default_dimensions=by
    ):
        pass


def _count(metric: str) -> None:
    metrics.add_metric(name=metric, unit=MetricUnit.Count, value=1)
