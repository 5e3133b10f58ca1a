from typing import Any

import pytest
from dropforge_core.contracts import FailedPreparation, RestoredInputs, StepError
from dropforge_core.input_restoring import restore
from dropforge_core.run_inputs import RunInputs

from tests.unit.dropforge_core.stack import DATA_BUCKET, Stack, a_stack

ARTIFACTS = "artifacts"
FAILED = StepError(step="Prepare", error="States.TaskFailed")


class Died(BaseException):
    """A process that ends at once: no handler for errors sees it."""


class Killer:
    """Kills whoever makes a stack's calls, at the call of a number, before or after its effect."""

    def __init__(self, stack: Stack, when: str, number: int) -> None:
        """Listen to every call."""
        self.left = number
        for client in (stack.clients.s3, stack.clients.dynamodb):
            client.meta.events.register(when, self._count)

    def _count(self, **_: Any) -> None:
        self.left -= 1
        if self.left == 0:
            raise Died


def outcome(stack: Stack, answer: RestoredInputs, run_id: str) -> Any:
    """Gather all that is left of a restoring, but for what the run is called."""
    run = stack.ledger.run(run_id)
    assert run is not None
    reads = {
        one["path"]: stack.clients.s3.get_object(Bucket=DATA_BUCKET, Key=one["path"])["Body"].read()
        for one in stack.document(run)["objects"]
    }
    found = stack.clients.s3.list_objects_v2(Bucket=ARTIFACTS).get("Contents", [])
    told = (answer.dump(), run.data, reads, stack.fates(), found)
    return str(told).replace(run_id, "RUN")


def restored(when: str = "", number: int = 0) -> tuple[Any, bool]:
    """Restore what one run is to read, killed once; say what came of it, and whether it was."""
    with a_stack() as stack:
        stack.clients.s3.create_bucket(Bucket=ARTIFACTS)
        stack.publish()
        replaced, gone, _ = [stack.drop(f"{name}.csv", f"old {name}") for name in "abc"]
        (run,) = stack.starter().start_waiting("iris")
        stack.clients.s3.put_object(Bucket=DATA_BUCKET, Key=replaced.key, Body=b"newer")
        stack.clients.s3.delete_object(Bucket=DATA_BUCKET, Key=gone.key, VersionId=gone.version_id)
        left = f"runs/{run.run_id}/preprocess/train/part.csv"
        stack.clients.s3.put_object(Bucket=ARTIFACTS, Key=left, Body=b"of the job that failed")
        inputs = RunInputs(ledger=stack.ledger, clients=stack.clients, bucket=DATA_BUCKET)
        given = FailedPreparation(run_id=run.run_id, data=run.run_data, round=1, error=FAILED)
        was_killed = False
        if when:
            killer = Killer(stack, when, number)
            try:
                restore(inputs, given, ARTIFACTS)
            except Died:
                was_killed = True
            killer.left = -1
        return outcome(stack, restore(inputs, given, ARTIFACTS), run.run_id), was_killed


@pytest.mark.parametrize("when", ["before-call", "after-call"])
def test_it_can_be_killed_at_every_call(when: str) -> None:
    """Before or after the call's effect: whoever tries again comes to the same answer."""
    expected, _ = restored()
    assert "'restored': 1, 'lost': 1" in expected
    number = 1
    while True:
        seen, was_killed = restored(when, number)
        assert seen == expected, f"killed {when} number {number}"
        if not was_killed:
            break
        number += 1
    assert number > 10
