"""A person's approval: each way in which a run that waits can end, on the embedded AWS."""

import json
from typing import Any

import pytest
from dropforge_core.records import Run

from dropforge.approve import approve
from dropforge.errors import InputError

from .stack import Stack
from .test_cases import eventually


def asked(
    stack: Stack, name: str, *, answer: str = "1", content: str = "1,2\n", **more: Any
) -> Run:
    """Publish a pipeline that asks for approval, drop something, and wait until a run waits."""
    stack.publish(name, approval="manual", answer=answer, **more)
    stack.drop(name, content)
    return stack.waiting_run(name)


def two(runs: list[Run]) -> list[Run]:
    """Return the runs once there are two."""
    return runs if len(runs) == 2 else []


def package(stack: Stack, run: dict[str, Any] | Run) -> dict[str, Any]:
    """Return a run's model package as the registry has it."""
    arn = run["model_package"] if isinstance(run, dict) else run.model_package
    described = stack.target.client("sagemaker").describe_model_package(ModelPackageName=arn)
    return dict(described)


def test_a_run_that_waits_holds_nothing_up(stack: Stack) -> None:
    """Its pipeline is free, nothing is deployed, and whoever decides finds its metrics."""
    run = asked(stack, "waits")
    eventually(lambda: [True] if stack.target.ledger.lock("waits") is None else [])
    assert run.metrics == {"accuracy": 0.95}
    assert package(stack, run)["ModelApprovalStatus"] == "PendingManualApproval"
    assert len(eventually(lambda: stack.slack_about(run.run_id))) == 1
    approve(stack.target, run.run_id, approved=False, comment=None)
    assert stack.ended_run("waits")["status"] == "REJECTED"


def test_approved(stack: Stack) -> None:
    """The run goes on and deploys; who approved and why is in its reason and the registry."""
    run = asked(stack, "approved")
    decision = approve(stack.target, run.run_id, approved=True, comment="Looks right.")
    assert decision.document() == {
        "run_id": run.run_id,
        "model_package": run.model_package,
        "decision": "Approved",
    }
    ended = stack.ended_run("approved")
    assert (ended["status"], ended["endpoint"]["action"]) == ("DEPLOYED", "CREATED")
    assert "A person approved it: Looks right." in ended["reason"]
    assert package(stack, ended)["ModelApprovalStatus"] == "Approved"
    assert stack.answer("approved") == "1"
    steps = [step["name"] for step in ended["steps"]]
    assert "Approve.WaitForApproval" in steps


def test_turned_down(stack: Stack) -> None:
    """The run ends REJECTED, for the person's reason; nothing is deployed."""
    run = asked(stack, "turned_down")
    approve(stack.target, run.run_id, approved=False, comment="Not before Monday")
    ended = stack.ended_run("turned_down")
    assert (ended["status"], ended["endpoint"]["action"]) == ("REJECTED", "NONE")
    assert ended["reason"] == "A person turned the model down: Not before Monday."
    assert package(stack, ended)["ModelApprovalStatus"] == "Rejected"
    with pytest.raises(InputError, match="REJECTED"):
        approve(stack.target, run.run_id, approved=True, comment=None)


def test_timed_out(stack: Stack) -> None:
    """Nobody decides in time: REJECTED, and the registry no longer offers the model."""
    stack.publish("timed_out", approval={"mode": "manual", "timeout_seconds": 1})
    ended = stack.run("timed_out")
    assert (ended["status"], ended["endpoint"]["action"]) == ("REJECTED", "NONE")
    assert ended["reason"] == "Nobody approved the model within 1 seconds."
    assert package(stack, ended)["ModelApprovalStatus"] == "Rejected"
    assert stack.target.ledger.approval("timed_out") is None


def test_approved_in_the_registry(stack: Stack) -> None:
    """Whoever changes the package's status, by whatever tool, decides."""
    run = asked(stack, "in_registry")
    stack.target.client("sagemaker").update_model_package(
        ModelPackageArn=run.model_package, ModelApprovalStatus="Approved"
    )
    assert stack.ended_run("in_registry")["status"] == "DEPLOYED"


def test_approved_while_the_event_is_lost(stack: Stack) -> None:
    """The schedule reads the registry's status."""
    events = stack.target.client("events")
    names = [rule["Name"] for rule in events.list_rules()["Rules"]]
    ours = f"{stack.target.stack}-AnswerApproval"
    (rule,) = [name for name in names if name.startswith(ours) and "PackageChanged" in name]
    events.disable_rule(Name=rule)
    try:
        run = asked(stack, "unheard")
        approve(stack.target, run.run_id, approved=True, comment=None)
        assert stack.waiting_run("unheard").run_id == run.run_id
        stack.fire_schedule("SweepPipelines")
        assert stack.ended_run("unheard")["status"] == "DEPLOYED"
    finally:
        events.enable_rule(Name=rule)


