"""Updates under guardrails: how traffic shifts, what rolls it back, what is refused."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from embedded_aws.errors import AwsError
from embedded_aws.sagemaker.deployment import Deployment, RolledBackError
from embedded_aws.sagemaker.endpoint_configs import Variant
from embedded_aws.sagemaker.guardrails import Guardrails
from embedded_aws.sagemaker.traffic import Traffic

if TYPE_CHECKING:
    from tests.unit.embedded_aws.sagemaker.conftest import Bench

ONE = {"Type": "INSTANCE_COUNT", "Value": 1}
STAGES = "SageMaker Endpoint Deployment State Change"
STATUSES = "SageMaker Endpoint State Change"


def config(bench: "Bench", model: str, instances: int, variant: str = "main") -> str:
    """Make an endpoint config of a model for so many instances; return its name."""
    name = f"{model}-{instances}-{variant}"
    given = {
        "VariantName": variant,
        "ModelName": model,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": instances,
    }
    bench.call("CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=[given])
    return name


def policy(kind: str, wait: int = 0, final: int = 0, alarm: str = "", **size: Any) -> Any:
    """Give a DeploymentConfig."""
    routing = {"Type": kind, "WaitIntervalInSeconds": wait, **size}
    blue_green = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": final}
    given: dict[str, Any] = {"BlueGreenUpdatePolicy": blue_green}
    if alarm:
        given["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": alarm}]}
    return given


def update(bench: "Bench", config: str, deployment: Any) -> None:
    """Begin an update of the endpoint `e`."""
    bench.call(
        "UpdateEndpoint",
        EndpointName="e",
        EndpointConfigName=config,
        DeploymentConfig=deployment,
    )


def events(bench: "Bench", kind: str) -> list[dict[str, Any]]:
    """List the details of one kind of event."""
    return [detail for found, detail, _ in bench.events if found == kind]


def stages(bench: "Bench") -> list[tuple[str, int]]:
    """List the stages that EventBridge heard of, each with the instances that had traffic."""
    variants = [
        detail["PendingDeploymentSummary"]["ProductionVariants"][0]
        for detail in events(bench, STAGES)
    ]
    return [(each["VariantStatus"][0]["Status"], each["CurrentInstanceCount"]) for each in variants]


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def asked(bench: "Bench", times: int) -> Counter[bytes]:
    """Ask the endpoint so many times; count the answers of each model."""
    return Counter(bench.invoke("e")[1].partition(b"|")[0] for _ in range(times))


@pytest.fixture
def endpoint(bench: "Bench") -> "Bench":
    """Have an endpoint `e` of two instances that serves the model `one`; the model `two` waits."""
    for name in ("one", "two"):
        bench.model(name)
    bench.endpoint("e", config(bench, "one", 2))
    return bench


def test_a_canary_gets_its_share_then_everything(endpoint: "Bench") -> None:
    """One of two instances is half of the requests; the old config is told until all is over."""
    update(endpoint, config(endpoint, "two", 2), policy("CANARY", 2, 1, CanarySize=ONE))
    wait_until(lambda: ("Baking", 1) in stages(endpoint))
    assert asked(endpoint, 40) == {b"one": 20, b"two": 20}
    during = endpoint.call("DescribeEndpoint", EndpointName="e")
    assert (during["EndpointStatus"], during["EndpointConfigName"]) == ("Updating", "one-2-main")
    [pending] = during["PendingDeploymentSummary"]["ProductionVariants"]
    assert (pending["CurrentInstanceCount"], pending["DesiredInstanceCount"]) == (1, 2)
    assert pending["VariantStatus"][0]["StatusMessage"] == (
        "Baking for 2 seconds (WaitIntervalInSeconds) with traffic enabled on"
        " canary capacity of 1 instance(s)."
    )
    wait_until(lambda: ("Baking", 2) in stages(endpoint))
    assert asked(endpoint, 10) == {b"two": 10}
    assert endpoint.call("DescribeEndpoint", EndpointName="e")["EndpointStatus"] == "Updating"
    after = endpoint.wait_for_endpoint("e")
    assert after["EndpointConfigName"] == "two-2-main"
    assert after["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert "PendingDeploymentSummary" not in after
    assert stages(endpoint) == [
        ("ActivatingTraffic", 1),
        ("Baking", 1),
        ("ActivatingTraffic", 2),
        ("Baking", 2),
    ]


def test_linear_shifts_step_by_step(endpoint: "Bench") -> None:
    """Each step turns on as many instances, the last what is left."""
    endpoint.call("DeleteEndpoint", EndpointName="e")
    wait_until(lambda: not endpoint.call("ListEndpoints")["Endpoints"])
    endpoint.endpoint("e", config(endpoint, "one", 5))
    size = {"Type": "CAPACITY_PERCENT", "Value": 50}
    update(endpoint, config(endpoint, "two", 5), policy("LINEAR", LinearStepSize=size))
    endpoint.wait_for_endpoint("e")
    assert [active for stage, active in stages(endpoint) if stage == "Baking"] == [2, 4, 5]


def test_an_alarm_during_the_canary_rolls_back(endpoint: "Bench") -> None:
    """Every request is answered, the old config serves again, and the reason names the alarm."""
    endpoint.cloudwatch.alarms["errors"] = "OK"
    answers: list[bytes] = []
    failures: list[object] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                status, body = endpoint.invoke("e", b"sleep 0.005")
            except AwsError as err:
                failures.append(err)
            else:
                answers.append(body[:3]) if status == 200 else failures.append(body)

    askers = [threading.Thread(target=ask) for _ in range(2)]
    for asker in askers:
        asker.start()
    deployment = policy("CANARY", 60, alarm="errors", CanarySize=ONE)
    update(endpoint, config(endpoint, "two", 2), deployment)
    wait_until(lambda: answers.count(b"two") >= 20)
    endpoint.cloudwatch.alarms["errors"] = "ALARM"
    after = endpoint.wait_for_endpoint("e")
    del answers[:]
    wait_until(lambda: len(answers) >= 20)
    done.set()
    for asker in askers:
        asker.join()
    assert failures == []
    assert set(answers[2:]) == {b"one"}
    assert after["EndpointConfigName"] == "one-2-main"
    assert after["FailureReason"] == (
        "The deployment was rolled back because of CloudWatch alarm(s) in ALARM state: [errors]."
    )
    told = [detail["EndpointStatus"] for detail in events(endpoint, STATUSES)]
    assert told[2:] == ["UPDATING", "ROLLING_BACK", "IN_SERVICE"]


def test_an_alarm_in_the_last_baking_rolls_back_too(endpoint: "Bench") -> None:
    """All at once has one baking, after everything was shifted, and that counts as well."""
    endpoint.cloudwatch.alarms["errors"] = "INSUFFICIENT_DATA"
    update(endpoint, config(endpoint, "two", 2), policy("ALL_AT_ONCE", 0, 60, "errors"))
    wait_until(lambda: ("Baking", 2) in stages(endpoint))
    assert asked(endpoint, 4) == {b"two": 4}
    endpoint.cloudwatch.alarms["errors"] = "ALARM"
    assert endpoint.wait_for_endpoint("e")["EndpointConfigName"] == "one-2-main"
    assert asked(endpoint, 4) == {b"one": 4}


def test_an_alarm_that_sounds_already_lets_nothing_through(endpoint: "Bench") -> None:
    """No request goes to the new model, whose update is rolled back at once."""
    endpoint.cloudwatch.alarms["errors"] = "ALARM"
    update(endpoint, config(endpoint, "two", 2), policy("ALL_AT_ONCE", alarm="errors"))
    assert "errors" in endpoint.wait_for_endpoint("e")["FailureReason"]
    assert stages(endpoint) == []


def test_the_last_deployment_config_is_told_and_used_again(endpoint: "Bench") -> None:
    """RetainDeploymentConfig does what the update before did."""
    deployment = policy("CANARY", CanarySize=ONE)
    update(endpoint, config(endpoint, "two", 2), deployment)
    assert endpoint.wait_for_endpoint("e")["LastDeploymentConfig"] == deployment
    before = len(stages(endpoint))
    endpoint.call(
        "UpdateEndpoint",
        EndpointName="e",
        EndpointConfigName="one-2-main",
        RetainDeploymentConfig=True,
    )
    endpoint.wait_for_endpoint("e")
    assert len(stages(endpoint)) == 2 * before


def counts(bench: "Bench") -> tuple[int, int, float]:
    """Give current and desired instances and the weight of the endpoint's variant."""
    [variant] = bench.wait_for_endpoint("e")["ProductionVariants"]
    return (
        variant["CurrentInstanceCount"],
        variant["DesiredInstanceCount"],
        variant["CurrentWeight"],
    )


