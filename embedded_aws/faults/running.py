"""Faults that strike what runs: as soon as both are there, or so many seconds later."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from embedded_aws.faults.book import Faults, Pending
from embedded_aws.faults.documents import EndpointFault, FunctionFault, JobFault


@dataclass(eq=False)
class _Victim[F: EndpointFault | FunctionFault | JobFault]:
    """Something that runs; a fault that is due strikes it once."""

    is_meant: Callable[[F], bool]
    suffer: Callable[[F], None]
    lock: threading.Lock = field(default_factory=threading.Lock)
    met: list[F] = field(default_factory=list)
    timer: threading.Timer | None = None
    is_over: bool = False

    def meets(self, fault: F) -> bool:
        """Say whether a fault means it; only once, since `after` counts what a fault has met."""
        if any(fault is one for one in self.met) or not self.is_meant(fault):
            return False
        self.met.append(fault)
        return True


class Running[F: EndpointFault | FunctionFault | JobFault]:
    """All that runs and that faults of one kind may strike; thread safe."""

    def __init__(self, faults: Faults, kind: type[F]) -> None:
        """Hear of new faults from now on."""
        self._faults = faults
        self._kind = kind
        self._victims: list[_Victim[F]] = []
        faults.added.append(self._look)

    @contextmanager
    def watch(self, is_meant: Callable[[F], bool], suffer: Callable[[F], None]) -> Iterator[None]:
        """Let a fault that `is_meant` strike by `suffer`, while the context lasts."""
        victim = _Victim(is_meant, suffer)
        self._victims.append(victim)
        try:
            self._aim(victim)
            yield
        finally:
            self._victims.remove(victim)
            with victim.lock:
                victim.is_over = True
                if victim.timer:
                    victim.timer.cancel()

    def _look(self) -> None:
        for victim in tuple(self._victims):
            self._aim(victim)

    def _aim(self, victim: _Victim[F]) -> None:
        """Strike now, or set a timer, when a fault is due."""
        with victim.lock:
            if victim.timer or victim.is_over:
                return
            pending = self._faults.find(self._kind, victim.meets)
            if pending is None:
                return
            if pending.fault.seconds:
                timer = threading.Timer(pending.fault.seconds, self._strike, (victim, pending))
                timer.daemon = True
                timer.start()
                victim.timer = timer
                return
        self._strike(victim, pending)

    def _strike(self, victim: _Victim[F], pending: Pending[F]) -> None:
        with victim.lock:
            victim.timer = None
            if victim.is_over:
                return
            if self._faults.strike(pending):
                victim.is_over = True
                victim.suffer(pending.fault)
                return
        # The fault was forgotten, or used up on something else.
        self._aim(victim)
