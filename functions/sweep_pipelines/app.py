"""Find, on a schedule, what every other path missed: runs that died unheard, data that waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from dropforge_core.clients import Clients
from dropforge_core.errors import ServiceUnavailableError
from dropforge_core.sweeping import Sweeper
from dropforge_core.wiring import StartSettings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from dropforge_core.contracts import Swept

logger = Logger()
metrics = Metrics()
clients = Clients()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take the schedule's event, whatever it holds; answer with what was Swept by pipeline."""
    finisher = StartSettings.read().finisher(clients)
    sweeper = Sweeper(finisher=finisher)
    swept: dict[str, Any] = {}
    failed: list[str] = []
    for pipeline in finisher.ledger.pipelines():
        try:
            swept[pipeline] = _tell(pipeline, sweeper.sweep(pipeline))
        except Exception:
            # One pipeline's trouble is not to keep the others from being swept.
            logger.exception("sweep failed", pipeline=pipeline)
            _count("SweepFailed", 1)
            failed.append(pipeline)
    if failed:
        raise ServiceUnavailableError(f"Pipelines not swept: {', '.join(failed)}.")
    return swept


def _tell(pipeline: str, swept: Swept) -> dict[str, Any]:
    logger.info("swept", pipeline=pipeline, **swept.dump())
    _count("SweptClosed", len(swept.closed))
    _count("SweptAnswered", len(swept.answered))
    _count("SweptStarted", len(swept.started))
    return swept.dump()


def _count(metric: str, value: int) -> None:
    metrics.add_metric(name=metric, unit=MetricUnit.Count, value=value)
