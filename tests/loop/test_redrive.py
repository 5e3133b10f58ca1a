"""Another attempt of a run that failed, with the command line, on the embedded AWS."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from dropforge_core.flight import Flight

from dropforge import redrive

from .stack import GOOD, Stack
from .test_cases import eventually
from .tool import Tool

pytestmark = pytest.mark.timeout(240)


class Died(BaseException):
    """A process that ends at once: no handler for errors sees it."""


@pytest.fixture
def tool(stack: Stack) -> Tool:
    """The command line, for the stack that all tests here share."""
    return Tool(stack.project.root, stack.project.state)


def steps(run: dict[str, Any]) -> list[str]:
    """List the SageMaker steps that an attempt did."""
    return [
        step["name"]
        for step in run["steps"]
        if step["name"] in {"Preprocess", "Train", "Judge.Evaluate", "RegisterModel", "Deploy"}
    ]


def jobs(stack: Stack, run_id: str) -> set[str]:
    """List the jobs that were made for a run, without its name."""
    sagemaker: Any = stack.target.client("sagemaker")
    name = run_id.replace("_", "-")
    found = [
        *(one["TrainingJobName"] for one in listed(sagemaker.list_training_jobs, name)),
        *(one["ProcessingJobName"] for one in listed(sagemaker.list_processing_jobs, name)),
    ]
    return {one.removeprefix(f"{name}-") for one in found}


def listed(call: Any, name: str) -> list[dict[str, Any]]:
    """List the jobs whose names hold this."""
    answer = call(NameContains=name, MaxResults=100)
    return list(next(value for key, value in answer.items() if key.endswith("JobSummaries")))


STEPS = ["Preprocess", "Train", "Judge.Evaluate", "RegisterModel", "Deploy"]
# The call that is refused: what is not done again, and how many of the steps are.
REFUSED = {
    "CreateProcessingJob -preprocess-1": ([], 5),
    "CreateTrainingJob -train-1": (["Preprocess"], 4),
    "CreateProcessingJob -evaluate-1": (["Preprocess", "Train"], 3),
    "CreateEndpoint dropforge-redriven": (["Preprocess", "Train", "Judge"], 1),
}


@pytest.mark.parametrize("refused", REFUSED)
def test_only_what_is_missing_is_done(stack: Stack, tool: Tool, refused: str) -> None:
    """Wherever it failed, the next attempt goes on there: same run, same manifest, new names."""
    skipped, many = REFUSED[refused]
    name = f"redriven_{many}"
    operation, match = refused.split()
    stack.publish(name)
    stack.fault("sagemaker", operation, "AccessDeniedException", match=match, times=50)
    failed = stack.run(name)
    stack.clear_faults()
    assert failed["status"] == "FAILED", failed["reason"]
    before = jobs(stack, failed["run_id"])
    told = tool.document("redrive", failed["run_id"])
    assert (told["attempt"], told["skipped_steps"]) == (2, skipped)
    run = stack.ended_run(name)
    assert (run["run_id"], run["status"], run["attempt"]) == (failed["run_id"], "DEPLOYED", 2)
    assert (run["manifest_hash"], run["data"]["manifest"]) == (
        failed["manifest_hash"],
        failed["data"]["manifest"],
    )
    assert steps(run) == STEPS[-many:]
    new = jobs(stack, run["run_id"]) - before
    assert all("-2" in job for job in new)
    assert run["endpoint"]["config"] == f"{run['run_id'].replace('_', '-')}-2"
    assert stack.answer(name) == "1"
    (earlier,) = run["earlier_attempts"]
    assert (earlier["attempt"], earlier["reason"]) == (1, failed["reason"])
    assert {job["step"] for job in run["jobs"]} >= {"Preprocess", "Train"}
    (arrival,) = stack.target.ledger.arrivals(name)
    assert (arrival.status, arrival.run_id) == ("USED", run["run_id"])
    assert len(stack.slack_about(run["run_id"])) == 2
    assert len(stack.target.ledger.runs(name)) == 1


def test_new_code_starts_from_the_beginning_and_mixes_nothing(stack: Stack, tool: Tool) -> None:
    """What the old version made is not read by the new one; the reason of the failure is gone."""
    stack.publish("repaired", train="fail")
    failed = stack.run("repaired")
    bucket = stack.target.output("ArtifactsBucketName")
    stale = f"runs/{failed['run_id']}/preprocess/train/stale.csv"
    stack.target.s3.put_object(Bucket=bucket, Key=stale, Body=b"of the old version")
    stack.publish("repaired")
    done = tool("redrive", failed["run_id"], "--wait", "--json")
    assert done.returncode == 0, done.stderr
    assert "which was published since: from the start" in done.stderr
    run = json.loads(done.stdout)
    assert (run["status"], run["attempt"]) == ("DEPLOYED", 2)
    assert steps(run)[:2] == ["Preprocess", "Train"]
    left = stack.target.s3.list_objects_v2(Bucket=bucket, Prefix=stale)
    assert left["KeyCount"] == 0


def test_what_is_gone_is_made_again(stack: Stack, tool: Tool) -> None:
    """Recorded is not enough: an artifact that somebody deleted is trained again."""
    stack.publish("gone", evaluation="nothing")
    failed = stack.run("gone")
    assert failed["status"] == "FAILED"
    bucket, _, key = failed["model_data"].removeprefix("s3://").partition("/")
    stack.target.s3.delete_object(Bucket=bucket, Key=key)
    told = tool.document("redrive", failed["run_id"])
    assert told["skipped_steps"] == ["Preprocess"]
    run = stack.ended_run("gone")
    assert (run["status"], run["attempt"]) == ("FAILED", 2)
    assert "Train" in steps(run)
    # And once more: attempts count on, and each is remembered.
    assert tool.document("redrive", run["run_id"])["skipped_steps"] == ["Preprocess", "Train"]
    run = stack.ended_run("gone")
    assert [one["attempt"] for one in run["earlier_attempts"]] == [1, 2]


def test_data_that_was_replaced_since_is_read_as_it_was(stack: Stack, tool: Tool) -> None:
    """The version in the manifest, from a copy; the newer one stays for a run of its own."""
    stack.publish("replaced_since", preprocess="fail")
    failed = stack.run("replaced_since", "1,2\n")
    stack.drop("replaced_since", "3,4,5\n")
    stack.ended_run("replaced_since", count=2)
    stack.publish("replaced_since")
    run = tool.document("redrive", failed["run_id"], "--wait")
    assert run["status"] == "DEPLOYED"
    key = f"runs/{run['run_id']}/data/data.csv"
    copy = stack.target.s3.get_object(Bucket=stack.target.output("DataBucketName"), Key=key)
    assert copy["Body"].read() == b"1,2\n"


def test_a_redriven_run_that_is_rejected_sets_its_data_aside(stack: Stack, tool: Tool) -> None:
    """As the first attempt would have."""
    stack.publish("late_reject", evaluation="nothing")
    failed = stack.run("late_reject")
    stack.publish("late_reject", evaluation=GOOD.replace("0.95", "0.5"))
    run = tool.document("redrive", failed["run_id"], "--wait", status=1)
    assert run["status"] == "REJECTED"
    (arrival,) = stack.target.ledger.arrivals("late_reject")
    assert arrival.status == "SET_ASIDE"


def test_an_older_model_replaces_no_newer_one_unasked(stack: Stack, tool: Tool) -> None:
    """A newer run is deployed: exit 2 and why; with --over-newer it is judged and deployed."""
    stack.publish("overtaken", train="fail", answer="old")
    failed = stack.run("overtaken", "1,2\n")
    stack.publish("overtaken", answer="new")
    newer = stack.run("overtaken", "3,4\n", count=2)
    assert newer["status"] == "DEPLOYED"
    done = tool("redrive", failed["run_id"])
    assert (done.returncode, done.stdout) == (2, "")
    assert f"Run {newer['run_id']} began later and is deployed" in done.stderr
    assert stack.answer("overtaken") == "new"
    assert stack.target.ledger.lock("overtaken") is None
    run = tool.document("redrive", failed["run_id"], "--over-newer", "--wait")
    assert (run["status"], run["endpoint"]["action"]) == ("DEPLOYED", "UPDATED")
    done = tool("redrive", run["run_id"])
    assert done.returncode == 2
    assert "is DEPLOYED: to bring its model back: dropforge rollback overtaken" in done.stderr


def test_an_end_of_the_first_attempt_that_is_told_late_changes_nothing(
    stack: Stack, tool: Tool
) -> None:
    """EventBridge may tell of the failed execution while the next attempt is going."""
    stack.publish("late_event", train="fail")
    failed = stack.run("late_event")
    stack.publish("late_event", train="hang")
    tool.document("redrive", failed["run_id"])
    eventually(lambda: stack.started("late_event"))
    event = {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": {
            "executionArn": failed["execution"],
            "name": f"{failed['run_id']}-1",
            "status": "FAILED",
        },
    }
    answered = stack.target.client("lambda").invoke(
        FunctionName=function_named(stack, "FinishRun"), Payload=json.dumps(event).encode()
    )
    assert json.loads(answered["Payload"].read()) == {"closed": False}
    assert [run.attempt for run in stack.started("late_event")] == [2]
    assert tool("stop", failed["run_id"]).returncode == 0


def function_named(stack: Stack, logical_id: str) -> str:
    """Return the name of a function of the stack."""
    found = stack.target.cloudformation.describe_stack_resource(
        StackName=stack.target.stack, LogicalResourceId=logical_id
    )
    return str(found["StackResourceDetail"]["PhysicalResourceId"])


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Whoever starts an execution in this process dies instead."""

    def die(*_: object) -> None:
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(Flight, "start", die)
        yield patch


