"""Single flight: the pipeline's lock, and the execution of the run that gets it.

The steps of every start, of new data and of a rollback alike: STARTING, the run is recorded in the
lock, StartExecution, RUNNING. `starting.py` says why they may be repeated.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError

from dropforge_core.aws_errors import error_code
from dropforge_core.locking import take_lock
from dropforge_core.times import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mypy_boto3_stepfunctions import SFNClient

    from dropforge_core.ledger import Ledger
    from dropforge_core.records import Lock, Run


class HasStepFunctions(Protocol):
    """Whoever has the client: the functions' clients, or the tool's target."""

    @property
    def stepfunctions(self) -> SFNClient:
        """Step Functions' client, made when it is first asked for."""


@dataclass(frozen=True, kw_only=True)
class Flight:
    """Takes pipelines' locks and launches runs in one stack."""

    ledger: Ledger
    clients: HasStepFunctions
    state_machine: str
    now: Callable[[], datetime] = utc_now
    pause: Callable[[float], None] = time.sleep

    def acquire(self, pipeline: str) -> Lock | None:
        """Take the lock; None when a run is going, whose end looks for what waits.

        A lock that names a run was a dead starter's: `resume` it.

        Raises:
            ServiceUnavailableError: another starter keeps the lock; ask again later.
        """
        return take_lock(self.ledger, pipeline, self.now, self.pause)

    def renew(self, lock: Lock) -> None:
        """Hold on to a lock, so that nobody takes its holder for dead.

        Raises:
            ConditionFailedError: the lock was lost.
        """
        self.ledger.renew(lock, self._moment())

    def recorded(self, lock: Lock) -> Run | None:
        """Return the run that a dead starter had recorded; without one the lock is given back."""
        run = self.ledger.run(lock.run_id)
        if run is None or run.status != "RUNNING":
            self.ledger.release(lock)
            return None
        return run

    def launch(self, lock: Lock, run: Run, execution_input: str) -> Run:
        """Start a recorded run's execution and let the run have the lock."""
        self.start(run, execution_input)
        self.ledger.hand_to_run(lock, run.run_id)
        return run

    def start(self, run: Run, execution_input: str) -> None:
        """Start a run's execution; one of its name is this run's, and was started before."""
        try:
            self.clients.stepfunctions.start_execution(
                stateMachineArn=self.state_machine,
                name=execution_name(run.run_id, run.attempt),
                input=execution_input,
            )
        except ClientError as err:
            if error_code(err) != "ExecutionAlreadyExists":
                raise

    def execution(self, run_id: str, attempt: int) -> str:
        """Return the ARN that a run's execution has, or will have."""
        executions = self.state_machine.replace(":stateMachine:", ":execution:")
        return f"{executions}:{execution_name(run_id, attempt)}"

    def _moment(self) -> int:
        return int(self.now().timestamp())


def execution_name(run_id: str, attempt: int) -> str:
    """Return the name of a run's execution; AWS starts none twice."""
    return f"{run_id}-{attempt}"
