"""May the new model serve? Thresholds first, then the champion, as the pipeline's policy asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from dropforge_core.aws_errors import platform_faults
from dropforge_core.clients import Clients
from dropforge_core.contracts import JudgeInput
from dropforge_core.environment import Environment
from dropforge_core.judging import best_of_last, judge, needs_best_of_last
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
    """Take a JudgeInput, answer with the Verdict."""
    settings = Settings.read()
    given = JudgeInput.read(event)
    logger.append_keys(run_id=given.run_id)
    best = None
    if needs_best_of_last(given):
        with platform_faults():
            runs = Ledger(clients.dynamodb, settings.ledger_table).runs(given.pipeline)
        best = best_of_last(runs, given.judge)
    verdict = judge(given, best)
    logger.info("judged", promoted=verdict.promoted, reason=verdict.reason)
    metric = "JudgedPromoted" if verdict.promoted else "JudgedRejected"
    metrics.add_metric(name=metric, unit=MetricUnit.Count, value=1)
    return verdict.dump()
