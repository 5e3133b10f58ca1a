"""The real pipeline `iris`, through what can become of a model: named cases, each a whole run.

The other cases play the same with a pipeline that takes no time; here the jobs learn, and the
endpoint serves what they have learnt.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dropforge import rollback
from dropforge.approve import approve

from .conftest import PublishIris
from .stack import ROOT, Stack, endpoint_of
from .test_cases import eventually

ROWS = (ROOT / "pipelines/iris/data/iris_label_first.csv").read_text("utf-8").splitlines()
FLOWERS = "".join(f"{row.partition(',')[2]}\n" for row in ROWS)
FIRST = "".join(f"{row}\n" for row in ROWS[:140])
SECOND = "".join(f"{row}\n" for row in ROWS[140:])
# One question tells two species apart, not three.
WORSE = {"max_depth": 1, "min_samples_leaf": 3, "random_state": 0}
LENIENT = {"thresholds": {"accuracy": {"minimum": 0.5}}}
WRONG_SAMPLE = {"smoke_test": [{"data": "5.1,3.5,1.4,0.2", "expect": "virginica"}]}
pytestmark = pytest.mark.timeout(240)


def answers(stack: Stack, name: str) -> list[str]:
    """Ask the endpoint for the species of all flowers."""
    answered = stack.target.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint_of(name), Body=FLOWERS.encode(), ContentType="text/csv"
    )
    return str(answered["Body"].read().decode()).split()


def created(stack: Stack, iris: PublishIris, name: str, **sections: Any) -> dict[str, Any]:
    """Deploy a first model."""
    iris(name, **sections)
    run = stack.run(name, FIRST)
    assert (run["status"], run["endpoint"]["action"]) == ("DEPLOYED", "CREATED"), run["reason"]
    return run


def challenged(stack: Stack, iris: PublishIris, name: str, **sections: Any) -> dict[str, Any]:
    """Drop more flowers, and let a model that is trained otherwise challenge the first."""
    iris(name, **sections)
    stack.drop(name, SECOND, "more.csv")
    return stack.ended_run(name, count=2)


def test_a_worse_challenger_within_the_margin(stack: Stack, iris: PublishIris) -> None:
    """It replaces the champion, and the run says by how much it is worse."""
    judge = LENIENT | {"margin": 0.5}
    created(stack, iris, "iris_within", judge=judge)
    before = answers(stack, "iris_within")
    run = challenged(stack, iris, "iris_within", judge=judge, train={"hyperparameters": WORSE})
    assert (run["status"], run["endpoint"]["action"]) == ("DEPLOYED", "UPDATED"), run["reason"]
    assert 0 < run["champion_metrics"]["accuracy"] - run["metrics"]["accuracy"] <= 0.5
    assert "worse than the champion" in run["reason"]
    assert answers(stack, "iris_within") != before


def test_a_worse_challenger_outside_the_margin(stack: Stack, iris: PublishIris) -> None:
    """The champion goes on serving."""
    created(stack, iris, "iris_outside")
    before = answers(stack, "iris_outside")
    training = {"hyperparameters": WORSE}
    run = challenged(stack, iris, "iris_outside", judge=LENIENT, train=training)
    assert (run["status"], run["endpoint"]["action"]) == ("REJECTED", "NONE"), run["reason"]
    assert "more than the margin of 0.05" in run["reason"]
    assert run["champion_metrics"]["accuracy"] > run["metrics"]["accuracy"] + 0.05
    assert answers(stack, "iris_outside") == before


def test_a_better_challenger_and_back(stack: Stack, iris: PublishIris) -> None:
    """It replaces the champion by the strict policy; a rollback brings the earlier model back."""
    name = "iris_better"
    better = LENIENT | {"policy": "better"}
    created(stack, iris, name, judge=better, train={"hyperparameters": WORSE})
    before = answers(stack, name)
    good = {"hyperparameters": WORSE | {"max_depth": 3}}
    run = challenged(stack, iris, name, judge=better, train=good)
    assert (run["status"], run["endpoint"]["action"]) == ("DEPLOYED", "UPDATED"), run["reason"]
    assert run["metrics"]["accuracy"] > run["champion_metrics"]["accuracy"]
    assert answers(stack, name) != before
    rollback.start(stack.target, name, None)
    ended = stack.ended_run(name, count=3)
    assert (ended["kind"], ended["status"]) == ("ROLLBACK", "DEPLOYED")
    assert answers(stack, name) == before


@pytest.mark.parametrize("how", ["approved", "turned_down", "in_registry", "timed_out"])
def test_a_model_that_waits_for_a_person(stack: Stack, iris: PublishIris, how: str) -> None:
    """Approved by the command line or in the registry it is deployed, else it is not."""
    name = f"iris_{how}"
    iris(name, approval={"mode": "manual", "timeout_seconds": 2 if how == "timed_out" else 600})
    stack.drop(name, FIRST)
    if how in {"approved", "turned_down"}:
        waiting = stack.waiting_run(name)
        approve(stack.target, waiting.run_id, approved=how == "approved", comment=None)
    elif how == "in_registry":
        stack.target.client("sagemaker").update_model_package(
            ModelPackageArn=stack.waiting_run(name).model_package, ModelApprovalStatus="Approved"
        )
    run = stack.ended_run(name)
    deployed = how in {"approved", "in_registry"}
    expected = ("DEPLOYED", "CREATED") if deployed else ("REJECTED", "NONE")
    assert (run["status"], run["endpoint"]["action"]) == expected, run["reason"]


def test_a_smoke_test_that_fails(stack: Stack, iris: PublishIris) -> None:
    """Every request is answered all the time, and by the old model once it is restored."""
    name = "iris_smoke"
    judge = LENIENT | {"margin": 0.5}
    first = created(stack, iris, name, judge=judge)
    before = answers(stack, name)
    over = threading.Event()
    seen: list[tuple[float, list[str]]] = []

    def ask() -> None:
        while not over.is_set():
            seen.append((time.time(), answers(stack, name)))

    with ThreadPoolExecutor(2) as threads:
        asking = [threads.submit(ask) for _ in range(2)]
        run = challenged(
            stack, iris, name, judge=judge, train={"hyperparameters": WORSE}, serve=WRONG_SAMPLE
        )
        over.set()
    assert [one.result() for one in asking] == [None, None]
    assert (run["status"], run["endpoint"]["action"]) == ("ROLLED_BACK", "NONE"), run["reason"]
    assert "The smoke test failed" in run["reason"]
    assert run["endpoint"]["config"] == first["endpoint"]["config"]
    described = stack.target.client("sagemaker").describe_endpoint(EndpointName=endpoint_of(name))
    restored = described["LastModifiedTime"].timestamp() + 0.001
    assert all(said == before for asked, said in seen if asked > restored)
    assert answers(stack, name) == before


def test_an_alarm_during_a_canary(stack: Stack, iris: PublishIris) -> None:
    """The alarm sounds while old and new model share the traffic: the old one gets all again."""
    name = "iris_canary"
    two = {"instance": {"type": "ml.m5.large", "count": 2}}
    first = created(stack, iris, name, serve=two)
    stack.target.client("cloudwatch").put_metric_alarm(
        AlarmName="iris-canary",
        Namespace="Shop",
        MetricName="Complaints",
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0.5,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    canary = {"type": "canary", "size": {"percent": 50}, "wait_interval_seconds": 120}
    iris(name, serve=two | {"rollout": canary | {"alarms": ["iris-canary"]}})
    stack.drop(name, SECOND, "more.csv")
    eventually(lambda: [True] if status(stack, name) == "Updating" else [])
    stack.target.client("cloudwatch").put_metric_data(
        Namespace="Shop", MetricData=[{"MetricName": "Complaints", "Value": 1}]
    )
    run = stack.ended_run(name, count=2)
    assert (run["status"], run["endpoint"]["action"]) == ("ROLLED_BACK", "NONE"), run["reason"]
    assert "iris-canary" in run["reason"]
    assert run["endpoint"]["config"] == first["endpoint"]["config"]


def status(stack: Stack, name: str) -> str:
    """Return the status of the pipeline's endpoint."""
    sagemaker = stack.target.client("sagemaker")
    return str(sagemaker.describe_endpoint(EndpointName=endpoint_of(name))["EndpointStatus"])


