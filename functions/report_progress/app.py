"""Tell in Slack, once a minute, what trainings that go on say of their metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from dropforge_core.clients import Clients
from dropforge_core.contracts import ProgressTold
from dropforge_core.environment import Environment
from dropforge_core.guide import Guide
from dropforge_core.ledger import Ledger
from dropforge_core.progress_reports import Report, reports

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
metrics = Metrics()
clients = Clients()


class Settings(Environment):
    """What the template gives this function; only an embedded AWS gives an endpoint URL."""

    stack_name: str
    ledger_table: str
    slack_webhook_source: Literal["none", "ssm", "secretsmanager"]
    slack_webhook_name: str
    aws_endpoint_url: str = ""

    def guide(self) -> Guide:
        """Tell people of this stack."""
        on_aws = not self.aws_endpoint_url
        return Guide(stack=self.stack_name, artifacts_bucket="", on_aws=on_aws)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take the schedule's event; answer with the runs that were told of, as ProgressTold."""
    settings = Settings.read()
    found = _reports(settings, event["time"])
    told = [report.run.run_id for report in found if _tell(settings, report)]
    _count("ProgressReported", len(told))
    _count("ProgressFailed", len(found) - len(told))
    return ProgressTold(told=tuple(told)).dump()


def _reports(settings: Settings, scheduled: str) -> list[Report]:
    """Read all before the first is told: an error then repeats no message."""
    if settings.slack_webhook_source == "none":
        return []
    return reports(Ledger(clients.dynamodb, settings.ledger_table), clients.cloudwatch, scheduled)


def _tell(settings: Settings, report: Report) -> bool:
    from dropforge_core.slack_delivery import DeliveryError, deliver, webhook_url  # noqa: PLC0415
    from dropforge_core.slack_message import slack_message  # noqa: PLC0415

    source = settings.slack_webhook_source
    try:
        url = webhook_url(clients, source, settings.slack_webhook_name)
        deliver(url, slack_message(report.announcement(settings.guide())))
    except DeliveryError as err:
        logger.warning("progress not told", run_id=report.run.run_id, problem=str(err))
        return False
    logger.info("progress told", run_id=report.run.run_id, metrics=report.metrics)
    return True


def _count(metric: str, value: int) -> None:
    metrics.add_metric(name=metric, unit=MetricUnit.Count, value=value)
