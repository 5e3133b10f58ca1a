"""Starts that are asked for without new data: by a person, a schedule, or a drift alarm.

Each comes as a message to the trigger's queue and is recorded in the ledger before anybody asks for
the pipeline's lock, as an arrival is: so `starting.py`'s reasons why none is lost hold for it too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dropforge_core.errors import InvalidInputError
from dropforge_core.naming import PIPELINE_LENGTH, PIPELINE_PATTERN, is_pipeline_name
from dropforge_core.records import Request
from dropforge_core.times import iso, parsed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dropforge_core.ledger import Ledger

SOURCE = "dropforge"
ALARM_SOURCE = "aws.cloudwatch"
_DETAIL_TYPE = "Start Requested"
_TIME = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$"

type _RequestId = Annotated[str, Field(pattern=r"^[A-Za-z0-9:.-]{1,64}$")]


class Asked(NamedTuple):
    """A start that was asked for, and of which pipeline."""

    pipeline: str
    request: Request


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class _StartDetail(_Strict):
    stack: str
    pipeline: str = Field(pattern=PIPELINE_PATTERN, max_length=PIPELINE_LENGTH)
    cause: Literal["PERSON", "SCHEDULE"]


class _StartRequested(_Strict):
    """Our own message, as `dropforge retrain` and a pipeline's schedule send it."""

    source: Literal["dropforge"]
    detail_type: Literal["Start Requested"] = Field(alias="detail-type")
    id: _RequestId
    time: str = Field(pattern=_TIME)
    detail: _StartDetail


class _AlarmState(_Part):
    value: Literal["ALARM"]


class _AlarmDetail(_Part):
    name: str = Field(alias="alarmName", min_length=1, max_length=255)
    state: _AlarmState


class _AlarmSounds(_Part):
    """EventBridge's event of an alarm that begins to sound.

    Source: docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html.
    """

    source: Literal["aws.cloudwatch"]
    detail_type: Literal["CloudWatch Alarm State Change"] = Field(alias="detail-type")
    id: _RequestId
    time: str = Field(pattern=_TIME)
    resources: tuple[str, ...] = Field(min_length=1, max_length=1)
    detail: _AlarmDetail


def message(stack: str, pipeline: str, cause: str, request_id: str, time: str) -> dict[str, Any]:
    """Return the message that asks for a start; equal ids of a pipeline are one request."""
    return {
        "source": SOURCE,
        "detail-type": _DETAIL_TYPE,
        "id": request_id,
        "time": time,
        "detail": {"stack": stack, "pipeline": pipeline, "cause": cause},
    }


def drift_alarm(stack: str, pipeline: str) -> str:
    """Return the name of a pipeline's drift alarm; no stack's name holds a slash."""
    return f"{stack}/drift/{pipeline}"


def read_request(document: Any, stack: str) -> Asked:
    """Read our own message.

    Raises:
        InvalidInputError: it is no such message, or it is for another stack.
    """
    asked = _validated(_StartRequested, document)
    if asked.detail.stack != stack:
        raise InvalidInputError("The request to start a run is for another stack.")
    return _asked(asked.detail.pipeline, asked.detail.cause, asked.id, asked.time)


def read_alarm(document: Any, stack: str, own_arn: str) -> Asked:
    """Read the event of a drift alarm that sounds.

    Args:
        document: the event.
        stack: this stack's name.
        own_arn: the ARN of anything of this stack: partition, region and account count.

    Raises:
        InvalidInputError: it is no such event, or the alarm is none of this stack's drift alarms.
    """
    event = _validated(_AlarmSounds, document)
    partition, region, account = (own_arn.split(":")[part] for part in (1, 3, 4))
    pipeline = event.detail.name.removeprefix(drift_alarm(stack, ""))
    name = drift_alarm(stack, pipeline)
    arn = f"arn:{partition}:cloudwatch:{region}:{account}:alarm:{name}"
    if not is_pipeline_name(pipeline) or event.detail.name != name or event.resources != (arn,):
        raise InvalidInputError("The alarm is no drift alarm of this stack.")
    return _asked(pipeline, "DRIFT", event.id, event.time)


def record(ledger: Ledger, pipeline: str, requests: Iterable[Request]) -> list[Request]:
    """Record requests of one pipeline, each once, and return those that were new.

    One for a pipeline that is not published is REFUSED, for good.
    """
    found = list(requests)
    if found and ledger.published(pipeline) is None:
        reason = f"The pipeline {pipeline} is not published."
        found = [replace(one, status="REFUSED", reason=reason) for one in found]
    return ledger.record_requests(pipeline, found)


def _validated[T: BaseModel](kind: type[T], document: Any) -> T:
    try:
        return kind.model_validate(document)
    except ValidationError as err:
        places = (".".join(map(str, problem["loc"])) or "the whole" for problem in err.errors())
        message = f"No request to start a run: wrong or missing: {', '.join(places)}."
        raise InvalidInputError(message) from err


def _asked(pipeline: str, cause: Any, request_id: str, time: str) -> Asked:
    moment = parsed(time)
    if moment is None:
        raise InvalidInputError("No request to start a run: its time is no date.")
    return Asked(pipeline, Request(request_id=request_id, cause=cause, asked_at=iso(moment)))