def scale(bench: "Bench", **desired: Any) -> None:
    """Ask for another weight or number of instances of the endpoint's variant."""
    bench.call(
        "UpdateEndpointWeightsAndCapacities",
        EndpointName="e",
        DesiredWeightsAndCapacities=[{"VariantName": "main", **desired}],
    )


def test_a_scaled_count_is_kept_through_an_update_that_says_so(endpoint: "Bench") -> None:
    """RetainAllVariantProperties keeps count and weight, the exclusion list takes them back."""
    two = config(endpoint, "two", 2)
    scale(endpoint, DesiredInstanceCount=4, DesiredWeight=3.0)
    assert counts(endpoint) == (4, 4, 3.0)
    retain: dict[str, Any] = {"EndpointName": "e", "RetainAllVariantProperties": True}
    endpoint.call("UpdateEndpoint", EndpointConfigName=two, **retain)
    assert counts(endpoint) == (4, 4, 3.0)
    excluded = [{"VariantPropertyType": "DesiredInstanceCount"}]
    endpoint.call(
        "UpdateEndpoint",
        EndpointConfigName="one-2-main",
        ExcludeRetainedVariantProperties=excluded,
        **retain,
    )
    assert counts(endpoint) == (2, 2, 3.0)
    endpoint.call("UpdateEndpoint", EndpointName="e", EndpointConfigName=two)
    assert counts(endpoint) == (2, 2, 1.0)
    # A canary of one needs two instances: the kept number counts, not the config's.
    single = config(endpoint, "one", 1)
    deployment = policy("CANARY", CanarySize=ONE)
    endpoint.call(
        "UpdateEndpoint", EndpointConfigName=single, DeploymentConfig=deployment, **retain
    )
    assert counts(endpoint) == (2, 2, 1.0)


