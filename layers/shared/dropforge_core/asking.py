"""What the trigger's queue holds beside S3's events: a request to look at a pipeline, later.

It is how a quiet period ends although nothing happens any more. One look is under way for each
pipeline that waits: the ledger says until when, so that a burst of batches asks once. It may come
too early, since more data has come meanwhile; then it asks for the next one. Should one be lost,
the sweeper looks too.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dropforge_core.errors import InvalidInputError
from dropforge_core.naming import PIPELINE_LENGTH, PIPELINE_PATTERN

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from dropforge_core.clients import Clients
    from dropforge_core.ledger import Ledger

DETAIL_TYPE = "Look"
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
_LONGEST_DELAY = 900
# A look this close may be at work already, having seen less than whoever asks for another.
_CLOSE_SECONDS = 2


class Look(NamedTuple):
    """A request to look at this pipeline."""

    pipeline: str


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class _Detail(_Part):
    pipeline: str = Field(pattern=PIPELINE_PATTERN, max_length=PIPELINE_LENGTH)


class _Message(_Part):
    source: Literal["dropforge"]
    detail_type: Literal["Look"] = Field(alias="detail-type")
    detail: _Detail


def read_look(document: Any) -> Look:
    """Read the message.

    Raises:
        InvalidInputError: it names no pipeline.
    """
    try:
        return Look(_Message.model_validate(document).detail.pipeline)
    except ValidationError as err:
        raise InvalidInputError("No request to look at a pipeline: it names none.") from err


@dataclass(frozen=True, kw_only=True)
class Looks:
    """Asks the trigger to look at pipelines of one stack; only for the holder of the lock."""

    ledger: Ledger
    clients: Clients
    queue: str
    now: Callable[[], datetime]

    def ask(self, pipeline: str, moment: datetime) -> None:
        """See to it that somebody looks at this moment, or before it and then asks again."""
        now = self.now().timestamp()
        if now + _CLOSE_SECONDS < self.ledger.look_at(pipeline) <= math.ceil(moment.timestamp()):
            return
        delay = min(_LONGEST_DELAY, max(1, math.ceil(moment.timestamp() - now)))
        detail = {"pipeline": pipeline}
        body = {"source": "dropforge", "detail-type": DETAIL_TYPE, "detail": detail}
        self.clients.sqs.send_message(
            QueueUrl=self.queue, MessageBody=json.dumps(body), DelaySeconds=delay
        )
        # Only now: what the ledger says has been asked for.
        self.ledger.put_look(pipeline, math.ceil(now + delay))
