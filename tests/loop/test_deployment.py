"""Deployments that meet every state of an endpoint, and those that do not hold: named cases."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from dropforge_core.contracts import DeployInput, DeployOutput

from .stack import Stack, endpoint_of
from .traffic import CLIENTS, Traffic, drop_meanwhile

THROTTLED = "ThrottlingException"
DENIED = "AccessDeniedException"
FOREVER = 50
# States that a first deployment enters in both machines, its smoke test included.
TESTED_TRANSITIONS = 29
DEADLINE_SECONDS = 40.0
TWO = {"instance": {"count": 2}}
HALF = {"type": "canary", "size": {"percent": 50}}
pytestmark = pytest.mark.timeout(180)


def expecting(answer: str) -> dict[str, Any]:
    """A golden sample that must be answered so."""
    return {"smoke_test": [{"data": "1,2", "expect": answer}]}


def config_of(stack: Stack, name: str) -> str:
    """Return the config that the pipeline's endpoint serves."""
    return str(described(stack, name)["EndpointConfigName"])


def described(stack: Stack, name: str) -> dict[str, Any]:
    """Describe the pipeline's endpoint."""
    sagemaker = stack.target.client("sagemaker")
    return dict(sagemaker.describe_endpoint(EndpointName=endpoint_of(name)))


def is_gone(stack: Stack, name: str) -> bool:
    """Whether SageMaker knows no endpoint of the pipeline."""
    try:
        described(stack, name)
    except ClientError as err:
        return "Could not find endpoint" in str(err)
    return False


def waiting(stack: Stack, name: str) -> bool:
    """Whether a deployment waits for the pipeline's endpoint."""
    return stack.target.ledger.waiting_token(endpoint_of(name)) is not None


def until(reached: Callable[[], bool]) -> None:
    """Wait for something, for a bounded time."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not reached():
        assert time.monotonic() < deadline, f"not reached in {DEADLINE_SECONDS} s"
        time.sleep(0.02)


def first_run(stack: Stack, name: str, **behaviour: Any) -> dict[str, Any]:
    """Deploy a first model, which answers 1."""
    stack.publish(name, answer="1", **behaviour)
    run = stack.run(name, "1\n")
    assert (run["status"], run["endpoint"]["action"]) == ("DEPLOYED", "CREATED"), run["reason"]
    return run


def second_run(stack: Stack, name: str, **behaviour: Any) -> dict[str, Any]:
    """Try to deploy a second one, which answers 2."""
    stack.publish(name, answer="2", **behaviour)
    return stack.run(name, "2\n", count=2)


def steps(run: dict[str, Any]) -> list[str]:
    """List the tasks of the machine deploy that a run entered."""
    return [
        step["name"].removeprefix("Deploy.")
        for step in run["steps"]
        if step["name"].startswith("Deploy.")
    ]


# The smoke test.


def test_a_smoke_test_that_passes(stack: Stack) -> None:
    """It costs two transitions, and is a step of the run, also of an update."""
    first = first_run(stack, "smoke_passes", serving=expecting("1"))
    assert first["billed_transitions"] == TESTED_TRANSITIONS
    assert steps(first)[-2:] == ["WaitForEndpoint", "SmokeTest"]
    second = second_run(stack, "smoke_passes", serving=expecting("2"))
    assert (second["status"], second["endpoint"]["action"]) == ("DEPLOYED", "UPDATED")
    assert second["billed_transitions"] == TESTED_TRANSITIONS
    assert stack.answer("smoke_passes") == "2"


def test_a_smoke_test_that_fails_after_an_update(stack: Stack) -> None:
    """Every request is answered all the time, and by the old model once it is restored."""
    name = "smoke_fails"
    first = first_run(stack, name, serve="slow", serving=expecting("1"))
    stack.publish(name, answer="2", serve="slow", serving=expecting("1"))
    run, answers = drop_meanwhile(stack, name)
    assert (run["status"], run["endpoint"]["action"]) == ("ROLLED_BACK", "NONE")
    assert run["reason"] == (
        "The smoke test failed: sample 1 ('1,2') was answered '2', expected '1'."
        " The old model serves again."
    )
    assert run["endpoint"]["config"] == config_of(stack, name) == first["endpoint"]["config"]
    assert steps(run)[-4:] == ["WaitForEndpoint", "SmokeTest", "UpdateEndpoint", "WaitForEndpoint"]
    assert {answer.status for answer in answers} == {200}
    assert {answer.body for answer in answers} == {"1", "2"}
    restored = described(stack, name)["LastModifiedTime"].timestamp() + 0.001
    later = [answer.body for answer in answers if answer.asked > restored]
    assert later
    assert set(later) == {"1"}
    assert len(stack.slack_about(run["run_id"])) == 1


def test_a_smoke_test_that_fails_on_a_first_deployment(stack: Stack) -> None:
    """There is nothing to go back to: the endpoint is gone, and a good model creates it."""
    stack.publish("smoke_first", answer="2", serving=expecting("1"))
    run = stack.run("smoke_first", "1\n")
    assert (run["status"], run["endpoint"]["action"]) == ("ROLLED_BACK", "NONE")
    assert "was answered '2', expected '1'. No model served before" in run["reason"]
    assert run["endpoint"]["config"] is None
    assert run["endpoint_seconds"] > 0
    assert is_gone(stack, "smoke_first")
    [message] = stack.slack_about(run["run_id"])
    assert "the old model serves" not in json.dumps(message)
    stack.publish("smoke_first", answer="1", serving=expecting("1"))
    good = stack.run("smoke_first", "2\n", count=2)
    assert (good["status"], good["endpoint"]["action"]) == ("DEPLOYED", "CREATED")


def test_a_model_that_fails_on_a_sample_is_not_kept(stack: Stack) -> None:
    """An error of the model's is no answer, even where any answer would do."""
    first = first_run(stack, "smoke_error")
    serving = {"smoke_test": [{"data": "1,2"}]}
    run = second_run(stack, "smoke_error", serve="failing", serving=serving)
    assert run["status"] == "ROLLED_BACK"
    assert "the model's error '500 2'" in run["reason"]
    assert config_of(stack, "smoke_error") == first["endpoint"]["config"]
    assert stack.answer("smoke_error") == "1"


