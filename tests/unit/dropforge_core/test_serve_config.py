"""``serve`` of pipeline.yaml: what AWS would do, what it would not, and SageMaker's own words."""

from typing import Any

import pytest
from dropforge_core.pipeline_config import PipelineConfig
from dropforge_core.published import Serving, SmokeSample
from pydantic import ValidationError

from .test_pipeline_config import a_file

CANARY: dict[str, Any] = {"type": "canary", "size": {"percent": 25}}
LINEAR: dict[str, Any] = {"type": "linear", "size": {"percent": 25}}
SAMPLE: dict[str, Any] = {"data": "5.1,3.5,1.4,0.2", "expect": "setosa"}


def serving(**serve: Any) -> Serving:
    """Validate a file with this `serve` and resolve it."""
    given = {"instance": {"count": 4}} | serve
    return PipelineConfig.model_validate(a_file(serve=given)).serve.resolved({"serve": "image:1"})


def refused(**serve: Any) -> str:
    """Return the one problem that a file with this `serve` has."""
    with pytest.raises(ValidationError) as raised:
        serving(**serve)
    [error] = raised.value.errors()
    return f"{'.'.join(map(str, error['loc']))}: {error['msg']}"


def test_without_a_rollout_there_is_no_deployment_config() -> None:
    """SageMaker's own way is all at once; nothing is tested unless it is asked for."""
    assert serving() == Serving(
        image="image:1",
        environment={},
        variant={
            "VariantName": "AllTraffic",
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 4,
        },
    )


def test_a_canary_in_sagemakers_words() -> None:
    """Every field has its own in DeploymentConfig."""
    rollout = CANARY | {
        "wait_interval_seconds": 600,
        "termination_wait_seconds": 300,
        "timeout_seconds": 7200,
        "alarms": ["errors", "latency"],
    }
    assert serving(rollout=rollout).deployment == {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {
                "Type": "CANARY",
                "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 25},
                "WaitIntervalInSeconds": 600,
            },
            "TerminationWaitInSeconds": 300,
            "MaximumExecutionTimeoutInSeconds": 7200,
        },
        "AutoRollbackConfiguration": {
            "Alarms": [{"AlarmName": "errors"}, {"AlarmName": "latency"}]
        },
    }


