"""Managed spot training: interrupted, restarted, and what becomes of the checkpoints."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.embedded_aws.sagemaker.test_training import training, unpacked, wait_for_text

if TYPE_CHECKING:
    from tests.unit.embedded_aws.sagemaker.conftest import Bench

# Counts epochs up to ten and saves each one; now and then it waits to be interrupted.
TRAIN = """
folder, done = base / os.environ["FOLDER"], 0
if (folder / "epoch").exists():
    done = int((folder / "epoch").read_text())
print(f"begins after epoch {done}", flush=True)
for epoch in range(done + 1, 11):
    (folder / "draft").write_text(str(epoch))
    (folder / "draft").rename(folder / "epoch")
    print(f"epoch {epoch}; loss={1 / epoch};", flush=True)
    if epoch in (3, 6, 9):
        time.sleep(float(os.environ["PAUSE"]))
(base / "model/epochs").write_text(str(epoch))
"""


def spot(bench: "Bench", train: str = TRAIN, **changes: Any) -> None:
    """Start a spot job with checkpoints."""
    request: dict[str, Any] = {
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60},
        "CheckpointConfig": {"S3Uri": f"s3://{bench.bucket}/checkpoints"},
        "Environment": {"FOLDER": "checkpoints", "PAUSE": "60"},
    }
    training(bench, train, **request | changes)


def interrupt(bench: "Bench", **fields: Any) -> None:
    """Interrupt a job's instances."""
    bench.faults.add({"kind": "job", "then": "interrupted", **fields})


def until(condition: Callable[[], bool]) -> None:
    """Wait for something."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_for_checkpoint(bench: "Bench", name: str, content: str) -> None:
    """Wait until S3 has a checkpoint."""
    key = f"checkpoints/{name}"
    until(lambda: key in bench.keys("checkpoints") and bench.get(key) == content.encode())


def passed(job: Mapping[str, Any]) -> list[str]:
    """List the statuses that a job has passed."""
    return [each["Status"] for each in job["SecondaryStatusTransitions"]]


def log_of(bench: "Bench") -> str:
    """Read what a job has printed."""
    return log_path(bench).read_text()


def log_path(bench: "Bench") -> Path:
    """Name a job's log."""
    return bench.settings.state / "logs/aws/sagemaker/TrainingJobs/job/algo-1.log"


def test_a_job_that_is_interrupted_three_times_goes_on_where_it_was(
    make_bench: Callable[..., "Bench"],
) -> None:
    """Each new instance has the checkpoint of the one before; every epoch is trained once."""
    bench = make_bench(checkpoint_interval=0.05)
    spot(bench)
    for epoch in (3, 6, 9):
        wait_for_checkpoint(bench, "epoch", str(epoch))
        interrupt(bench)
    job = bench.wait_for_job("Training", "job")
    assert job["TrainingJobStatus"] == "Completed"
    attempt = ["Starting", "Downloading", "Training"]
    again = [*attempt, "Interrupted"]
    assert passed(job) == [*again * 3, *attempt, "Uploading", "Completed"]
    assert unpacked(bench, "models/job/output/model.tar.gz") == {"epochs": "10"}
    assert [log_of(bench).count(f"epoch {epoch};") for epoch in range(1, 11)] == [1] * 10
    assert bench.keys("checkpoints") == ["checkpoints/epoch"]


def test_without_checkpoints_a_job_starts_anew(bench: "Bench") -> None:
    """A new instance has nothing of the one before; metrics are read from both."""
    spec = {
        "TrainingImage": bench.image(),
        "TrainingInputMode": "File",
        "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+);"}],
    }
    interrupt(bench, seconds=1)
    spot(
        bench,
        AlgorithmSpecification=spec,
        CheckpointConfig=None,
        Environment={"FOLDER": "output", "PAUSE": "0.6"},
    )
    job = bench.wait_for_job("Training", "job")
    assert job["TrainingJobStatus"] == "Completed"
    assert log_of(bench).count("begins after epoch 0") == 2
    assert job["FinalMetricDataList"][0]["Value"] == pytest.approx(0.1)