def test_a_newer_run_supersedes(stack: Stack) -> None:
    """Of two that wait the newer one waits on; the older is REJECTED, its data stays in use."""
    older = asked(stack, "superseded", content="1\n")
    stack.drop("superseded", "2\n", "more.csv")
    eventually(lambda: two(stack.target.ledger.runs("superseded")))
    newer = stack.waiting_run("superseded")
    approve(stack.target, newer.run_id, approved=True, comment=None)
    ended = stack.ended_run("superseded", count=2)
    assert (ended["run_id"], ended["status"]) == (newer.run_id, "DEPLOYED")
    assert ended["data"]["objects"] == 2
    first = stack.target.ledger.run(older.run_id)
    assert first is not None
    assert first.status == "REJECTED"
    assert newer.run_id in first.reason
    assert package(stack, first)["ModelApprovalStatus"] == "Rejected"


def test_a_newer_run_that_fails_does_not_supersede(stack: Stack) -> None:
    """Approved while another run is going, the older one goes on once that has ended."""
    older = asked(stack, "outlives", content="1\n")
    stack.publish("outlives", approval="manual", train="hang")
    stack.drop("outlives", "2\n", "more.csv")
    newer, _ = eventually(lambda: two(stack.target.ledger.runs("outlives")))
    approve(stack.target, older.run_id, approved=True, comment=None)
    stack.fire_schedule("SweepPipelines")
    assert [run.status for run in stack.target.ledger.runs("outlives")] == [
        "RUNNING",
        "WAITING_FOR_APPROVAL",
    ]
    stack.target.stepfunctions.stop_execution(executionArn=newer.execution)
    stack.ended_run("outlives", count=2)
    ended = stack.target.ledger.run(older.run_id)
    assert ended is not None
    assert (ended.status, ended.endpoint["action"]) == ("DEPLOYED", "CREATED")
    assert stack.answer("outlives") == "1"


@pytest.mark.parametrize(("accuracy", "status"), [(0.95, "DEPLOYED"), (0.5, "REJECTED")])
def test_judged_again(stack: Stack, accuracy: float, status: str) -> None:
    """Another model serves by the time of the approval: the judge has the last word."""
    name = f"again_{status.lower()}"
    stack.publish(name, answer="1")
    first = stack.run(name, "1\n")
    against_a_stranger = json.dumps({"metrics": {"accuracy": accuracy}})
    waiting = asked(
        stack, name, answer="2", content="2\n", evaluation_of_stranger=against_a_stranger
    )
    serve_a_stranger(stack, first["endpoint"])
    approve(stack.target, waiting.run_id, approved=True, comment=None)
    ended = stack.ended_run(name, count=2)
    assert ended["status"] == status, ended["reason"]
    assert "The champion changed" in ended["reason"]
    assert "Approve.JudgeAgain.Evaluate" in [step["name"] for step in ended["steps"]]
    assert stack.answer(name) == ("2" if status == "DEPLOYED" else "1")
    registered = "Approved" if status == "DEPLOYED" else "Rejected"
    assert package(stack, ended)["ModelApprovalStatus"] == registered


def serve_a_stranger(stack: Stack, endpoint: dict[str, Any]) -> None:
    """Let the endpoint serve the same artifact from a place that is no run's."""
    sagemaker = stack.target.client("sagemaker")
    stranger = f"{endpoint['name']}-stranger"
    container = sagemaker.describe_model(ModelName=endpoint["config"])["PrimaryContainer"]
    bucket, _, key = container["ModelDataUrl"].removeprefix("s3://").partition("/")
    stack.target.s3.copy_object(Bucket=bucket, Key=stranger, CopySource=f"{bucket}/{key}")
    sagemaker.create_model(
        ModelName=stranger,
        ExecutionRoleArn="arn:aws:iam::123456789012:role/any",
        PrimaryContainer=container | {"ModelDataUrl": f"s3://{bucket}/{stranger}"},
    )
    variant = {"VariantName": "AllTraffic", "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(
        EndpointConfigName=stranger,
        ProductionVariants=[variant | {"ModelName": stranger, "InitialInstanceCount": 1}],
    )
    sagemaker.update_endpoint(EndpointName=endpoint["name"], EndpointConfigName=stranger)

    def serving() -> list[bool]:
        found = sagemaker.describe_endpoint(EndpointName=endpoint["name"])
        return [True] if found["EndpointStatus"] == "InService" else []

    eventually(serving)