def test_a_smoke_test_that_cannot_be_run_counts_as_failed(stack: Stack) -> None:
    """The Catch of SmokeTest: going back is safe, and the reason says that nothing is known."""
    first_run(stack, "smoke_denied", serving=expecting("1"))
    stack.fault("lambda", "Invoke", DENIED, times=FOREVER, match="SmokeTest")
    run = second_run(stack, "smoke_denied", serving=expecting("2"))
    assert run["status"] == "ROLLED_BACK"
    assert "could not be run" in run["reason"]
    assert DENIED in run["reason"]
    assert stack.answer("smoke_denied") == "1"


@pytest.mark.parametrize(
    ("name", "fault", "retries"),
    [
        ("smoke_refused", ("lambda", "Invoke", "TooManyRequestsException", 3, "SmokeTest"), 3),
        # Three calls of the function's own come before one retry of the state's.
        ("smoke_unavailable", ("sagemaker", "InvokeEndpoint", "ServiceUnavailable", 4, ""), 1),
    ],
)
def test_a_platform_that_fails_for_a_while_costs_retries(
    stack: Stack, name: str, fault: Any, retries: int
) -> None:
    """Both Retries of SmokeTest: the model is not blamed for the platform."""
    service, operation, code, times, match = fault
    stack.publish(name, serving=expecting("1"))
    status = 503 if code == "ServiceUnavailable" else 400
    stack.fault(service, operation, code, times=times, match=match, status=status)
    run = stack.run(name)
    assert run["status"] == "DEPLOYED", run["reason"]
    assert run["billed_transitions"] == TESTED_TRANSITIONS + retries


def test_a_model_that_cannot_be_taken_back_fails_the_run(stack: Stack) -> None:
    """The Catch of UpdateEndpoint while undoing: the run says what serves and why it should not."""
    name = "smoke_stuck"
    first_run(stack, name, serving=expecting("1"))
    # Only the call that goes back names the first config.
    match = config_of(stack, name)
    stack.fault("sagemaker", "UpdateEndpoint", DENIED, times=FOREVER, match=match)
    run = second_run(stack, name, serving=expecting("1"))
    assert run["status"] == "FAILED"
    assert "The smoke test failed" in run["reason"]
    assert "UpdateEndpoint" in run["reason"]
    assert stack.answer(name) == "2"


def test_a_first_model_that_cannot_be_deleted_fails_the_run(stack: Stack) -> None:
    """The Catch of DeleteEndpoint."""
    stack.publish("delete_denied", answer="2", serving=expecting("1"))
    stack.fault("sagemaker", "DeleteEndpoint", DENIED, times=FOREVER)
    run = stack.run("delete_denied", "1\n")
    assert run["status"] == "FAILED"
    assert "DeleteEndpoint" in run["reason"]
    assert stack.answer("delete_denied") == "2"


