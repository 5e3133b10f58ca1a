"""`dropforge approve`: say yes or no to a model that waits for a person."""

from dataclasses import dataclass
from typing import Any

from dropforge import output
from dropforge.errors import InputError
from dropforge.runs import find_run
from dropforge.target import Target

# docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateModelPackage.html
_LONGEST_COMMENT = 1024


@dataclass(frozen=True)
class Decision:
    """What was decided of a run's model."""

    run_id: str
    model_package: str
    approved: bool

    def document(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        status = "Approved" if self.approved else "Rejected"
        return {"run_id": self.run_id, "model_package": self.model_package, "decision": status}

    def write(self) -> None:
        """Say what happens next."""
        word = "Approved" if self.approved else "Turned down"
        output.write_line(f"{word}: {self.model_package}")
        output.write_line(f"The run goes on: dropforge show {self.run_id}")


def approve(target: Target, run_id: str, *, approved: bool, comment: str | None) -> Decision:
    """Set the model package's status in the registry; its event, or a schedule, wakes the run.

    Raises:
        InputError: there is no such run, it does not wait, or the comment is too long.
    """
    if comment is not None and len(comment) > _LONGEST_COMMENT:
        raise InputError(f"--comment: {len(comment)} characters; at most {_LONGEST_COMMENT}.")
    run = find_run(target, run_id)
    wait = target.ledger.approval(run.pipeline)
    if run.status != "WAITING_FOR_APPROVAL" or wait is None or wait.run_id != run_id:
        raise InputError(f"Run {run_id} does not wait for approval: it is {run.status}.")
    target.client("sagemaker").update_model_package(
        ModelPackageArn=wait.model_package,
        ModelApprovalStatus="Approved" if approved else "Rejected",
        # Empty rather than absent: a comment of an earlier decision must not stay.
        ApprovalDescription=comment or "",
    )
    return Decision(run_id, wait.model_package, approved)
