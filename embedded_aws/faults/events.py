"""Faults of events: what EventBridge delivers is dropped, late, doubled or out of order."""

import json
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from embedded_aws.faults.book import Faults, Pending
from embedded_aws.faults.documents import EventFault

_log = logging.getLogger(__name__)

type Send = Callable[[], None]


class EventFaults:
    """What becomes of deliveries; thread safe."""

    def __init__(self, faults: Faults) -> None:
        """Ask these; what is held is delivered when they are forgotten."""
        self._faults = faults
        faults.forgotten.append(self._release)
        self._lock = threading.Lock()
        self._held: dict[Pending[EventFault], list[Send]] = {}

    def deliver(self, event: Mapping[str, Any], send: Send) -> None:
        """Deliver an event to one target by `send`, unless a fault has it otherwise."""
        struck = self._faults.take(EventFault, lambda fault: _is_meant(fault, event))
        if struck is None:
            send()
            return
        fault = struck.fault
        _log.info("the event %s is %s, as asked for", event.get("id"), fault.then)
        if fault.then == "delayed":
            _send_later(fault.seconds, send)
        elif fault.then == "duplicated":
            send()
            for _ in range(fault.copies):
                _send_later(fault.seconds, send)
        elif fault.then == "reordered":
            self._hold(struck, send)

    def _hold(self, struck: Pending[EventFault], send: Send) -> None:
        with self._lock:
            sends = self._held.setdefault(struck, [])
            sends.append(send)
            if len(sends) < struck.fault.times:
                return
            del self._held[struck]
        _send_reversed(sends)

    def _release(self) -> None:
        with self._lock:
            held = list(self._held.values())
            self._held.clear()
        for sends in held:
            _send_reversed(sends)


def _is_meant(fault: EventFault, event: Mapping[str, Any]) -> bool:
    return (
        fault.source in ("", event["source"])
        and fault.detail_type in ("", event["detail-type"])
        and (not fault.match or fault.match in json.dumps(event, ensure_ascii=False))
    )


def _send_later(seconds: float, send: Send) -> None:
    if not seconds:
        send()
        return
    timer = threading.Timer(seconds, send)
    timer.daemon = True
    timer.start()


def _send_reversed(sends: list[Send]) -> None:
    for send in reversed(sends):
        send()
