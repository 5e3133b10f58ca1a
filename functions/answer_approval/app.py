"""Answer a run that waits for a person's approval, once the registry says what was decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from dropforge_core.approvals import Approvals
from dropforge_core.aws_errors import platform_faults
from dropforge_core.clients import Clients
from dropforge_core.contracts import ApprovalWait
from dropforge_core.wiring import StartSettings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from dropforge_core.contracts import ApprovalAnswer

logger = Logger()
metrics = Metrics()
clients = Clients()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take an ApprovalWait, or the registry's event; answer with the ApprovalAnswer."""
    starter = StartSettings.read().starter(clients)
    approvals = Approvals(ledger=starter.ledger, clients=clients, starter=starter)
    with platform_faults():
        answer = _look(approvals, event)
    logger.info("approvals", **answer.dump())
    for metric, runs in (
        ("ApprovalAnswered", answer.answered),
        ("ApprovalPending", answer.waiting),
    ):
        metrics.add_metric(name=metric, unit=MetricUnit.Count, value=len(runs))
    return answer.dump()


def _look(approvals: Approvals, event: dict[str, Any]) -> ApprovalAnswer:
    if event.get("detail-type") == "SageMaker Model Package State Change":
        return approvals.look_at(event.get("detail", {}).get("ModelPackageArn", ""))
    return approvals.begin(ApprovalWait.read(event))