def test_scaling_is_refused(endpoint: "Bench") -> None:
    """Another variant, no instance at all, and an endpoint that is busy are told apart."""
    cases: list[tuple[dict[str, Any], str]] = [
        ({"VariantName": "other"}, 'Could not find variant "other"'),
        ({"DesiredInstanceCount": 0}, "cannot have 0 instance"),
    ]
    for desired, message in cases:
        with pytest.raises(AwsError, match=message):
            scale(endpoint, **desired)
    endpoint.sagemaker.endpoints.force({"name": "e", "status": "SystemUpdating"})
    with pytest.raises(AwsError, match="in-progress"):
        scale(endpoint, DesiredInstanceCount=3)


def variant(instances: int | None, instance_type: str = "ml.m5.large") -> Variant:
    """Give a variant of so many instances."""
    return Variant(
        config="c",
        name="main",
        containers=(),
        startup_seconds=1,
        max_body_bytes=1,
        max_concurrency=None,
        instances=instances,
        instance_type=instance_type,
        weight=1.0,
        serverless=None,
    )


def no_alarm(_: str) -> None:
    """Know no alarm."""


def size(kind: str, value: int) -> dict[str, Any]:
    """Give a CapacitySize."""
    return {"Type": kind, "Value": value}


@pytest.mark.parametrize(
    ("deployment", "instances", "steps"),
    [
        ({}, 1, (1,)),
        (policy("ALL_AT_ONCE"), 1, (1,)),
        (policy("CANARY", CanarySize=size("CAPACITY_PERCENT", 10)), 2, (1, 2)),
        (policy("CANARY", CanarySize=size("CAPACITY_PERCENT", 50)), 3, (1, 3)),
        (policy("CANARY", CanarySize=size("INSTANCE_COUNT", 2)), 4, (2, 4)),
        (policy("LINEAR", LinearStepSize=size("INSTANCE_COUNT", 2)), 6, (2, 4, 6)),
        (policy("LINEAR", LinearStepSize=size("CAPACITY_PERCENT", 33)), 10, (3, 6, 9, 10)),
    ],
)
def test_steps(deployment: Any, instances: int, steps: tuple[int, ...]) -> None:
    """How many instances have traffic after each step."""
    assert Guardrails.read(deployment, variant(instances), no_alarm).steps == steps