def test_time_without_an_instance_is_not_billed(bench: "Bench") -> None:
    """While there is no capacity, the job waits; that counts as training time, not as billed."""
    spot(bench, 'if list((base / "checkpoints").iterdir()): sys.exit()\n' + HANG)
    wait_for_checkpoint(bench, "up", "up")
    interrupt(bench, away=2)
    job = bench.wait_for_job("Training", "job")
    assert job["TrainingJobStatus"] == "Completed"
    assert job["TrainingTimeInSeconds"] - job["BillableTimeInSeconds"] in (1, 2, 3)


HANG = """
(base / "checkpoints" / "up").write_text("up")
print("up", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("away", [0.5, 60])
def test_a_job_that_has_waited_too_long_is_stopped(bench: "Bench", away: float) -> None:
    """MaxWaitTimeInSeconds ends the job, whether it runs then or waits for capacity."""
    limits = {"MaxRuntimeInSeconds": 3, "MaxWaitTimeInSeconds": 3}
    interrupt(bench, away=away)
    spot(bench, HANG, StoppingCondition=limits)
    job = bench.wait_for_job("Training", "job")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxWaitTimeExceeded")
    assert "Interrupted" in passed(job)
    assert "Stopping" in passed(job)


def test_a_job_can_be_stopped_while_it_waits_for_capacity(bench: "Bench") -> None:
    """It ends at once, as Stopped."""
    spot(bench, HANG)
    wait_for_text(log_path(bench), "up")
    interrupt(bench, away=60)
    bench.wait("DescribeTrainingJob", "SecondaryStatus", {"Interrupted"}, TrainingJobName="job")
    bench.call("StopTrainingJob", TrainingJobName="job")
    job = bench.wait_for_job("Training", "job")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")


def test_a_program_has_a_grace_and_no_more(bench: "Bench") -> None:
    """After SIGTERM it may finish within the grace; SIGKILL ends one that does not."""
    code = """
import signal
if list((base / "checkpoints").glob("*")):
    sys.exit()
signal.signal(signal.SIGTERM, lambda *_: (base / "checkpoints" / "told").write_text("in time"))
print("up", flush=True)
while True:
    time.sleep(0.05)
"""
    spot(bench, code)
    wait_for_text(log_path(bench), "up")
    begun = time.monotonic()
    interrupt(bench, grace=3)
    job = bench.wait_for_job("Training", "job")
    assert job["TrainingJobStatus"] == "Completed"
    assert bench.get("checkpoints/told") == b"in time"
    assert time.monotonic() - begun > 3


def test_what_is_being_written_is_not_copied(make_bench: Callable[..., "Bench"]) -> None:
    """A file that grows is copied once it has settled, and not at all when its writer is killed."""
    bench = make_bench(checkpoint_interval=0.2)
    code = """
if (base / "checkpoints" / "whole").exists():
    sys.exit(len(list((base / "checkpoints").glob("half"))))
(base / "checkpoints" / "whole").write_text("whole")
with open(base / "checkpoints" / "half", "w") as file:
    while True:
        print("up", file=file, flush=True)
        time.sleep(0.01)
"""
    spot(bench, code)
    until(lambda: bench.keys("checkpoints") == ["checkpoints/whole"])
    interrupt(bench)
    job = bench.wait_for_job("Training", "job")
    assert job["TrainingJobStatus"] == "Completed"
    assert bench.keys("checkpoints") == ["checkpoints/whole"]


def test_what_the_container_removes_is_removed_from_s3(make_bench: Callable[..., "Bench"]) -> None:
    """As on AWS; and what was there before is not copied again."""
    bench = make_bench(checkpoint_interval=0.05)
    bench.put("checkpoints/old", "1")
    bench.put("checkpoints/kept", "1")

    def written() -> Any:
        return bench.s3.head_object(Bucket=bench.bucket, Key="checkpoints/kept")["LastModified"]

    before = written()
    time.sleep(1.1)  # S3 tells whole seconds
    spot(bench, '(base / "checkpoints" / "old").unlink()\n(base / "checkpoints" / "n").touch()')
    bench.wait_for_job("Training", "job")
    assert bench.keys("checkpoints") == ["checkpoints/kept", "checkpoints/n"]
    assert written() == before


def test_only_spot_jobs_are_interrupted(bench: "Bench") -> None:
    """A job on demand lets such a fault pass, and it stays for one that is meant."""
    interrupt(bench)
    training(bench, "")
    assert bench.wait_for_job("Training", "job")["TrainingJobStatus"] == "Completed"
    assert len(bench.faults.pending()) == 1
