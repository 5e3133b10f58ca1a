"""After a deployment, remove models, endpoint configs and packages that are old and unused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from dropforge_core.aws_errors import platform_faults
from dropforge_core.clients import Clients
from dropforge_core.contracts import DeploymentEnd
from dropforge_core.environment import Environment
from dropforge_core.ledger import Ledger
from dropforge_core.retention import Retention

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
    """Take EventBridge's event of a deployment that ended well; answer with Removed."""
    settings = Settings.read()
    end = DeploymentEnd.read(event["detail"])
    logger.append_keys(run_id=end.run_id, execution=end.execution)
    retention = Retention(ledger=Ledger(clients.dynamodb, settings.ledger_table), clients=clients)
    with platform_faults():
        removed = retention.clean_up(end.run_id)
    logger.info("models removed", runs=removed.runs)
    metrics.add_metric(name="ModelsRemoved", unit=MetricUnit.Count, value=len(removed.runs))
    return removed.dump()
