"""Gap (moto 5.2.5): nobody is told when an execution starts or ends.

An execution can also be asked for, stopped or sent a task token before its environment exists,
which crashes; a failure to set it up leaves it RUNNING for ever; and the error and cause that an
execution was stopped with are lost.
"""

import datetime as dt
import logging
import threading
from collections.abc import Callable
from typing import Any

from moto.stepfunctions.parser.api import ExecutionStatus, HistoryEventType
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.eval.program_state import (
    ProgramError,
    ProgramStopped,
    ProgramTimedOut,
)
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str
from moto.stepfunctions.parser.backend import execution, execution_worker

_LOG = logging.getLogger(__name__)
_Comm = execution.BaseExecutionWorkerCommunication

# Each is called with moto's execution, in the thread that runs it, after its status changed.
listeners: list[Callable[[Any], None]] = []


def _tell(changed: Any) -> None:
    for listener in tuple(listeners):
        try:
            listener(changed)
        except Exception:  # noqa: BLE001 - logged; the execution goes on
            _LOG.exception("A listener to executions failed")


def _start(self: Any) -> None:
    """Set everything up in the caller's thread, then run."""
    self.env = self._get_evaluation_environment()
    program = self._get_evaluation_entrypoint()
    threading.Thread(target=_run, args=(self, program), daemon=True).start()


def _run(worker: Any, program: Any) -> None:
    # The worker knows its execution only through the object that it tells the end to.
    running = worker._execution_communication.execution  # noqa: SLF001
    _tell(running)
    worker.env.event_manager.add_event(
        context=worker.env.event_history_context,
        event_type=HistoryEventType.ExecutionStarted,
        event_details=EventDetails(
            executionStartedEventDetails={
                "input": to_json_str(running.input_data, separators=(",", ":")),
                "inputDetails": {"truncated": False},
                "roleArn": running.role_arn,
            }
        ),
        update_source_event_id=False,
    )
    try:
        program.eval(worker.env)
    except Exception as err:  # noqa: BLE001 - logged; the execution fails
        _LOG.exception("The interpreter failed")
        worker.env.set_error({"error": "States.Runtime", "cause": f"{type(err).__name__}: {err}"})
    worker._execution_communication.terminated()  # noqa: SLF001


def _terminated(self: Any) -> None:
    ended = self.execution
    state = ended.exec_worker.env.program_state()
    if isinstance(state, ProgramStopped):
        status, ended.error, ended.cause = "ABORTED", state.error, state.cause
    elif isinstance(state, ProgramError):
        status = "FAILED"
        ended.error, ended.cause = state.error.get("error"), state.error.get("cause")
    elif isinstance(state, ProgramTimedOut):
        status = "TIMED_OUT"
    else:
        status, ended.output = "SUCCEEDED", ended.exec_worker.env.states.get_input()
    ended.stop_date = dt.datetime.now(dt.UTC)
    ended.exec_status = ExecutionStatus(status)  # last: who sees it finds the rest
    _tell(ended)


def is_over(asked: Any) -> bool:
    """Whether moto's execution has ended."""
    return asked.exec_status not in (None, ExecutionStatus.RUNNING)


def apply() -> None:
    """Tell `listeners` of every change of status."""
    execution_worker.ExecutionWorker.start = _start
    _Comm.terminated = _terminated
