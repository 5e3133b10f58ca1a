"""Faults of calls: refused, cut off or answered late, before or after they have had their effect.

Every call over HTTP comes by here: those of boto3 in functions, jobs, tools and tests, those that
Step Functions makes for its tasks, and Slack's webhook. What AWS does inside does not: EventBridge
and SNS deliver, queues feed functions, and SageMaker's platform changes statuses without a call.
"""

import time
from collections.abc import Callable

from werkzeug.wrappers import Response

from embedded_aws.errors import AwsError, HangUpError
from embedded_aws.faults.book import Faults
from embedded_aws.faults.documents import CallFault
from embedded_aws.operations import Call


class CallFaults:
    """What becomes of calls."""

    def __init__(self, faults: Faults) -> None:
        """Ask these."""
        self._faults = faults

    def answer(
        self, call: Call, act: Callable[[], Response], refuse: Callable[[AwsError], Response]
    ) -> Response:
        """Answer a call by `act`, unless a fault has it otherwise; raises HangUpError for none."""
        struck = self._faults.take(CallFault, lambda fault: _is_meant(fault, call))
        return _suffer(struck.fault, act, refuse) if struck else act()


def _is_meant(fault: CallFault, call: Call) -> bool:
    return (
        (fault.service, fault.operation) == (call.service, call.operation)
        and fault.by in call.caller
        and (not fault.match or fault.match in call.text())
    )


def _suffer(
    fault: CallFault, act: Callable[[], Response], refuse: Callable[[AwsError], Response]
) -> Response:
    lost = act() if fault.happens else None
    time.sleep(fault.seconds)
    if fault.breaks:
        raise HangUpError
    if fault.code:
        answer = refuse(AwsError(fault.code, fault.message, fault.status))
        answer.headers.update(fault.headers)
        return answer
    return act() if lost is None else lost
