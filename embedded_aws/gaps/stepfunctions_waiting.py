"""Gap (moto 5.2.5): what waits in an execution is not woken when the execution ends.

A stopped or timed-out execution stays RUNNING until its task returns, for ever when it waits for a
task token; a retry's pause cannot be interrupted; and an error seen after the stop turns ABORTED
into FAILED. A Wait state reads its UTC timestamp as local time.
"""

import contextlib
import datetime as dt
import threading
from collections.abc import Iterator
from typing import Any

from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.program.program import Program
from moto.stepfunctions.parser.asl.component.state.wait.wait_function import (
    timestamp,
    wait_function,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.program_state import (
    ProgramEnded,
    ProgramError,
    ProgramRunning,
    ProgramStopped,
    ProgramTimedOut,
)

_init = Environment.__init__
_LAST_WORDS_SECONDS = 5.0


@contextlib.contextmanager
def waking(env: Any, event: threading.Event) -> Iterator[None]:
    """Have `event` set when `env` (an execution, or one attempt of a task in it) stops running."""
    with env._state_mutex:  # noqa: SLF001
        env.wakers.add(event)
    if not env.is_running():
        event.set()
    try:
        yield
    finally:
        with env._state_mutex:  # noqa: SLF001
            env.wakers.discard(event)


def pause(env: Any, seconds: float) -> None:
    """Wait that long, or until `env` stops running."""
    event = threading.Event()
    with waking(env, event):
        event.wait(seconds)


def _init_with_wakers(self: Any, *args: Any, **kwargs: Any) -> None:
    self.wakers = set()
    _init(self, *args, **kwargs)


def _leave_running(env: Any, state: Any) -> None:
    """End `env` and its frames once; a later end does not change the first."""
    with env._state_mutex:  # noqa: SLF001
        if isinstance(env._program_state, ProgramRunning):  # noqa: SLF001
            env._program_state = state  # noqa: SLF001
            for frame in tuple(env._frames):  # noqa: SLF001
                _leave_running(frame, state)
        for event in env.wakers:
            event.set()


def _set_ended(self: Any) -> None:
    _leave_running(self, ProgramEnded())


def _set_error(self: Any, error: Any) -> None:
    _leave_running(self, ProgramError(error=error))


def _set_timed_out(self: Any) -> None:
    _leave_running(self, ProgramTimedOut())


def _set_stop(self: Any, stop_date: Any, cause: str | None, error: str | None) -> None:
    _leave_running(self, ProgramStopped(stop_date=stop_date, cause=cause, error=error))


def _run_program(self: Any, env: Any) -> None:
    """Run a machine or a branch; one that times out still writes its last event."""
    env.next_state_name = self.start_at.start_at_name
    worker = threading.Thread(target=EvalComponent.eval, args=(self, env), daemon=True)
    worker.start()
    worker.join(self.timeout_seconds.timeout_seconds if self.timeout_seconds else None)
    if worker.is_alive():
        env.set_timed_out()
        worker.join(_LAST_WORDS_SECONDS)


def _retry_after_pause(self: Any, env: Any) -> None:
    self.error_equals.eval(env)
    if not env.stack.pop():
        env.stack.append(retrier_decl.RetrierOutcome.Skipped)
        return
    self.max_attempts.eval(env=env)
    if env.stack.pop() == retrier_decl.MaxAttemptsOutcome.EXHAUSTED:
        env.stack.append(retrier_decl.RetrierOutcome.Failed)
        return
    for part in (
        self.interval_seconds,
        self.backoff_rate,
        self.max_delay_seconds,
        self.jitter_strategy,
    ):
        part.eval(env=env)
    pause(env, env.stack.pop())
    env.stack.append(retrier_decl.RetrierOutcome.Executed)


def _wait_interval(self: Any, env: Any, wait_seconds: float) -> None:
    del self
    pause(env, max(wait_seconds, 0))


def _moment(text: str) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo and "T" in text else None


def _seconds_until(self: Any, env: Any) -> float:
    self.string.eval(env=env)
    text = env.stack.pop()
    moment = _moment(text)
    if moment is None:
        raise timestamp.FailureEventException(self._create_failure_event(env, text))
    return (moment - dt.datetime.now(dt.UTC)).total_seconds()


def apply() -> None:
    """Wake every wait at the end of its execution."""
    Environment.__init__ = _init_with_wakers
    Environment.set_ended = _set_ended
    Environment.set_error = _set_error
    Environment.set_timed_out = _set_timed_out
    Environment.set_stop = _set_stop
    Program.eval = _run_program
    retrier_decl.RetrierDecl._eval_body = _retry_after_pause  # noqa: SLF001
    wait_function.WaitFunction._wait_interval = _wait_interval  # noqa: SLF001
    timestamp.Timestamp._from_timestamp_string = staticmethod(_moment)  # noqa: SLF001
    timestamp.Timestamp._get_wait_seconds = _seconds_until  # noqa: SLF001