@pytest.mark.parametrize(
    ("rollout", "routing"),
    [
        ({"type": "all_at_once"}, {"Type": "ALL_AT_ONCE"}),
        (
            {"type": "linear", "size": {"instances": 2}},
            {"Type": "LINEAR", "LinearStepSize": {"Type": "INSTANCE_COUNT", "Value": 2}},
        ),
    ],
)
def test_the_other_types(rollout: Any, routing: dict[str, Any]) -> None:
    """Linear steps have a size of their own; all at once has none, and alarms are optional."""
    deployment = serving(rollout=rollout).deployment
    assert deployment is not None
    assert deployment.keys() == {"BlueGreenUpdatePolicy"}
    given = deployment["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert given == {"WaitIntervalInSeconds": 0, **routing}


@pytest.mark.parametrize(
    ("count", "rollout"),
    [
        (2, CANARY | {"size": {"percent": 50}}),
        (2, CANARY | {"size": {"instances": 1}}),
        (3, CANARY | {"size": {"percent": 1}}),
        (1, {"type": "all_at_once", "termination_wait_seconds": 3599}),
        (10, LINEAR | {"size": {"instances": 1}}),
        (2, LINEAR | {"size": {"percent": 50}, "wait_interval_seconds": 3599}),
        # Three steps, if a percentage of instances is rounded down, have two waits.
        (3, LINEAR | {"size": {"percent": 50}, "wait_interval_seconds": 1799}),
    ],
)
def test_limits_that_are_kept(count: int, rollout: dict[str, Any]) -> None:
    """The largest and smallest that AWS takes."""
    assert serving(instance={"count": count}, rollout=rollout).deployment


@pytest.mark.parametrize(
    ("count", "rollout", "problem"),
    [
        (1, CANARY, "canary needs at least 2 instances"),
        (1, LINEAR, "linear needs at least 2 instances"),
        (3, CANARY | {"size": {"instances": 2}}, "size must be at most 50 percent of the 3"),
        (4, LINEAR | {"size": {"percent": 9}}, "size must be 10 to 50 percent of the 4 instances"),
        (11, LINEAR | {"size": {"instances": 1}}, "size must be 10 to 50 percent"),
        (4, {"type": "canary"}, "size must be given for canary"),
        (4, {"type": "linear"}, "size must be given for linear"),
        (4, CANARY | {"type": "all_at_once"}, "size must not be given for all_at_once"),
        (4, {"type": "all_at_once", "wait_interval_seconds": 1}, "all_at_once has only one"),
        (4, CANARY | {"wait_interval_seconds": 3600}, "all waits together, which are 3600"),
        (
            4,
            CANARY | {"wait_interval_seconds": 1800, "termination_wait_seconds": 1800},
            "all waits together, which are 3600",
        ),
        (
            3,
            LINEAR | {"size": {"percent": 50}, "wait_interval_seconds": 1800},
            "all waits together, which are 3600",
        ),
        (
            4,
            LINEAR | {"wait_interval_seconds": 200, "timeout_seconds": 600},
            "all waits together, which are 600",
        ),
    ],
)
def test_what_aws_would_refuse_or_ignore(count: int, rollout: Any, problem: str) -> None:
    """It is refused before anything is published, with the rule that it breaks."""
    assert problem in refused(instance={"count": count}, rollout=rollout)


@pytest.mark.parametrize(
    ("rollout", "where"),
    [
        (CANARY | {"type": "rolling"}, "serve.rollout.type"),
        (CANARY | {"size": {"percent": 51}}, "serve.rollout.size.percent"),
        (CANARY | {"size": {"percent": 10, "instances": 1}}, "serve.rollout.size"),
        (CANARY | {"size": {}}, "serve.rollout.size"),
        (CANARY | {"wait_interval_seconds": 3601}, "serve.rollout.wait_interval_seconds"),
        (CANARY | {"termination_wait_seconds": 3601}, "serve.rollout.termination_wait_seconds"),
        (CANARY | {"timeout_seconds": 599}, "serve.rollout.timeout_seconds"),
        (CANARY | {"timeout_seconds": 28_801}, "serve.rollout.timeout_seconds"),
        (CANARY | {"alarms": ["a"] * 11}, "serve.rollout.alarms"),
        (CANARY | {"alarms": [" "]}, "serve.rollout.alarms.0"),
        (CANARY | {"bake": 60}, "serve.rollout.bake"),
    ],
)
def test_fields_have_sagemakers_limits(rollout: dict[str, Any], where: str) -> None:
    """The mistake's place is named."""
    assert refused(rollout=rollout).startswith(f"{where}:")


@pytest.mark.parametrize("kind", ["canary", "all_at_once"])
def test_serverless_has_no_rollout(kind: str) -> None:
    """AWS's guardrails are for instances."""
    rollout = CANARY if kind == "canary" else {"type": kind}
    problem = refused(instance=None, serverless={}, rollout=rollout)
    assert "no deployment guardrails for serverless" in problem


def test_instances_that_aws_does_not_guard() -> None:
    """AWS takes the rollout, and silently does without it."""
    problem = refused(instance={"type": "ml.inf1.xlarge", "count": 4}, rollout=CANARY)
    assert "AWS ignores a rollout for ml.inf1.* instances" in problem


def test_samples_travel_as_they_are_written() -> None:
    """Text, numbers, lists and objects with nulls; CSV is what a sample is unless it says."""
    samples = [
        SAMPLE,
        {"data": "1", "expect": {"a": [1, None, 0.5]}, "tolerance": 0.01},
        {"data": "{}", "content_type": "application/json"},
    ]
    resolved = serving(smoke_test=samples)
    assert resolved.smoke_test == (
        SmokeSample(data="5.1,3.5,1.4,0.2", content_type="text/csv", expect="setosa"),
        SmokeSample(data="1", expect={"a": [1, None, 0.5]}, tolerance=0.01),
        SmokeSample(data="{}", content_type="application/json"),
    )
    assert Serving.read(resolved.dump()) == resolved


def test_a_serverless_endpoint_can_be_tested() -> None:
    """The smoke test asks nothing but answers."""
    assert serving(instance=None, serverless={}, smoke_test=[SAMPLE]).smoke_test


@pytest.mark.parametrize(
    ("samples", "problem"),
    [
        ([SAMPLE] * 21, "serve.smoke_test: "),
        ([SAMPLE | {"data": ""}], "serve.smoke_test.0.data: "),
        ([SAMPLE | {"content_type": "text/csv\n"}], "serve.smoke_test.0.content_type: "),
        ([SAMPLE | {"tolerance": -1}], "serve.smoke_test.0.tolerance: "),
        ([SAMPLE | {"tolerance": float("nan")}], "serve.smoke_test.0.tolerance: "),
        ([SAMPLE | {"tolerance": 0.1}], "no JSON that could hold one"),
        ([{"data": "1", "tolerance": 0.1}], "no JSON that could hold one"),
        ([{"data": "1", "expect": float("inf")}], "not JSON compliant"),
        ([SAMPLE | {"expects": 1}], "serve.smoke_test.0.expects: "),
        ([SAMPLE | {"data": "é" * 33_000}], "the samples are "),
    ],
)
def test_samples_that_are_no_use(samples: list[Any], problem: str) -> None:
    """Too many, too large for the machines' input, or not to be compared."""
    assert problem in refused(smoke_test=samples)


def test_a_tolerance_may_be_for_a_number_in_text() -> None:
    """YAML's quotes do not change what is compared."""
    assert serving(smoke_test=[{"data": "1", "expect": "3.5", "tolerance": 0.1}]).smoke_test