@pytest.mark.usefixtures("interrupted")
@pytest.mark.parametrize("by", ["command", "drop"])
def test_a_killed_start_goes_on(stack: Stack, tool: Tool, by: str) -> None:
    """With the same command, or with the next drop, whose data then has its own run."""
    name = f"killed_redrive_{by}"
    stack.publish(name, train="fail")
    failed = stack.run(name)
    stack.publish(name)
    with pytest.raises(Died):
        redrive.redrive(stack.target, failed["run_id"], over_newer=False)
    lock = stack.target.ledger.lock(name)
    assert lock is not None
    if lock.locked_at:
        stack.target.ledger.renew(lock, 0)
    if by == "command":
        done = tool("redrive", failed["run_id"], "--wait", "--json")
        assert done.returncode == 0, done.stderr
        assert "Going on with the attempt 2" in done.stderr
        assert len(stack.target.ledger.runs(name)) == 1
        return
    stack.drop(name, "3,4\n", "more.csv")
    stack.ended_run(name, count=2)
    newest, redriven = stack.target.ledger.runs(name)
    assert (redriven.attempt, redriven.status) == (2, "DEPLOYED")
    assert newest.status == "DEPLOYED"


def test_a_refused_start_leaves_the_run_as_it_was(stack: Stack) -> None:
    """AWS denies StartExecution: FAILED as before, its data used as before, the pipeline free."""
    stack.publish("denied_redrive", train="fail")
    failed = stack.run("denied_redrive")
    stack.fault("stepfunctions", "StartExecution", "AccessDeniedException", times=9)
    with pytest.raises(ClientError, match="AccessDenied"):
        redrive.redrive(stack.target, failed["run_id"], over_newer=False)
    stack.clear_faults()
    run = stack.target.ledger.run(failed["run_id"])
    assert run is not None
    assert (run.status, run.attempt, run.reason) == ("FAILED", 1, failed["reason"])
    (arrival,) = stack.target.ledger.arrivals("denied_redrive")
    assert (arrival.status, arrival.run_id) == ("USED", run.run_id)
    assert stack.target.ledger.lock("denied_redrive") is None


def test_what_cannot_be_redriven(stack: Stack, tool: Tool) -> None:
    """No such run, no run id, one that ended otherwise: exit 2 and one line."""
    stack.publish("whole")
    run = stack.run("whole")
    for run_id in (run["run_id"], "whole-20200101t000000-1a2b3c4d", "../whole"):
        done = tool("redrive", run_id)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1
    assert stack.target.ledger.lock("whole") is None
