"""Gap (moto 5.2.5): no "Step Functions Execution Status Change" event is sent."""

import json
import logging
import queue
import threading
from collections.abc import Callable
from typing import Any

from embedded_aws.gaps import stepfunctions_status as status

_LOG = logging.getLogger(__name__)
_DETAIL_TYPE = "Step Functions Execution Status Change"

type Emit = Callable[[str, str, dict[str, Any], list[str]], None]


def detail(changed: Any) -> dict[str, Any]:
    """Give the event's detail for moto's execution, as EventBridge shows it; dates in ms."""
    output = changed.output if changed.status == "SUCCEEDED" else None
    return {
        "executionArn": changed.exec_arn,
        "stateMachineArn": changed.state_machine_arn,
        "name": changed.name,
        "status": changed.status,
        "startDate": int(changed.start_date.timestamp() * 1000),
        "stopDate": int(changed.stop_date.timestamp() * 1000) if changed.stop_date else None,
        "input": changed.execution_input,
        "output": json.dumps(output, ensure_ascii=False) if changed.status == "SUCCEEDED" else None,
        "stateMachineVersionArn": None,
        "stateMachineAliasArn": None,
        "redriveCount": 0,
        "redriveDate": None,
        "redriveStatus": "NOT_REDRIVABLE",
        "redriveStatusReason": "The embedded AWS does not redrive executions",
        "inputDetails": {"included": True},
        "outputDetails": {"included": True} if changed.status == "SUCCEEDED" else None,
        "error": changed.error,
        "cause": changed.cause,
    }


class _Sender:
    """Sends events one after the other, so that a slow target delays no execution."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._send, daemon=True, name="execution-events").start()

    def __call__(self, changed: Any) -> None:
        self._waiting.put(detail(changed))

    def _send(self) -> None:
        while True:
            event = self._waiting.get()
            try:
                self._emit("aws.states", _DETAIL_TYPE, event, [event["executionArn"]])
            except Exception:  # noqa: BLE001 - logged; the next event is still sent
                _LOG.exception("An execution's event could not be sent")


def apply(emit: Emit) -> None:
    """Send each change of status with `emit(source, detail_type, detail, resources)`."""
    status.listeners.append(_Sender(emit))