# Guardrails.


def test_a_canary_that_holds(stack: Stack) -> None:
    """Old and new model share the traffic for a while, then the new one has all of it."""
    name = "canary_holds"
    first_run(stack, name, serving=TWO)
    rollout = HALF | {"wait_interval_seconds": 2, "termination_wait_seconds": 1}
    stack.publish(name, answer="2", serving=TWO | {"rollout": rollout})
    run, answers = drop_meanwhile(stack, name)
    assert (run["status"], run["endpoint"]["action"]) == ("DEPLOYED", "UPDATED")
    assert run["endpoint_seconds"] >= 3
    assert {answer.status for answer in answers} == {200}
    firsts = min(answer.there for answer in answers if answer.body == "2")
    shared = [answer.body for answer in answers if firsts < answer.asked < firsts + 1.5]
    assert 0.25 < shared.count("2") / len(shared) < 0.75
    assert stack.answer(name) == "2"
    last = described(stack, name)["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]
    assert last["TrafficRoutingConfiguration"]["Type"] == "CANARY"


def test_an_alarm_during_a_canary(stack: Stack) -> None:
    """Errors of the canary sound the alarm, nobody else does anything, and the old model serves."""
    name = "canary_alarm"
    first = first_run(stack, name, serving=TWO)
    stack.target.client("cloudwatch").put_metric_alarm(
        AlarmName="canary-alarm",
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Dimensions=[
            {"Name": "EndpointName", "Value": endpoint_of(name)},
            {"Name": "VariantName", "Value": "AllTraffic"},
        ],
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0.1,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    rollout = HALF | {"wait_interval_seconds": 120, "alarms": ["canary-alarm"]}
    stack.publish(name, answer="2", serve="failing", serving=TWO | {"rollout": rollout})
    run, answers = answers_of_a_failing_canary(stack, name)
    assert (run["status"], run["endpoint"]["action"]) == ("ROLLED_BACK", "NONE")
    assert "canary-alarm" in run["reason"]
    assert config_of(stack, name) == run["endpoint"]["config"] == first["endpoint"]["config"]
    # What the canary got, it failed on; all the rest the old model answered.
    assert {answer.status for answer in answers} == {200, 424}
    restored = described(stack, name)["LastModifiedTime"].timestamp() + 0.001
    assert {answer.status for answer in answers if answer.asked > restored} == {200}


def answers_of_a_failing_canary(stack: Stack, name: str) -> tuple[dict[str, Any], list[Any]]:
    """Drop data while clients ask, until the run has ended and they have asked once more."""
    traffic = Traffic(stack, endpoint_of(name))
    with ThreadPoolExecutor(CLIENTS + 1) as threads:
        run = threads.submit(stack.run, name, "2\n", count=2)

        def enough() -> bool:
            if not run.done():
                return False
            ended = datetime.fromisoformat(run.result()["ended_at"]).timestamp()
            return any(answer.asked > ended for answer in list(traffic.answers))

        traffic.until(enough, threads)
        return run.result(1), traffic.answers


def test_a_rollout_that_sagemaker_refuses_fails_the_run(stack: Stack) -> None:
    """An alarm that went away after publishing: the old model serves, and the run says why."""
    name = "alarm_gone"
    first_run(stack, name)
    cloudwatch = stack.target.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="gone",
        Namespace="AWS/SageMaker",
        MetricName="ModelLatency",
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    serving = {"rollout": {"type": "all_at_once", "alarms": ["gone"]}}
    stack.publish(name, answer="2", serving=serving)
    cloudwatch.delete_alarms(AlarmNames=["gone"])
    run = stack.run(name, "2\n", count=2)
    assert run["status"] == "FAILED"
    assert "Could not find the CloudWatch alarm(s) gone" in run["reason"]
    assert stack.answer(name) == "1"


def test_a_smoke_test_that_fails_after_a_canary(stack: Stack) -> None:
    """Going back is at once: the canary's waits are not for the model that served before."""
    name = "canary_smoke"
    first_run(stack, name, serving=TWO | expecting("1"))
    rollout = HALF | {"wait_interval_seconds": 2}
    run = second_run(stack, name, serving=TWO | expecting("1") | {"rollout": rollout})
    assert run["status"] == "ROLLED_BACK"
    seconds = [step["seconds"] for step in run["steps"] if "WaitForEndpoint" in step["name"]]
    assert seconds[0] >= 2 > seconds[1]
    assert stack.answer(name) == "1"


# The statuses of an endpoint.


def test_a_silent_rollback_is_recognised(stack: Stack) -> None:
    """In service on the old config, the only sign being FailureReason, which the run tells."""
    first = first_run(stack, "silent")
    stack.force("silent", next="RolledBack", failure_reason="No capacity for ml.m5.large.")
    run = second_run(stack, "silent")
    assert (run["status"], run["endpoint"]["action"]) == ("ROLLED_BACK", "NONE")
    assert run["reason"] == (
        "The update did not hold and the old model serves: No capacity for ml.m5.large."
    )
    assert run["endpoint"]["config"] == first["endpoint"]["config"]


def test_a_failed_endpoint_is_created_again(stack: Stack) -> None:
    """It is deleted first, which is all that SageMaker does with it."""
    first_run(stack, "failed_before")
    stack.force("failed_before", status="Failed", failure_reason="The disk is full.")
    run = second_run(stack, "failed_before")
    assert (run["status"], run["endpoint"]["action"]) == ("DEPLOYED", "CREATED"), run["reason"]
    tasks = [step for step in steps(run) if step.endswith("Endpoint")]
    assert tasks[:2] == ["CheckEndpoint", "DeleteEndpoint"]
    assert tasks[-2:] == ["CreateEndpoint", "WaitForEndpoint"]
    assert stack.answer("failed_before") == "2"


def test_a_failed_endpoint_whose_deletion_is_throttled(stack: Stack) -> None:
    """The Retry of DeleteEndpoint."""
    first_run(stack, "delete_throttled")
    stack.force("delete_throttled", status="Failed")
    stack.fault("sagemaker", "DeleteEndpoint", THROTTLED, times=3)
    run = second_run(stack, "delete_throttled")
    assert (run["status"], run["endpoint"]["action"]) == ("DEPLOYED", "CREATED")


def test_an_update_that_fails_the_endpoint(stack: Stack) -> None:
    """The run says why; the next one creates the endpoint again."""
    first_run(stack, "fails")
    stack.force("fails", next="Failed", failure_reason="Out of disks.")
    run = second_run(stack, "fails")
    assert run["status"] == "FAILED"
    assert "Out of disks" in run["reason"]
    stack.publish("fails", answer="3")
    third = stack.run("fails", "3\n", count=3)
    assert (third["status"], third["endpoint"]["action"]) == ("DEPLOYED", "CREATED")


@pytest.mark.parametrize("when", ["before", "during"])
def test_a_failed_rollback_is_left_to_a_person(stack: Stack, when: str) -> None:
    """UpdateRollbackFailed: the run fails with a sentence that says so, and nothing is deleted."""
    name = f"mixed_{when}"
    first = first_run(stack, name)
    how = "status" if when == "before" else "next"
    stack.force(name, **{how: "UpdateRollbackFailed"}, failure_reason="The rollback got stuck.")
    run = second_run(stack, name)
    assert run["status"] == "FAILED"
    assert "The rollback got stuck." in run["reason"]
    assert "nothing was deleted, and a person must look" in run["reason"]
    assert described(stack, name)["EndpointStatus"] == "UpdateRollbackFailed"
    assert config_of(stack, name) == first["endpoint"]["config"]
    models = stack.target.client("sagemaker").list_models(NameContains=name.replace("_", "-"))
    assert len(models["Models"]) == 2


@pytest.mark.parametrize("status", ["Creating", "Updating", "SystemUpdating", "RollingBack"])
def test_an_endpoint_in_transition_is_waited_for(stack: Stack, status: str) -> None:
    """However it got there: once it is in service it is updated, with one look at its config."""
    name = f"in_{status.lower()}"
    first_run(stack, name)
    stack.force(name, status=status)
    stack.publish(name, answer="2")
    stack.drop(name, "2\n")
    until(lambda: waiting(stack, name))
    stack.force(name, status="InService")
    run = stack.ended_run(name, count=2)
    assert (run["status"], run["endpoint"]["action"]) == ("DEPLOYED", "UPDATED"), run["reason"]
    assert steps(run)[2:] == [
        *("CheckEndpoint", "WaitForEndpoint", "CheckEndpoint"),
        *("UpdateEndpoint", "WaitForEndpoint"),
    ]
    assert stack.answer(name) == "2"


def test_an_endpoint_that_is_being_deleted_is_waited_for(stack: Stack) -> None:
    """No event tells that it is gone: the deployment looks, and creates it."""
    name = "in_deleting"
    first_run(stack, name)
    stack.force(name, seconds=6)
    stack.target.client("sagemaker").delete_endpoint(EndpointName=endpoint_of(name))
    run = second_run(stack, name)
    assert (run["status"], run["endpoint"]["action"]) == ("DEPLOYED", "CREATED"), run["reason"]
    assert steps(run)[2:4] == ["CheckEndpoint", "WaitForEndpoint"]
    assert stack.answer(name) == "2"


def test_what_scaling_did_is_kept(stack: Stack) -> None:
    """An update keeps the instances that there are, until pipeline.yaml asks for another number."""
    name = "scaled"
    first_run(stack, name, serving=TWO)
    sagemaker = stack.target.client("sagemaker")
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=endpoint_of(name),
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 5}],
    )

    def instances() -> int:
        [variant] = described(stack, name)["ProductionVariants"]
        return int(variant["CurrentInstanceCount"])

    until(lambda: instances() == 5)
    assert second_run(stack, name, serving=TWO)["status"] == "DEPLOYED"
    assert instances() == 5
    stack.publish(name, answer="3", serving={"instance": {"count": 3}})
    assert stack.run(name, "3\n", count=3)["status"] == "DEPLOYED"
    assert instances() == 3


