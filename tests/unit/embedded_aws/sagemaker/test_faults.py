"""Jobs and serving containers that faults strike: how they end, and what comes back."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from embedded_aws.errors import AwsError
from tests.unit.embedded_aws.sagemaker.test_processing import processing
from tests.unit.embedded_aws.sagemaker.test_training import training

if TYPE_CHECKING:
    from tests.unit.embedded_aws.sagemaker.conftest import Bench

type Eventually = Callable[[Callable[[], Any]], Any]

HANG = "import time\ntime.sleep(60)"


def start(bench: "Bench", kind: str, name: str = "job") -> None:
    """Start a job that does not end by itself."""
    if kind == "Training":
        training(bench, HANG, name=name)
    else:
        processing(bench, HANG, name=name)


@pytest.mark.parametrize(
    ("kind", "fault", "status", "reason"),
    [
        ("Training", {"then": "killed"}, "Failed", "AlgorithmError: , exit code: 137"),
        (
            "Training",
            {"then": "failed", "reason": "CapacityError: x"},
            "Failed",
            "CapacityError: x",
        ),
        ("Training", {"then": "stopped"}, "Stopped", None),
        ("Training", {"then": "timed_out"}, "Stopped", None),
        (
            "Processing",
            {"then": "killed"},
            "Failed",
            "AlgorithmError: See job logs for more information",
        ),
        ("Processing", {"then": "failed", "reason": "InternalServerError"}, "Failed", "Internal"),
        ("Processing", {"then": "stopped"}, "Stopped", None),
        ("Processing", {"then": "timed_out"}, "Stopped", None),
    ],
)
@pytest.mark.parametrize("is_running", [False, True])
def test_a_job_ends_as_asked(  # noqa: PLR0913, PLR0917
    bench: "Bench",
    kind: str,
    fault: dict[str, str],
    status: str,
    reason: str | None,
    is_running: bool,  # noqa: FBT001
) -> None:
    """Whether the fault was there first or the job, which has its program running."""
    document = {"kind": "job", "job": "jo", **fault}
    if not is_running:
        bench.faults.add(document)
    start(bench, kind)
    if is_running:
        wait_for_program(bench, kind)
        bench.faults.add(document)
    began = time.monotonic()
    job = bench.wait_for_job(kind, "job")
    assert time.monotonic() - began < 10
    assert job[f"{kind}JobStatus"] == status
    assert (job.get("FailureReason") or "").startswith(reason or "")
    assert ("FailureReason" in job) == (status == "Failed")
    assert bench.faults.pending() == []
    if kind == "Training" and status == "Stopped":
        secondary = "Stopped" if fault["then"] == "stopped" else "MaxRuntimeExceeded"
        assert job["SecondaryStatus"] == secondary


def wait_for_program(bench: "Bench", kind: str) -> None:
    """Wait until the job's program runs: it has its log then."""
    log = bench.settings.state / f"logs/aws/sagemaker/{kind}Jobs/job/algo-1.log"
    deadline = time.monotonic() + 10
    while not log.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.2)


def test_only_some_jobs_are_struck(bench: "Bench") -> None:
    """By name, by text in their request, and after so many."""
    bench.faults.add({"kind": "job", "job": "other", "then": "killed"})
    bench.faults.add({"kind": "job", "match": '"MODE": "fast"', "then": "killed", "after": 1})
    bench.faults.add({"kind": "job", "match": '"MODE": "slow"', "then": "killed"})
    training(bench, "", name="first")
    assert bench.wait_for_job("Training", "first")["TrainingJobStatus"] == "Completed"
    start(bench, "Training", "second")
    assert bench.wait_for_job("Training", "second")["TrainingJobStatus"] == "Failed"
    assert len(bench.faults.pending()) == 2


