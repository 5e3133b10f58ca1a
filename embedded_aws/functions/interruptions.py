"""Faults of functions: an invocation is killed, or times out, in mid-flight.

An environment signs its calls with an access key id of its own, so that the door can tell whose
each call is, and the process can be killed before or after the call has its effect.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from embedded_aws.errors import HangUpError
from embedded_aws.faults import Faults, FunctionFault
from embedded_aws.faults.running import Running
from embedded_aws.functions.process import RuntimeProcess
from embedded_aws.functions.runtime_api import TimedOut
from embedded_aws.operations import Call


@dataclass(eq=False)
class Flight:
    """One invocation that is going on."""

    caller: str  # the access key id
    function: str
    payload: bytes
    process: RuntimeProcess
    calls: list[tuple[str, str | None]] = field(default_factory=list)  # service, operation

    def is_meant(self, fault: FunctionFault) -> bool:
        """Say whether a fault is for this function and this payload."""
        return fault.function in self.function and fault.match.encode() in self.payload

    def counts(self, fault: FunctionFault, number: int) -> int:
        """Count a call among those that a fault counts; 0 when it is none of them."""
        counted = [
            fault.service in ("", service) and fault.operation in ("", operation)
            for service, operation in self.calls[:number]
        ]
        return sum(counted) if counted[-1] else 0

    def interrupt(self, fault: FunctionFault) -> None:
        """End it; a timeout is told at once, rather than when the time is over."""
        self.process.kill(TimedOut() if fault.then == "timed_out" else None)


class Interruptions:
    """The invocations that are going on, and the faults that interrupt them; thread safe."""

    def __init__(self, faults: Faults) -> None:
        """Ask these."""
        self._faults = faults
        self._timed = Running(faults, FunctionFault)
        self._lock = threading.Lock()
        self._flights: dict[str, Flight] = {}

    @contextmanager
    def watch(self, flight: Flight) -> Iterator[None]:
        """Let faults interrupt an invocation while the context lasts."""
        with self._lock:
            self._flights[flight.caller] = flight
        try:
            with self._timed.watch(lambda fault: _is_timed(fault, flight), flight.interrupt):
                yield
        finally:
            with self._lock:
                del self._flights[flight.caller]

    @contextmanager
    def calling(self, call: Call) -> Iterator[None]:
        """Surround a call; raises HangUpError when it interrupts the invocation that makes it."""
        with self._lock:
            flight = self._flights.get(call.caller)
            if flight:
                flight.calls.append((call.service, call.operation))
                number = len(flight.calls)
        if flight is None:
            yield
            return
        self._interrupt_at(flight, number, happened=False)
        yield
        self._interrupt_at(flight, number, happened=True)

    def _interrupt_at(self, flight: Flight, number: int, *, happened: bool) -> None:
        def is_meant(fault: FunctionFault) -> bool:
            return (
                fault.seconds is None
                and fault.happens == happened
                and flight.is_meant(fault)
                and flight.counts(fault, number) == fault.call
            )

        struck = self._faults.take(FunctionFault, is_meant)
        if struck:
            flight.interrupt(struck.fault)
            raise HangUpError


def _is_timed(fault: FunctionFault, flight: Flight) -> bool:
    return fault.seconds is not None and flight.is_meant(fault)
