from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from dropforge_core.approvals import Approvals
from dropforge_core.contracts import ApprovalWait
from dropforge_core.errors import ServiceUnavailableError
from dropforge_core.records import Approval, Run

from tests.unit.dropforge_core.stack import Stack

PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/dropforge-iris/7"
GONE = f"ModelPackage {PACKAGE} does not exist."


def approvals(stack: Stack) -> Approvals:
    """The approvals of a stack."""
    return Approvals(
        ledger=stack.ledger, clients=stack.clients, starter=stack.starter(), now=stack.clock.now
    )


def started(stack: Stack, content: str, order: int) -> Run:
    """A run that goes."""
    stack.publish()
    stack.drop(f"{order}.csv", content, order=order)
    (run,) = stack.starter().start_waiting("iris")
    return run


def wait_of(run: Run, token: str = "token") -> ApprovalWait:  # noqa: S107 - not a secret
    """What the machine sends of a run that is to wait."""
    news = {"metrics": {"accuracy": 0.97}, "reason": "Good enough.", "attempt": 1}
    return ApprovalWait(
        run_id=run.run_id, pipeline="iris", model_package=PACKAGE, task_token=token, news=news
    )


def registry(stack: Stack, *statuses: str, comment: str = "") -> Stubber:
    """The registry's answers, one after the other: moto's packages are no versions."""
    stub = Stubber(stack.clients.sagemaker)
    for status in statuses:
        package = {
            "ModelPackageName": "dropforge-iris",
            "ModelPackageArn": PACKAGE,
            "CreationTime": 1,
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": []},
            "ModelApprovalStatus": status,
            "ApprovalDescription": comment,
        }
        stub.add_response("describe_model_package", package, {"ModelPackageName": PACKAGE})
    return stub


def answers(stack: Stack, times: int, error: str = "") -> Stubber:
    """A Step Functions that takes so many answers, or has an error for each."""
    stub = Stubber(stack.clients.stepfunctions)
    for _ in range(times):
        if error:
            stub.add_client_error("send_task_success", error)
        else:
            stub.add_response("send_task_success", {})
    return stub


def test_a_wait_frees_the_pipeline_and_shows_what_is_judged(stack: Stack) -> None:
    """The run waits with its metrics and its package; the lock is free; nobody is answered."""
    run = started(stack, "first", 1)
    with registry(stack, "PendingManualApproval"):
        answer = approvals(stack).begin(wait_of(run))
    assert answer.waiting == (run.run_id,)
    assert stack.ledger.lock("iris") is None
    shown = stack.ledger.run(run.run_id)
    assert shown is not None
    assert (shown.status, shown.model_package) == ("WAITING_FOR_APPROVAL", PACKAGE)
    assert (shown.metrics, shown.reason) == ({"accuracy": 0.97}, "Good enough.")


def test_data_that_came_meanwhile_starts_the_next_run(stack: Stack) -> None:
    """The run that waits holds nothing up."""
    run = started(stack, "first", 1)
    stack.clock.advance(60)
    stack.drop("2.csv", "second", order=2)
    with registry(stack, "PendingManualApproval"):
        approvals(stack).begin(wait_of(run))
    newer, older = stack.ledger.runs("iris")
    assert (newer.status, older.run_id) == ("RUNNING", run.run_id)


@pytest.mark.parametrize(
    ("status", "comment", "reason", "holds"),
    [
        ("Approved", "", "A person approved it.", True),
        ("Approved", "Fine.\n\x1b[31m", "A person approved it: Fine. [31m.", True),
        ("Rejected", "no", "A person turned the model down: no.", False),
    ],
)
def test_a_decision_is_sent_once(
    stack: Stack, status: str, comment: str, reason: str, *, holds: bool
) -> None:
    """The token gets the decision in one clean line; approved, the run holds its pipeline again."""
    run = started(stack, "first", 1)
    sent: list[dict[str, Any]] = []
    stack.clients.stepfunctions.meta.events.register(
        "provide-client-params.sfn.SendTaskSuccess", lambda params, **_: sent.append(params)
    )
    with (
        registry(stack, "PendingManualApproval", status, comment=comment),
        answers(stack, 1),
    ):
        subject = approvals(stack)
        subject.begin(wait_of(run))
        assert subject.look_at(PACKAGE).answered == (run.run_id,)
        assert subject.look_at(PACKAGE).answered == ()
    ((token, output),) = [(params["taskToken"], params["output"]) for params in sent]
    assert token == "token"  # noqa: S105 - not a secret
    assert f'"decision": "{status.upper()}"' in output
    assert reason in output
    lock = stack.ledger.lock("iris")
    assert (lock is not None and lock.run_id == run.run_id) is holds