def test_a_job_is_struck_after_some_time(bench: "Bench") -> None:
    """One that has ended by then is spared, and a fault that was forgotten spares all."""
    bench.faults.add({"kind": "job", "then": "killed", "seconds": 1})
    training(bench, "", name="quick")
    assert bench.wait_for_job("Training", "quick")["TrainingJobStatus"] == "Completed"
    start(bench, "Training")
    began = time.monotonic()
    assert bench.wait_for_job("Training", "job")["TrainingJobStatus"] == "Failed"
    assert time.monotonic() - began > 0.5
    bench.faults.add({"kind": "job", "then": "killed", "seconds": 0.5})
    training(bench, "time.sleep(1)", name="spared")
    bench.faults.clear()
    assert bench.wait_for_job("Training", "spared")["TrainingJobStatus"] == "Completed"


def test_two_jobs_and_one_fault(bench: "Bench", eventually: Eventually) -> None:
    """It strikes one of them; the other meets the next fault."""

    def statuses() -> list[str]:
        return [
            bench.call("DescribeTrainingJob", TrainingJobName="one")["TrainingJobStatus"],
            bench.call("DescribeProcessingJob", ProcessingJobName="two")["ProcessingJobStatus"],
        ]

    bench.faults.add({"kind": "job", "then": "stopped", "seconds": 0.3})
    start(bench, "Training", "one")
    start(bench, "Processing", "two")
    eventually(lambda: "Stopped" in statuses())
    time.sleep(0.5)
    assert sorted(statuses()) == ["InProgress", "Stopped"]
    bench.faults.add({"kind": "job", "then": "stopped"})
    assert bench.wait_for_job("Training", "one")["TrainingJobStatus"] == "Stopped"
    assert bench.wait_for_job("Processing", "two")["ProcessingJobStatus"] == "Stopped"


def answers(bench: "Bench", endpoint: str = "e") -> bool:
    """Say whether an endpoint answers."""
    try:
        return bench.invoke(endpoint)[0] == 200
    except AwsError:
        return False


def starts(bench: "Bench") -> int:
    """Count the programs that began to serve."""
    logs = (bench.settings.state / "logs/aws/sagemaker/Endpoints/e").glob("*.log")
    return sum(log.read_text().count("serving") for log in logs)


def test_a_container_is_killed_and_comes_back(
    make_bench: "Callable[..., Bench]", eventually: Eventually
) -> None:
    """The endpoint stays InService, answers nothing for a while, then serves again."""
    bench = make_bench(restart_delay=0.5)
    bench.model("iris")
    bench.endpoint("e", "iris")
    bench.faults.add({"kind": "endpoint", "endpoint": "other"})
    assert answers(bench)
    bench.faults.add({"kind": "endpoint", "endpoint": "e", "match": "iris"})
    assert not answers(bench)
    assert bench.call("DescribeEndpoint", EndpointName="e")["EndpointStatus"] == "InService"
    eventually(lambda: answers(bench))
    assert starts(bench) == 2
    assert len(bench.faults.pending()) == 1


def test_a_container_that_is_killed_again_and_again(
    make_bench: "Callable[..., Bench]", eventually: Eventually
) -> None:
    """As often as asked, as soon as it runs; asked for before there was an endpoint."""
    bench = make_bench(restart_delay=0.3)
    bench.faults.add({"kind": "endpoint", "endpoint": "e", "times": 2})
    bench.model("iris")
    bench.endpoint("e", "iris")
    eventually(lambda: bench.faults.pending() == [])
    eventually(lambda: answers(bench))


def test_a_container_that_stays_away(
    make_bench: "Callable[..., Bench]", eventually: Eventually
) -> None:
    """Until an update brings a new one."""
    bench = make_bench(restart_delay=0.1)
    bench.model("one")
    bench.endpoint("e", "one")
    bench.faults.add({"kind": "endpoint", "restarts": False})
    time.sleep(1)
    assert not answers(bench)
    assert starts(bench) == 1
    bench.model("two")
    bench.call("UpdateEndpoint", EndpointName="e", EndpointConfigName="two")
    eventually(lambda: answers(bench))
    assert bench.wait_for_endpoint("e")["EndpointConfigName"] == "two"
