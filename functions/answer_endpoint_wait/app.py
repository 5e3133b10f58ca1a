"""Answer a deployment that waits once its endpoint has settled, told by an event or by Describe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from dropforge_core.aws_errors import platform_faults
from dropforge_core.clients import Clients
from dropforge_core.contracts import CheckEndpointInput, EndpointWait
from dropforge_core.endpoint_wait import EndpointWaits
from dropforge_core.environment import Environment
from dropforge_core.ledger import Ledger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
metrics = Metrics()
clients = Clients()


class Settings(Environment):
    """What the template gives this function."""

    ledger_table: str


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take an EndpointWait, or EventBridge's event; answer with the EndpointWaitAnswer."""
    settings = Settings.read()
    with platform_faults():
        waits = EndpointWaits(
            ledger=Ledger(clients.dynamodb, settings.ledger_table), clients=clients
        )
        if event.get("detail-type") == "SageMaker Endpoint State Change":
            name = event.get("detail", {}).get("EndpointName", "")
            answer = waits.look(CheckEndpointInput.read({"endpoint": name}).endpoint)
        else:
            answer = waits.begin(EndpointWait.read(event))
    logger.info("wait", endpoint=answer.endpoint, answered=answer.answered, status=answer.status)
    metric = "EndpointWaitAnswered" if answer.answered else "EndpointWaitPending"
    metrics.add_metric(name=metric, unit=MetricUnit.Count, value=1)
    return answer.dump()
