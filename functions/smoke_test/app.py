"""Does the endpoint answer the pipeline's golden samples as expected?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from dropforge_core.aws_errors import platform_faults
from dropforge_core.clients import Clients
from dropforge_core.contracts import SmokeTestInput
from dropforge_core.smoke import smoke_test

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
metrics = Metrics()
clients = Clients()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take a SmokeTestInput, answer with the SmokeTestResult."""
    asked = SmokeTestInput.read(event)
    with platform_faults():
        result = smoke_test(clients.sagemaker_runtime, asked)
    logger.info("smoke test", endpoint=asked.endpoint, passed=result.passed, reason=result.reason)
    metric = "SmokeTestPassed" if result.passed else "SmokeTestFailed"
    metrics.add_metric(name=metric, unit=MetricUnit.Count, value=1)
    return result.dump()
