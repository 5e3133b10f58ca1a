"""Faults of the endpoint: what it is, is never guessed, and a model that serves is never lost."""

import pytest

from .fault_book import Fault, Outcome, until
from .stack import Stack, endpoint_of

FOREVER = 50
TRANSITIONS = ("Creating", "Updating", "SystemUpdating", "RollingBack")
pytestmark = pytest.mark.timeout(240)


def after(*runs: str, answer: str = "1") -> Outcome:
    """All runs had an execution and are told; the endpoint answers so."""
    count = len(runs)
    return Outcome(
        runs=runs, executions=count, objects=("USED",) * count, answer=answer, told=count
    )


def deployed(stack: Stack, name: str) -> None:
    """Deploy a first model, which answers 1, and publish a second, which answers 2."""
    stack.publish(name, answer="1")
    run = stack.run(name, "1\n")
    assert run["status"] == "DEPLOYED", run["reason"]
    stack.publish(name, answer="2")


def steps(run: dict[str, object]) -> list[str]:
    """List the calls of the machine deploy that change an endpoint."""
    listed: list[dict[str, str]] = run["steps"]  # type: ignore[assignment]
    names = [step["name"].removeprefix("Deploy.") for step in listed]
    changes = ("CreateEndpoint", "UpdateEndpoint", "DeleteEndpoint")
    return [name for name in names if name in changes]


def described(stack: Stack, name: str) -> str:
    """Return the endpoint's status."""
    sagemaker = stack.target.client("sagemaker")
    return str(sagemaker.describe_endpoint(EndpointName=endpoint_of(name))["EndpointStatus"])


@pytest.mark.fault(9)
def test_only_what_is_missing_is_taken_for_missing(stack: Stack, fault: Fault) -> None:
    """A throttle costs a retry; another error, however alike its words, fails the run."""
    name = "f09_missing"
    stack.publish(name)
    stack.fault("sagemaker", "DescribeEndpoint", "ThrottlingException", times=4)
    first = stack.run(name, "1\n")
    fault.check(stack, name, "No endpoint, and DescribeEndpoint throttled 4 x", after("DEPLOYED"))
    assert first["endpoint"]["action"] == "CREATED"
    stack.publish(name, answer="2")
    stack.fault(
        "sagemaker",
        "DescribeEndpoint",
        "ValidationException",
        message=f'Could not find endpoint configuration "{endpoint_of(name)}".',
        by="CheckEndpoint",
        times=FOREVER,
    )
    run = stack.run(name, "2\n", count=2)
    stack.clear_faults()
    done = "DescribeEndpoint answered 'Could not find endpoint configuration'"
    fault.check(stack, name, done, after("DEPLOYED", "FAILED"))
    assert "Could not find endpoint configuration" in run["reason"]
    assert run["endpoint"]["action"] == "NONE"


@pytest.mark.fault(11)
def test_an_endpoint_in_transition(stack: Stack, fault: Fault) -> None:
    """It is waited for and then updated; an update that came too early is tried again."""
    name = "f11_transition"
    deployed(stack, name)
    for number, status in enumerate(TRANSITIONS, 2):
        stack.publish(name, answer=str(number))
        stack.force(name, status=status)
        stack.drop(name, f"{number}\n")
        until(lambda: stack.target.ledger.waiting_token(endpoint_of(name)))
        stack.force(name, status="InService")
        assert stack.ended_run(name, number)["endpoint"]["action"] == "UPDATED"
        seen = after(*["DEPLOYED"] * number, answer=str(number))
        fault.check(stack, name, f"The endpoint was {status}", seen)
    stack.publish(name, answer="6")
    busy = f'Cannot update in-progress endpoint "{endpoint_of(name)}".'
    stack.fault("sagemaker", "UpdateEndpoint", "ValidationException", message=busy, times=3)
    stack.drop(name, "6\n")
    assert stack.ended_run(name, 6)["endpoint"]["action"] == "UPDATED"
    seen = after(*["DEPLOYED"] * 6, answer="6")
    fault.check(stack, name, "UpdateEndpoint: in-progress, 3 x", seen)


@pytest.mark.fault(12)
def test_a_failed_endpoint(stack: Stack, fault: Fault) -> None:
    """It is deleted, waited for and created; never updated."""
    name = "f12_failed"
    deployed(stack, name)
    stack.force(name, status="Failed", failure_reason="The disk is full.")
    run = stack.run(name, "2\n", count=2)
    fault.check(stack, name, "The endpoint was Failed", after("DEPLOYED", "DEPLOYED", answer="2"))
    assert run["endpoint"]["action"] == "CREATED"
    assert steps(run) == ["DeleteEndpoint", "CreateEndpoint"]


@pytest.mark.fault(13)
def test_an_update_that_ends_on_the_old_config(stack: Stack, fault: Fault) -> None:
    """In service, but not as asked: rolled back, and people are told SageMaker's own reason."""
    name = "f13_silent"
    deployed(stack, name)
    stack.force(name, next="RolledBack", failure_reason="No capacity for ml.m5.large.")
    run = stack.run(name, "2\n", count=2)
    done = "The update ended InService on the old config"
    fault.check(stack, name, done, after("DEPLOYED", "ROLLED_BACK"))
    (message,) = stack.slack_about(run["run_id"])
    assert "No capacity for ml.m5.large." in str(message)


@pytest.mark.fault(14)
def test_a_rollback_that_failed(stack: Stack, fault: Fault) -> None:
    """Stop and alert: nothing is deleted or tried again, and a person is asked to look."""
    name = "f14_mixed"
    deployed(stack, name)
    stack.force(name, next="UpdateRollbackFailed", failure_reason="The rollback got stuck.")
    run = stack.run(name, "2\n", count=2)
    done = "The update ended UpdateRollbackFailed"
    fault.check(stack, name, done, after("DEPLOYED", "FAILED"))
    assert described(stack, name) == "UpdateRollbackFailed"
    assert steps(run) == ["UpdateEndpoint"]
    sagemaker, part = stack.target.client("sagemaker"), name.replace("_", "-")
    assert len(sagemaker.list_models(NameContains=part)["Models"]) == 2
    assert len(sagemaker.list_endpoint_configs(NameContains=part)["EndpointConfigs"]) == 2
    (message,) = stack.slack_about(run["run_id"])
    assert "The rollback got stuck." in str(message)
    assert "a person must look" in str(message)
