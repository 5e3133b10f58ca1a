"""Invocations that take one AWS call at a time, so that a test decides who goes on and who dies."""

import threading
from collections.abc import Callable
from enum import Enum
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ReadTimeoutError

_WAIT_SECONDS = 60.0


class Strike(Enum):
    """What happens to an invocation at its next AWS call."""

    DIE_BEFORE = "it dies, and the call is never made"
    DIE_AFTER = "the call has its effect, and it dies"
    THROTTLE = "AWS refuses the call, tries of the SDK included"
    LOSE_ANSWER = "the call has its effect, and the answer is lost"


class Died(BaseException):
    """The process is gone."""


class Process:
    """One invocation of a handler in a thread of its own, which stops before each AWS call."""

    def __init__(self, kind: str, work: Callable[[], Any], began: float, timeout: float) -> None:
        """Stop before the first step; ``began`` and ``timeout`` in seconds of the played clock."""
        self.kind = kind
        self.must_end_at = began + timeout
        self.answer: Any = None
        self.error: BaseException | None = None
        self.is_over = False
        self._work = work
        self._strike: Strike | None = None
        self._go = threading.Semaphore(0)
        self._stopped = threading.Semaphore(0)
        threading.Thread(target=self._run, daemon=True).start()

    def step(self, strike: Strike | None = None) -> None:
        """Let it make the call before which it stopped, and go on to the next, or to its end."""
        self._strike = strike
        self._go.release()
        assert self._stopped.acquire(timeout=_WAIT_SECONDS), f"{self.kind} hangs"

    def stop(self) -> Strike | None:
        """Wait, in its thread, until the test lets it go on."""
        self._stopped.release()
        self._go.acquire()
        strike, self._strike = self._strike, None
        return strike

    def _run(self) -> None:
        self._go.acquire()
        _here.process = self
        try:
            self.answer = self._work()
        except BaseException as err:  # noqa: BLE001 - the test looks at it
            self.error = err
        finally:
            self.is_over = True
            self._stopped.release()


_here = threading.local()


def before_call(operation: str) -> Any:
    """Stop before an AWS call; return what it is refused with, if it is."""
    process: Process | None = getattr(_here, "process", None)
    if process is None:
        return None
    strike = process.stop()
    _here.after = strike
    if strike is Strike.DIE_BEFORE:
        raise Died
    if strike is Strike.THROTTLE:
        error = {"Code": "ThrottlingException", "Message": f"{operation}: rate exceeded"}
        return SimpleNamespace(status_code=400), {"Error": error, "ResponseMetadata": {}}
    return None


def after_call(**_: Any) -> None:
    """Let a process die, or lose its answer, after an AWS call."""
    strike: Strike | None = getattr(_here, "after", None)
    _here.after = None
    if strike is Strike.DIE_AFTER:
        raise Died
    if strike is Strike.LOSE_ANSWER:
        raise ReadTimeoutError(endpoint_url="aws")
