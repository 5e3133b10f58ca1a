"""The environments that live: reused when idle, limited in number, ended when long unused."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from embedded_aws.errors import AwsError
from embedded_aws.functions.environment import Environment, Platform
from embedded_aws.functions.records import FunctionRecord

# An account may run 1,000 invocations at once; each is a process, and this is one machine.
ACCOUNT_CONCURRENCY = 100
_IDLE_SECONDS = 300.0
_REAP_SECONDS = 30.0


class Pool:
    """Lends environments, each to one caller at a time; thread safe."""

    def __init__(self, platform: Platform) -> None:
        """Start empty."""
        self._platform = platform
        self._lock = threading.Lock()
        self._idle: list[tuple[float, Environment]] = []
        self._busy: Counter[str] = Counter()
        self._lent: set[Environment] = set()
        self._stopping = threading.Event()
        threading.Thread(target=self._reap, name="lambda-reaper", daemon=True).start()

    @contextmanager
    def lend(self, record: FunctionRecord, reserved: int | None) -> Iterator[Environment]:
        """An environment for the function: the one used last if one is idle, else a new one.

        Raises AwsError TooManyRequestsException when its concurrency, or the account's, is used up.
        """
        self._count(record.name, reserved)
        try:
            environment = self._take(record) or Environment(record, self._platform)
            with self._lock:
                self._lent.add(environment)
            try:
                yield environment
            finally:
                self._put_back(environment)
        finally:
            with self._lock:
                self._busy[record.name] -= 1

    def initialise(self, record: FunctionRecord) -> None:
        """Make an environment ahead of the first invocation, as Lambda does now and then."""
        environment = Environment(record, self._platform)
        environment.initialise()
        self._put_back(environment)

    def stop(self) -> None:
        """End all environments, also those that are lent."""
        with self._lock:
            self._stopping.set()
            environments = [*self._lent, *(environment for _, environment in self._idle)]
            self._idle.clear()
        for environment in environments:
            environment.stop()

    def _count(self, name: str, reserved: int | None) -> None:
        with self._lock:
            if self._stopping.is_set():
                raise AwsError("ServiceException", "the embedded AWS is stopping", 500)
            if reserved is not None and self._busy[name] >= reserved:
                raise _throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
            if self._busy.total() >= ACCOUNT_CONCURRENCY:
                raise _throttled("ConcurrentInvocationLimitExceeded")
            self._busy[name] += 1

    def _take(self, record: FunctionRecord) -> Environment | None:
        """The idle environment used last; those of an older version of the function are ended."""
        with self._lock:
            same_name = [item for item in self._idle if item[1].record.name == record.name]
            fitting = [item for item in same_name if item[1].record == record and item[1].usable]
            stale = [item for item in same_name if item not in fitting]
            taken = fitting[-1:]
            self._idle = [item for item in self._idle if item not in stale + taken]
        for _, environment in stale:
            environment.stop()
        return taken[0][1] if taken else None

    def _put_back(self, environment: Environment) -> None:
        with self._lock:
            self._lent.discard(environment)
            keep = environment.usable and not self._stopping.is_set()
            if keep:
                self._idle.append((time.monotonic(), environment))
        if not keep:
            environment.stop()

    def _reap(self) -> None:
        while not self._stopping.wait(_REAP_SECONDS):
            oldest = time.monotonic() - _IDLE_SECONDS
            with self._lock:
                old = [item for item in self._idle if item[0] < oldest]
                self._idle = [item for item in self._idle if item not in old]
            for _, environment in old:
                environment.stop()


def _throttled(reason: str) -> AwsError:
    return AwsError("TooManyRequestsException", f"Rate Exceeded. Reason: {reason}", 429)
