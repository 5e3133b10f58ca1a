"""The wait of a judged model for a person: a task token, answered once somebody has decided.

The model package's status in the registry decides, whoever changed it: ``dropforge approve``, the
console, any script. Its event is best effort, so the status is also read on a schedule, when the
wait begins, and when a run ends. While a model waits its pipeline is free: a newer run that is
deployed, or that waits itself, supersedes it; an approved one first has to hold the pipeline again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from dropforge_core.aws_errors import error_code
from dropforge_core.contracts import ApprovalAnswer, ApprovalDecision
from dropforge_core.failures import shortened
from dropforge_core.locking import take_back_lock
from dropforge_core.records import Approval
from dropforge_core.times import iso, utc_now

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from dropforge_core.clients import Clients
    from dropforge_core.contracts import ApprovalWait
    from dropforge_core.ledger import Ledger
    from dropforge_core.starting import Starter

# The longest wait that pipeline.yaml may ask for has ended by then.
_KEPT = timedelta(days=30)
_LATE = {"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"}
_GONE = "does not exist"
_COMMENT = 300
# What whoever decides wants to see of a run that waits.
_SHOWN = ("metrics", "champion_metrics", "comparison", "reason")


@dataclass(frozen=True, kw_only=True)
class Approvals:
    """The models of one stack that wait for a person; one a pipeline, the newest."""

    ledger: Ledger
    clients: Clients
    starter: Starter
    now: Callable[[], datetime] = utc_now

    def begin(self, wait: ApprovalWait) -> ApprovalAnswer:
        """Let the pipeline go, keep the token, and look at once: it may be decided already.

        In this order: whoever finds the token takes the pipeline back, which must stay so, and who
        sees that the run waits may decide. Data that came during the run starts the next one now.
        Each step may be repeated.
        """
        now = self.now()
        mine = Approval(
            pipeline=wait.pipeline,
            run_id=wait.run_id,
            model_package=wait.model_package,
            task_token=wait.task_token,
            asked_at=iso(now),
            expires_at=int((now + _KEPT).timestamp()),
        )
        self.ledger.release_run(wait.pipeline, wait.run_id)
        other = self.ledger.approval(wait.pipeline)
        if not self.ledger.put_approval(mine):
            self._answer(mine, _superseded(other.run_id if other else "a newer run"))
        elif other is not None and other.run_id != mine.run_id:
            self._answer(other, _superseded(mine.run_id))
        if self.ledger.approval(wait.pipeline) == mine:
            shown = {name: wait.news[name] for name in _SHOWN if name in wait.news}
            waiting = {"status": "WAITING_FOR_APPROVAL", "model_package": wait.model_package}
            self.ledger.change_run(wait.run_id, shown | waiting)
        answer = self.look(wait.pipeline)
        self.starter.start_waiting(wait.pipeline)
        return answer

    def look(self, pipeline: str) -> ApprovalAnswer:
        """Answer the run that waits, if somebody has decided and, to go on, its pipeline is free.

        Raises:
            botocore.exceptions.ClientError: the registry, the ledger or Step Functions refused.
            ServiceUnavailableError: a starter keeps the pipeline; ask again later.
        """
        wait = self.ledger.approval(pipeline)
        if wait is None:
            return ApprovalAnswer()
        decision = self._decision(wait)
        if decision is None or (decision.decision == "APPROVED" and not self._go_on(wait)):
            return ApprovalAnswer(waiting=(wait.run_id,))
        return ApprovalAnswer(answered=(wait.run_id,) if self._answer(wait, decision) else ())

    def look_at(self, model_package: str) -> ApprovalAnswer:
        """Look at the run that waits for this package's approval, if one does."""
        for wait in self.ledger.approvals():
            if wait.model_package == model_package:
                return self.look(wait.pipeline)
        return ApprovalAnswer()

    def supersede(self, pipeline: str, newer: str) -> None:
        """Turn down a run that waits when a newer run has been deployed."""
        wait = self.ledger.approval(pipeline)
        if wait is not None and wait.run_id < newer:
            self._answer(wait, _superseded(newer))

    def _decision(self, wait: Approval) -> ApprovalDecision | None:
        """Read what the registry says; None while nobody has decided."""
        try:
            package = self.clients.sagemaker.describe_model_package(
                ModelPackageName=wait.model_package
            )
        except ClientError as err:
            if error_code(err) != "ValidationException" or _GONE not in str(err):
                raise
            reason = "Its model package was deleted while it waited for approval."
            return ApprovalDecision(decision="REJECTED", reason=reason)
        comment = _comment(package.get("ApprovalDescription", ""))
        status = package["ModelApprovalStatus"]
        if status == "Approved":
            return ApprovalDecision(decision="APPROVED", reason=f"A person approved it{comment}.")
        if status == "Rejected":
            reason = f"A person turned the model down{comment}."
            return ApprovalDecision(decision="REJECTED", reason=reason)
        return None

    def _go_on(self, wait: Approval) -> bool:
        """Let the run hold its pipeline again; while another run has it, that one's end looks."""
        pause = self.starter.pause
        if not take_back_lock(self.ledger, wait.pipeline, wait.run_id, self.now, pause):
            return False
        self.ledger.change_run(wait.run_id, {"status": "RUNNING"})
        return True

    def _answer(self, wait: Approval, decision: ApprovalDecision) -> bool:
        """Send the decision; False when the machine waits no longer."""
        answered = True
        try:
            self.clients.stepfunctions.send_task_success(
                taskToken=wait.task_token, output=json.dumps(decision.dump())
            )
        except ClientError as err:
            if error_code(err) not in _LATE:
                raise
            answered = False
            if decision.decision == "APPROVED":
                self.ledger.release_run(wait.pipeline, wait.run_id)
        self.ledger.delete_approval(wait.pipeline, wait.run_id)
        return answered


def _superseded(newer: str) -> ApprovalDecision:
    reason = f"It was superseded by {newer} while it waited for approval."
    return ApprovalDecision(decision="SUPERSEDED", reason=reason)


def _comment(text: str) -> str:
    """Put what a person wrote on one line."""
    said = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return f": {shortened(said, _COMMENT).rstrip('.')}" if said else ""