def test_a_serverless_endpoint(stack: Stack) -> None:
    """It is created, tested and updated as one on instances, with nothing retained."""
    serverless = {"instance": None, "serverless": {"memory_mb": 1024}}
    first_run(stack, "serverless", serving=serverless | expecting("1"))
    run = second_run(stack, "serverless", serving=serverless | expecting("2"))
    assert (run["status"], run["endpoint"]["action"]) == ("DEPLOYED", "UPDATED"), run["reason"]
    assert stack.answer("serverless") == "2"


def test_instances_do_not_become_serverless(stack: Stack) -> None:
    """SageMaker refuses the update: the run says so, and the old model serves."""
    first_run(stack, "to_serverless")
    run = second_run(stack, "to_serverless", serving={"instance": None, "serverless": {}})
    assert run["status"] == "FAILED"
    assert "cannot convert" in run["reason"]
    assert stack.answer("to_serverless") == "1"


# The machine by itself: in a whole run, the machine retrain would meet these faults first.


def deploy_alone(stack: Stack, name: str) -> dict[str, Any]:
    """Deploy the model that serves once more, by the machine deploy alone; describe its end."""
    config = stack.target.ledger.published(name)
    assert config is not None
    sagemaker, machines = stack.target.client("sagemaker"), stack.target.stepfunctions
    model = sagemaker.describe_model(ModelName=config_of(stack, name))
    given = DeployInput(
        AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID="none",
        run_id=f"{name}-20261121t052011-1a2b3c4d",
        pipeline=name,
        attempt=1,
        endpoint=endpoint_of(name),
        model_data=model["PrimaryContainer"]["ModelDataUrl"],
        models="s3://nothing/",
        serve=config.serve,
    )
    execution = machines.start_execution(
        stateMachineArn=stack.target.output("DeployStateMachineArn"),
        input=given.model_dump_json(by_alias=True, exclude_none=True),
    )["executionArn"]

    def describe() -> dict[str, Any]:
        return dict(machines.describe_execution(executionArn=execution))

    until(lambda: describe()["status"] != "RUNNING")
    return describe()


def test_a_look_that_is_denied_fails_the_deployment(stack: Stack) -> None:
    """The Catch of CheckEndpoint: what is not known is not changed."""
    first = first_run(stack, "look_denied")
    stack.fault("lambda", "Invoke", DENIED, times=FOREVER, match="CheckEndpoint")
    end = deploy_alone(stack, "look_denied")
    assert (end["status"], end["error"]) == ("FAILED", "EndpointNotServing")
    assert end["cause"].startswith("CheckEndpoint: ")
    assert config_of(stack, "look_denied") == first["endpoint"]["config"]


def test_a_look_that_is_refused_is_tried_again(stack: Stack) -> None:
    """The Retry of CheckEndpoint."""
    first_run(stack, "look_refused")
    stack.fault("lambda", "Invoke", "TooManyRequestsException", times=3, match="CheckEndpoint")
    end = deploy_alone(stack, "look_refused")
    assert end["status"] == "SUCCEEDED"
    output = DeployOutput.read(json.loads(end["output"]))
    assert (output.status, output.action) == ("DEPLOYED", "UPDATED")
    assert output.config == config_of(stack, "look_refused")
    assert 0 < output.called_at <= output.in_service_at
