"""What SageMaker puts into CloudWatch: training's metrics and those of invocations."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from embedded_aws.errors import AwsError
from tests.unit.embedded_aws.sagemaker.conftest import SERVE
from tests.unit.embedded_aws.sagemaker.test_training import training

if TYPE_CHECKING:
    from tests.unit.embedded_aws.sagemaker.conftest import Bench


def put(bench: "Bench", name: str) -> list[dict[str, Any]]:
    """List the data that were put of a metric."""
    return [datum for _, datum in bench.cloudwatch.data if datum["MetricName"] == name]


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_training_metrics_come_while_the_job_runs(bench: "Bench") -> None:
    """Each value that a definition finds is put under the job's name; the last ones are final."""
    go = bench.settings.state / "go"
    code = f"""
print("loss=0.5; acc=nothing", flush=True)
print("acc=nan acc=-inf", flush=True)  # which CloudWatch does not take
print("loss=0.25; acc=0.75", flush=True)
while not Path({str(go)!r}).exists():
    time.sleep(0.01)
sys.stdout.write("loss=0.125")
"""
    spec = {
        "TrainingImage": bench.image(),
        "TrainingInputMode": "File",
        "MetricDefinitions": [
            {"Name": "loss", "Regex": r"loss=([0-9.]+)"},
            {"Name": "acc", "Regex": r"acc=(\S+)"},
            {"Name": "none", "Regex": r"none=(\d+)"},
        ],
    }
    training(bench, code, AlgorithmSpecification=spec)
    wait_until(lambda: len(put(bench, "loss")) == 2)
    assert bench.call("DescribeTrainingJob", TrainingJobName="job")["TrainingJobStatus"] == (
        "InProgress"
    )
    go.touch()
    job = bench.wait_for_job("Training", "job")
    assert [datum["Value"] for datum in put(bench, "loss")] == [0.5, 0.25, 0.125]
    [accuracy] = put(bench, "acc")
    assert accuracy["Dimensions"] == [{"Name": "TrainingJobName", "Value": "job"}]
    assert {namespace for namespace, _ in bench.cloudwatch.data} == {"/aws/sagemaker/TrainingJobs"}
    final = {each["MetricName"]: each["Value"] for each in job["FinalMetricDataList"]}
    assert final == {"loss": 0.125, "acc": 0.75}


def sums(bench: "Bench", name: str, **dimensions: str) -> tuple[float, float]:
    """Add up a metric of these very dimensions: its sum and its sample count."""
    found = [
        datum["StatisticValues"]
        for datum in put(bench, name)
        if {each["Name"]: each["Value"] for each in datum["Dimensions"]} == dimensions
    ]
    return sum(each["Sum"] for each in found), sum(each["SampleCount"] for each in found)


def test_invocations_are_counted(bench: "Bench") -> None:
    """Counts, errors by kind and latency, per variant and per config, put together in seconds."""
    bench.model("iris")
    bench.endpoint("E", "iris")
    for body in (b"x", b"status 400", b"status 404", b"status 500", b"sleep 0.05"):
        bench.invoke("e", body)
    with pytest.raises(AwsError):
        bench.invoke("e", headers={"X-Amzn-SageMaker-Target-Variant": "other"})
    variant = {"EndpointName": "E", "VariantName": "main"}
    wait_until(lambda: sums(bench, "Invocations", **variant) == (5, 5))
    assert sums(bench, "Invocation4XXErrors", **variant) == (2, 5)
    assert sums(bench, "Invocation5XXErrors", **variant) == (1, 5)
    total, count = sums(bench, "ModelLatency", **variant)
    assert count == 5
    assert 50_000 < total < 5_000_000
    overhead, count = sums(bench, "OverheadLatency", **variant)
    assert count == 5
    assert 0 < overhead < total, "the model takes longer than what is around it"
    assert put(bench, "ContainerLatency") == [], "which are for inference pipelines only"
    assert sums(bench, "Invocations", **variant, EndpointConfigName="iris") == (5, 5)
    assert {namespace for namespace, _ in bench.cloudwatch.data} == {"AWS/SageMaker"}
    # All of it in a few puts, however many requests there are.
    assert len(put(bench, "Invocations")) <= 6


def test_a_container_that_cannot_answer_counts_as_a_server_error(
    make_bench: "Callable[..., Bench]",
) -> None:
    """Neither a timeout nor a dead container goes unnoticed by an alarm."""
    bench = make_bench(invocation=0.3, restart_delay=5)
    bench.model("iris")
    bench.endpoint("e", "iris")
    bench.invoke("e", b"sleep 2")
    with pytest.raises(AwsError, match="not available"):
        bench.invoke("e", b"die")
    variant = {"EndpointName": "e", "VariantName": "main"}
    wait_until(lambda: sums(bench, "Invocation5XXErrors", **variant) == (2, 2))


def test_each_container_of_a_pipeline_has_its_latency(bench: "Bench") -> None:
    """Together they are the model's; what an error ended has none for those behind it."""
    image = bench.image(serve=SERVE)
    containers = [
        {"Image": image, "ModelDataUrl": bench.model_data(name), "ContainerHostname": name}
        for name in ("first", "second")
    ]
    bench.call("CreateModel", ModelName="chain", Containers=containers)
    bench.config("chain")
    bench.endpoint("e", "chain")
    for body in (b"x", b"sleep 0.05", b"status 400"):
        bench.invoke("e", body)
    variant = {"EndpointName": "e", "VariantName": "main"}
    wait_until(lambda: sums(bench, "Invocations", **variant) == (3, 3))
    first, seen_by_first = sums(bench, "ContainerLatency", **variant, ContainerName="first")
    second, seen_by_second = sums(bench, "ContainerLatency", **variant, ContainerName="second")
    assert (seen_by_first, seen_by_second) == (3, 2)
    assert first > 50_000
    assert sums(bench, "ModelLatency", **variant)[0] == pytest.approx(first + second)
