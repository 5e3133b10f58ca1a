"""The trigger: a batch of dropped objects and requests becomes one run for each pipeline."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from dropforge_core import asking, intake, start_requests
from dropforge_core.clients import Clients
from dropforge_core.errors import InvalidInputError
from dropforge_core.messages import read_message
from dropforge_core.wiring import StartSettings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from dropforge_core.messages import Message
    from dropforge_core.records import Arrival, Request

logger = Logger()
metrics = Metrics()
clients = Clients()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Take a batch of SQS messages (see messages.py); answer which are to come again."""
    settings = StartSettings.read()
    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)

    def read(record: SQSRecord) -> Message:
        try:
            return read_message(
                record.body,
                bucket=settings.data_bucket,
                stack=settings.stack_name,
                state_machine=settings.retrain_state_machine_arn,
            )
        except InvalidInputError as err:
            logger.warning("message refused", message_id=record.message_id, reason=str(err))
            _count("ArrivalRefused")
            raise

    with processor(event["Records"], read):
        handled = processor.process()
    messages: dict[str, dict[str, Message]] = defaultdict(dict)
    for outcome, message, record in handled:
        if outcome == "success":
            messages[message.pipeline][record["messageId"]] = message
    response = processor.response()
    for pipeline, found in messages.items():
        if not _take(settings, pipeline, found.values()):
            response["batchItemFailures"] += [{"itemIdentifier": one} for one in found]
    return response


def _take(settings: StartSettings, pipeline: str, messages: Iterable[Message]) -> bool:
    """Record what came for one pipeline and start its run; False when that has to be done again."""
    starter = settings.starter(clients)
    arrivals = [one.arrival for one in messages if isinstance(one, intake.Dropped)]
    looks = sum(isinstance(one, asking.Look) for one in messages)
    requests = [one.request for one in messages if isinstance(one, start_requests.Asked)]
    try:
        _tell(arrivals, intake.record(starter.ledger, pipeline, arrivals))
        _count("LookTaken", looks)
        _tell_asked(requests, start_requests.record(starter.ledger, pipeline, requests))
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


def _tell_asked(requests: list[Request], new: list[Request]) -> None:
    for request in new:
        logger.info("start requested", cause=request.cause, status=request.status)
        _count("StartRequested" if request.status == "WAITING" else "StartRefused")
    for _ in range(len(requests) - len(new)):
        _count("StartDuplicate")


def _count(metric: str, value: int = 1) -> None:
    if value:
        metrics.add_metric(name=metric, unit=MetricUnit.Count, value=value)