def test_an_approved_run_waits_for_the_one_that_is_going(stack: Stack) -> None:
    """It is answered by the look at that one's end, not before."""
    older = started(stack, "first", 1)
    stack.clock.advance(60)
    stack.drop("2.csv", "second", order=2)
    with registry(stack, "PendingManualApproval", "Approved", "Approved"):
        subject = approvals(stack)
        subject.begin(wait_of(older))
        assert subject.look("iris").waiting == (older.run_id,)
        newer = stack.ledger.runs("iris")[0]
        stack.ledger.release_run("iris", newer.run_id)
        with answers(stack, 1):
            assert subject.look("iris").answered == (older.run_id,)


def test_a_late_decision_lets_the_pipeline_go(stack: Stack) -> None:
    """The machine has timed out: nothing is left that holds or waits."""
    run = started(stack, "first", 1)
    with (
        registry(stack, "PendingManualApproval", "Approved"),
        answers(stack, 1, error="TaskTimedOut"),
    ):
        subject = approvals(stack)
        subject.begin(wait_of(run))
        assert subject.look("iris").answered == ()
    assert stack.ledger.lock("iris") is None
    assert stack.ledger.approval("iris") is None


def test_a_newer_wait_takes_the_place_of_an_older_one(stack: Stack) -> None:
    """The older one is told; a late repetition of its beginning changes nothing."""
    older = started(stack, "first", 1)
    with registry(stack, *["PendingManualApproval"] * 4):
        subject = approvals(stack)
        subject.begin(wait_of(older, "old"))
        stack.clock.advance(60)
        newer = started(stack, "second", 2)
        with answers(stack, 2):
            subject.begin(wait_of(newer, "new"))
            subject.begin(wait_of(older, "old"))
    wait = stack.ledger.approval("iris")
    assert wait is not None
    assert (wait.run_id, wait.task_token) == (newer.run_id, "new")


def test_a_package_that_was_deleted_turns_the_run_down(stack: Stack) -> None:
    """By the exact message only: any other error is raised, and the run waits on."""
    run = started(stack, "first", 1)
    stub = registry(stack, "PendingManualApproval")
    stub.add_client_error("describe_model_package", "AccessDeniedException", "does not exist")
    stub.add_client_error("describe_model_package", "ValidationException", GONE)
    with stub, answers(stack, 1):
        subject = approvals(stack)
        subject.begin(wait_of(run))
        with pytest.raises(ClientError):
            subject.look("iris")
        assert subject.look("iris").answered == (run.run_id,)


def test_a_deployment_supersedes_older_runs_only(stack: Stack) -> None:
    """A run that is older than the one that waits changes nothing."""
    run = started(stack, "first", 1)
    with registry(stack, "PendingManualApproval"), answers(stack, 1):
        subject = approvals(stack)
        subject.begin(wait_of(run))
        subject.supersede("iris", "iris-20200101t000000-00000000")
        assert stack.ledger.approval("iris") is not None
        subject.supersede("iris", "iris-20991231t000000-00000000")
        assert stack.ledger.approval("iris") is None


def test_an_approval_while_a_starter_looks_is_not_lost(stack: Stack) -> None:
    """A starter that finds nothing gives the pipeline back, and nobody would look again."""
    run = started(stack, "first", 1)
    with registry(stack, "PendingManualApproval"):
        approvals(stack).begin(wait_of(run))
    lock = stack.ledger.acquire("iris", "a starter", int(stack.clock.now().timestamp()))
    assert lock is not None

    def release(_: float) -> None:
        stack.ledger.release(lock)

    looking = replace(approvals(stack), starter=replace(stack.starter(), pause=release))
    with registry(stack, "Approved"), answers(stack, 1):
        assert looking.look("iris").answered == (run.run_id,)
    held = stack.ledger.lock("iris")
    assert held is not None
    assert held.run_id == run.run_id


def test_a_starter_that_stays_has_the_look_tried_again(stack: Stack) -> None:
    """By whoever tries the function again."""
    run = started(stack, "first", 1)
    with registry(stack, "PendingManualApproval"):
        approvals(stack).begin(wait_of(run))
    assert stack.ledger.acquire("iris", "a starter", int(stack.clock.now().timestamp()))
    with registry(stack, "Approved"), pytest.raises(ServiceUnavailableError, match="under way"):
        approvals(stack).look("iris")


def test_an_approval_as_soon_as_it_is_asked_for_keeps_its_pipeline(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever finds the token lets the run go on, and the pipeline stays the run's."""
    run = started(stack, "first", 1)
    put = stack.ledger.put_approval

    def put_and_approve(approval: Approval) -> bool:
        was_put = put(approval)
        approvals(stack).look("iris")
        return was_put

    monkeypatch.setattr(stack.ledger, "put_approval", put_and_approve)
    incurious = replace(stack.starter(), finish_function="")
    with registry(stack, "Approved"), answers(stack, 1):
        replace(approvals(stack), starter=incurious).begin(wait_of(run))
    held = stack.ledger.lock("iris")
    assert held is not None
    assert (held.run_id, held.phase) == (run.run_id, "RUNNING")
    goes_on = stack.ledger.run(run.run_id)
    assert goes_on is not None
    assert goes_on.status == "RUNNING"
