"""Is there an endpoint, in what state is it, what does it serve, can it be updated now?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from dropforge_core.aws_errors import platform_faults
from dropforge_core.clients import Clients
from dropforge_core.contracts import CheckEndpointInput
from dropforge_core.endpoints import endpoint_state, with_training, with_what_serves

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
metrics = Metrics()
clients = Clients()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take a CheckEndpointInput, answer with the EndpointState."""
    asked = CheckEndpointInput.read(event)
    with platform_faults():
        described = endpoint_state(clients.sagemaker, asked.endpoint)
        state = with_what_serves(clients.sagemaker, described)
        if asked.training:
            state = with_training(clients.sagemaker, state)
    logger.info("endpoint", endpoint=asked.endpoint, status=state.status, config=state.config)
    metric = "EndpointFound" if state.exists else "EndpointMissing"
    metrics.add_metric(name=metric, unit=MetricUnit.Count, value=1)
    return state.dump()