@pytest.mark.parametrize(
    ("forced", "expected", "says"),
    [
        ({"next": "RolledBack", "failure_reason": "No room."}, ("ROLLED_BACK", "NONE"), "No room."),
        ({"status": "Failed", "failure_reason": "No disk."}, ("DEPLOYED", "CREATED"), ""),
        (
            {"next": "UpdateRollbackFailed", "failure_reason": "Stuck."},
            ("FAILED", "NONE"),
            "nothing was deleted, and a person must look",
        ),
    ],
    ids=["silent_rollback", "failed", "rollback_failed"],
)
def test_an_endpoint_that_fails(
    stack: Stack, iris: PublishIris, forced: dict[str, str], expected: tuple[str, str], says: str
) -> None:
    """A silent rollback is seen, a failed endpoint made anew, one of two models left as it is."""
    name = f"iris_{expected[0].lower()}"
    created(stack, iris, name)
    stack.force(name, **forced)
    run = challenged(stack, iris, name)
    assert (run["status"], run["endpoint"]["action"]) == expected, run["reason"]
    assert says in run["reason"]
    if run["status"] == "FAILED":
        assert status(stack, name) == "UpdateRollbackFailed"
        models = stack.target.client("sagemaker").list_models(NameContains=name.replace("_", "-"))
        assert len(models["Models"]) == 2
