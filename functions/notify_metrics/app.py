"""Tell how a run ended: in Slack or, without a webhook, in this function's log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import BotoCoreError, ClientError
from dropforge_core.announcement import Announcement, announce
from dropforge_core.clients import Clients
from dropforge_core.contracts import Notified, RunNews
from dropforge_core.environment import Environment
from dropforge_core.ledger import Ledger
from dropforge_core.times import utc_now

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from dropforge_core.records import Run

logger = Logger()
metrics = Metrics()
clients = Clients()


class Settings(Environment):
    """What the template gives this function."""

    ledger_table: str
    slack_webhook_source: Literal["none", "ssm", "secretsmanager"]
    slack_webhook_name: str


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take RunNews, answer with Notified; what Slack does wrong is logged and counted only."""
    settings = Settings.read()
    end = RunNews.read(event)
    logger.append_keys(run_id=end.run_id, execution=end.execution)
    told = _tell(settings, announce(end, _recorded(settings, end.run_id), utc_now()))
    return told.dump()


def _recorded(settings: Settings, run_id: str) -> Run | None:
    """Read what the ledger knows; people are told, with less, when it cannot be read."""
    try:
        return Ledger(clients.dynamodb, settings.ledger_table).run(run_id)
    except (BotoCoreError, ClientError):
        logger.warning("the ledger cannot be read", exc_info=True)
        return None


def _tell(settings: Settings, announcement: Announcement) -> Notified:
    if settings.slack_webhook_source == "none":
        logger.info("run ended", **announcement.fields())
        _count("MessageLogged")
        return Notified(channel="log", delivered=True)
    # Only here, for their cold start: without a webhook nobody needs slack_sdk and Parameters.
    from dropforge_core.slack_delivery import DeliveryError, deliver, webhook_url  # noqa: PLC0415
    from dropforge_core.slack_message import slack_message  # noqa: PLC0415

    try:
        url = webhook_url(clients, settings.slack_webhook_source, settings.slack_webhook_name)
        deliver(url, slack_message(announcement))
    except DeliveryError as err:
        logger.error("message not delivered", problem=str(err), **announcement.fields())  # noqa: TRY400
        _count("SlackFailed")
        return Notified(channel="slack", delivered=False)
    logger.info("message delivered", title=announcement.title)
    _count("SlackDelivered")
    return Notified(channel="slack", delivered=True)


def _count(metric: str) -> None:
    metrics.add_metric(name=metric, unit=MetricUnit.Count, value=1)
