"""The faults that are still to come."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from embedded_aws.faults import documents
from embedded_aws.faults.documents import Fault


@dataclass(eq=False)
class Pending[F: Fault]:
    """A fault, how many are to pass before it strikes, and how often it still does."""

    fault: F
    after: int
    times: int


class Faults:
    """The faults still to come, oldest first; thread safe. The first that is meant strikes."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._pending: list[Pending[Fault]] = []
        # Called, in the thread of who does it, when a fault was added, or all were forgotten.
        self.added: list[Callable[[], None]] = []
        self.forgotten: list[Callable[[], None]] = []

    def add(self, document: Any) -> None:
        """Add a fault; raises AwsError for a document that is none."""
        fault = documents.read(document)
        with self._lock:
            self._pending.append(Pending(fault, fault.after, fault.times))
        for listener in self.added:
            listener()

    def pending(self) -> list[dict[str, Any]]:
        """List the faults as documents; each is listed until it has struck for the last time."""
        with self._lock:
            return [
                documents.write(one.fault, after=one.after, times=one.times)
                for one in self._pending
            ]

    def clear(self) -> None:
        """Forget them all."""
        with self._lock:
            self._pending.clear()
        for listener in self.forgotten:
            listener()

    def take[F: Fault](self, kind: type[F], is_meant: Callable[[F], bool]) -> Pending[F] | None:
        """Find the fault that strikes now what `is_meant` tells of, and count that it did."""
        with self._lock:
            found = self._find(kind, is_meant)
            if found:
                self._count(found)
            return found

    def find[F: Fault](self, kind: type[F], is_meant: Callable[[F], bool]) -> Pending[F] | None:
        """Find the fault that is going to strike what has just begun; `strike` does."""
        with self._lock:
            return self._find(kind, is_meant)

    def strike[F: Fault](self, pending: Pending[F]) -> bool:
        """Count that a fault strikes; False when it does no more."""
        with self._lock:
            if pending not in self._pending:
                return False
            self._count(pending)
            return True

    def _find[F: Fault](self, kind: type[F], is_meant: Callable[[F], bool]) -> Pending[F] | None:
        for pending in self._pending:
            if not isinstance(pending.fault, kind) or not is_meant(pending.fault):
                continue
            if not pending.after:
                return cast("Pending[F]", pending)
            pending.after -= 1
        return None

    def _count[F: Fault](self, pending: Pending[F]) -> None:
        pending.times -= 1
        if not pending.times:
            self._pending.remove(cast("Pending[Fault]", pending))