@pytest.mark.parametrize(
    ("deployment", "instances", "message"),
    [
        (policy("ALL_AT_ONCE"), None, "not supported for a serverless variant"),
        (policy("CANARY", CanarySize=ONE), 1, "needs at least 2 instances, and variant"),
        (
            policy("LINEAR", LinearStepSize=ONE),
            1,
            'LINEAR needs at least 2 instances, and variant "main" has 1',
        ),
        (policy("CANARY"), 2, "CanarySize must be given for traffic routing of type CANARY"),
        (policy("ALL_AT_ONCE", CanarySize=ONE), 2, "CanarySize must not be given"),
        (policy("CANARY", LinearStepSize=ONE), 2, "CanarySize must be given"),
        (
            policy("CANARY", CanarySize=size("INSTANCE_COUNT", 2)),
            3,
            "must be at most 50% of the capacity, and is 2 of 3 instance",
        ),
        (policy("CANARY", CanarySize=size("CAPACITY_PERCENT", 51)), 4, "and is 51%"),
        (policy("LINEAR", LinearStepSize=ONE), 11, "LinearStepSize must be 10-50%"),
        (policy("ALL_AT_ONCE", alarm="none"), 1, "Could not find the CloudWatch alarm.* none"),
    ],
)
def test_what_would_not_be_done_is_refused(
    deployment: Any, instances: int | None, message: str
) -> None:
    """Each refusal says which rule is broken, and by what."""
    with pytest.raises(AwsError, match=message) as caught:
        Guardrails.read(deployment, variant(instances), no_alarm)
    assert caught.value.code == "ValidationException"


def test_instances_that_aws_does_not_guard_are_refused() -> None:
    """On Inf1 instances AWS shifts all at once and does not bake, without a word."""
    with pytest.raises(AwsError, match=r"not supported for ml.inf1.xlarge"):
        Guardrails.read(policy("ALL_AT_ONCE"), variant(2, "ml.inf1.xlarge"), no_alarm)


@pytest.mark.parametrize("operation", ["CreateEndpoint", "UpdateEndpoint"])
def test_a_serverless_endpoint_takes_no_guardrails(bench: "Bench", operation: str) -> None:
    """Neither at its creation nor in an update, its own last ones included."""
    bench.model("one")
    bench.call("DeleteEndpointConfig", EndpointConfigName="one")
    bench.config("one", ServerlessConfig={"MemorySizeInMB": 1024, "MaxConcurrency": 1})
    if operation == "UpdateEndpoint":
        bench.endpoint("e", "one")
    with pytest.raises(AwsError, match="not supported for a serverless variant") as caught:
        bench.call(
            operation,
            EndpointName="e",
            EndpointConfigName="one",
            DeploymentConfig=policy("ALL_AT_ONCE"),
        )
    assert caught.value.code == "ValidationException"


def test_the_timeout_must_leave_room_for_the_waits() -> None:
    """Waits that add up to the maximum execution time could never end well."""
    deployment = policy("LINEAR", 300, 300, LinearStepSize=ONE)
    deployment["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"] = 900
    assert Guardrails.read(deployment, variant(2), no_alarm).timeout == 900
    with pytest.raises(AwsError, match=r"must be larger than .* \(900\)"):
        Guardrails.read(deployment, variant(3), no_alarm)


def test_a_deployment_that_takes_too_long_is_rolled_back() -> None:
    """At the maximum execution time it ends, wherever it is."""
    rails = Guardrails(steps=(1, 2), total=2, wait=60, final_wait=0, timeout=0.2, alarms=())
    deployment = Deployment(rails, no_alarm, threading.Event(), lambda *_: None)
    with pytest.raises(RolledBackError, match=r"maximum execution time of 0.2 seconds"):
        deployment.shift(Traffic())


def test_the_variant_keeps_its_name(endpoint: "Bench") -> None:
    """AWS would shift all at once, without a word: here the update is refused."""
    other = config(endpoint, "two", 2, "other")
    with pytest.raises(AwsError, match="must keep the name of the variant"):
        update(endpoint, other, policy("ALL_AT_ONCE"))
    assert endpoint.call("DescribeEndpoint", EndpointName="e")["EndpointStatus"] == "InService"


def test_guardrails_are_checked_at_creation(endpoint: "Bench") -> None:
    """CreateEndpoint refuses what no update could do, and keeps the rest."""
    asked = {"EndpointName": "f", "EndpointConfigName": "one"}
    with pytest.raises(AwsError, match="at least 2 instances"):
        endpoint.call("CreateEndpoint", DeploymentConfig=policy("CANARY", CanarySize=ONE), **asked)
    endpoint.call("CreateEndpoint", DeploymentConfig=policy("ALL_AT_ONCE"), **asked)
    described = endpoint.call("DescribeEndpoint", EndpointName="f")
    assert described["LastDeploymentConfig"] == policy("ALL_AT_ONCE")
