"""The S3-upload trigger: a batch of dropped objects becomes one run for each pipeline."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from dropforge_core import intake
from dropforge_core.clients import Clients
from dropforge_core.errors import InvalidInputError
from dropforge_core.wiring import StartSettings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from dropforge_core.records import Arrival

logger = Logger()
metrics = Metrics()
clients = Clients()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Take a batch of SQS messages, each an S3 event; answer which are to come again."""
    settings = StartSettings.read()
    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)

    def read(record: SQSRecord) -> intake.Dropped:
        try:
            return intake.read_event(record.body, settings.data_bucket)
        except InvalidInputError as err:
            logger.warning("message refused", message_id=record.message_id, reason=str(err))
            _count("ArrivalRefused")
            raise

    with processor(event["Records"], read):
        handled = processor.process()
    messages: dict[str, dict[str, Arrival]] = defaultdict(dict)
    for outcome, dropped, record in handled:
        if outcome == "success":
            messages[dropped.pipeline][record["messageId"]] = dropped.arrival
    response = processor.response()
    for pipeline, arrivals in messages.items():
        if not _take(settings, pipeline, arrivals.values()):
            response["batchItemFailures"] += [{"itemIdentifier": one} for one in arrivals]
    return response


def _take(settings: StartSettings, pipeline: str, arrivals: Iterable[Arrival]) -> bool:
    """Record one pipeline's arrivals and start its run; False when that has to be done again."""
    starter = settings.starter(clients)
    try:
        _tell(list(arrivals), intake.record(starter.ledger, pipeline, arrivals))
        for run in starter.start_waiting(pipeline):
            logger.info("run", run_id=run.run_id, execution=run.execution, status=run.status)
            _count("RunStarted" if run.status == "RUNNING" else "RunSkipped")
    except Exception:
        logger.exception("start failed", pipeline=pipeline)
        _count("StartFailed")
        return False
    return True


def _tell(arrivals: list[Arrival], new: list[Arrival]) -> None:
    for arrival in new:
        ignored = arrival.status == "IGNORED"
        logger.info("arrival", key=arrival.key, status=arrival.status, reason=arrival.reason)
        _count("ArrivalIgnored" if ignored else "ArrivalWaiting")
    for _ in range(len(arrivals) - len(new)):
        _count("ArrivalDuplicate")


def _count(metric: str) -> None:
    metrics.add_metric(name=metric, unit=MetricUnit.Count, value=1)
