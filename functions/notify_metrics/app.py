"""Tell how a run goes or ended: to an SNS topic, and in Slack or, without a webhook, in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import BotoCoreError, ClientError
from dropforge_core.announcement import Announcement, announce
from dropforge_core.chart import chart_link
from dropforge_core.clients import Clients
from dropforge_core.contracts import Notified, RunNews
from dropforge_core.environment import Environment
from dropforge_core.guide import Guide
from dropforge_core.sns_message import sns_message
from dropforge_core.times import utc_now

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
metrics = Metrics()
clients = Clients()


class Settings(Environment):
    """What the template gives this function; only an embedded AWS gives an endpoint URL."""

    stack_name: str
    artifacts_bucket: str
    artifacts_domain: str
    announcements_topic_arn: str
    slack_webhook_source: Literal["none", "ssm", "secretsmanager"]
    slack_webhook_name: str
    aws_endpoint_url: str = ""

    def artifacts(self) -> str:
        """Return the artifacts bucket's web address."""
        if self.aws_endpoint_url:
            return f"{self.aws_endpoint_url}/{self.artifacts_bucket}"
        return f"https://{self.artifacts_domain}"

    def guide(self) -> Guide:
        """Tell people of this stack."""
        return Guide(
            stack=self.stack_name,
            artifacts_bucket=self.artifacts_bucket,
            on_aws=not self.aws_endpoint_url,
        )


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take a RunNews, answer with Notified; what Slack or SNS do wrong is logged and counted."""
    settings = Settings.read()
    news = RunNews.read(event)
    logger.append_keys(run_id=news.run_id, execution=news.execution)
    told = announce(news, settings.guide(), utc_now())
    if settings.slack_webhook_source == "none":
        logger.info("run told", **told.fields())
        _count("MessageLogged")
        channel, delivered = "log", True
    else:
        channel, delivered = "slack", _tell_slack(settings, news, told)
    published = _publish(settings.announcements_topic_arn, news, told)
    return Notified(channel=channel, delivered=delivered, published=published).dump()


def _tell_slack(settings: Settings, news: RunNews, told: Announcement) -> bool:
    # Only here, for their cold start: without a webhook nobody needs slack_sdk and Parameters.
    from dropforge_core.slack_delivery import DeliveryError, deliver, webhook_url  # noqa: PLC0415
    from dropforge_core.slack_message import slack_message  # noqa: PLC0415

    chart = _chart(settings.artifacts(), news)
    plain = slack_message(told)
    try:
        url = webhook_url(clients, settings.slack_webhook_source, settings.slack_webhook_name)
        if chart is None:
            deliver(url, plain)
        elif not deliver(url, slack_message(told, chart), instead=plain):
            logger.warning("message delivered without its chart, which Slack could not fetch")
    except DeliveryError as err:
        logger.error("message not delivered", problem=str(err), **told.fields())  # noqa: TRY400
        _count("SlackFailed")
        return False
    logger.info("message delivered", title=told.title)
    _count("SlackDelivered")
    return True


def _chart(bucket: str, news: RunNews) -> str | None:
    """Link to the chart of a run that had an execution; people are told without it, too."""
    try:
        return chart_link(clients, bucket, news.run_id) if news.execution else None
    except BotoCoreError as err:
        # By its kind only: the address in its text is signed.
        logger.warning("the chart cannot be looked for", problem=type(err).__name__)
        return None


def _publish(topic: str, news: RunNews, told: Announcement) -> bool:
    try:
        clients.sns.publish(TopicArn=topic, **sns_message(news, told))
    except (BotoCoreError, ClientError) as err:
        logger.error("announcement not published", problem=str(err), title=told.title)  # noqa: TRY400
        _count("AnnouncementFailed")
        return False
    _count("AnnouncementPublished")
    return True


def _count(metric: str) -> None:
    metrics.add_metric(name=metric, unit=MetricUnit.Count, value=1)
