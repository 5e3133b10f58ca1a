"""Preprocessing failed: was it that objects were replaced or deleted since the run's manifest?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from dropforge_core.aws_errors import platform_faults
from dropforge_core.clients import Clients
from dropforge_core.contracts import FailedPreparation
from dropforge_core.environment import Environment
from dropforge_core.input_restoring import restore
from dropforge_core.ledger import Ledger
from dropforge_core.run_inputs import RunInputs

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
metrics = Metrics()
clients = Clients()


class Settings(Environment):
    """What the template gives this function."""

    ledger_table: str
    data_bucket: str
    artifacts_bucket: str


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take a FailedPreparation, answer with RestoredInputs."""
    settings = Settings.read()
    given = FailedPreparation.read(event)
    logger.append_keys(run_id=given.run_id)
    ledger = Ledger(clients.dynamodb, settings.ledger_table)
    inputs = RunInputs(ledger=ledger, clients=clients, bucket=settings.data_bucket)
    with platform_faults():
        restored = restore(inputs, given, settings.artifacts_bucket)
    logger.info("inputs looked at", goes_on=restored.error is None, data=restored.data.dump())
    metric = "InputsUnchanged" if restored.error else "InputsRestored"
    metrics.add_metric(name=metric, unit=MetricUnit.Count, value=1)
    return restored.dump()
