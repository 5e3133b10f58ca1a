import io
import json
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from embedded_aws.errors import AwsError

if TYPE_CHECKING:
    from tests.unit.embedded_aws.sagemaker.conftest import Bench

PREAMBLE = """
import json, os, sys, time
from pathlib import Path
base = Path(os.environ["SAGEMAKER_BASE_DIR"])
"""


def training(bench: "Bench", train: str, *, name: str = "job", **changes: Any) -> None:
    """Start a job whose image's `train` is the given code."""
    bench.put("train/a.csv", "1,2")
    request = {
        "TrainingJobName": name,
        "RoleArn": bench.role,
        "AlgorithmSpecification": {
            "TrainingImage": bench.image(train=PREAMBLE + train),
            "TrainingInputMode": "File",
        },
        "HyperParameters": {"depth": "3"},
        "Environment": {"MODE": "fast"},
        "InputDataConfig": [channel("train", f"s3://{bench.bucket}/train/")],
        "OutputDataConfig": {"S3OutputPath": f"s3://{bench.bucket}/models"},
        "ResourceConfig": {
            "InstanceType": "ml.m5.large",
            "InstanceCount": 1,
            "VolumeSizeInGB": 5,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    bench.call("CreateTrainingJob", **request | changes)


def channel(name: str, uri: str, kind: str = "S3Prefix") -> dict[str, Any]:
    """Describe a channel."""
    source = {"S3DataType": kind, "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {
        "ChannelName": name,
        "ContentType": "text/csv",
        "DataSource": {"S3DataSource": source},
    }


def unpacked(bench: "Bench", key: str) -> dict[str, str]:
    """Read a .tar.gz in S3."""
    with tarfile.open(fileobj=io.BytesIO(bench.get(key))) as tar:
        members = [(member.name, tar.extractfile(member)) for member in tar if member.isfile()]
        return {name: file.read().decode() for name, file in members if file}


def test_a_job_trains_a_model(bench: "Bench") -> None:
    """Channels, hyperparameters and variables reach `train`; model and output are packed."""
    training(
        bench,
        """
config = base / "input/config"
told = {name: json.loads((config / f"{name}.json").read_text())
        for name in ("hyperparameters", "inputdataconfig", "resourceconfig")}
told["data"] = (base / "input/data/train/a.csv").read_text()
told["mode"] = os.environ["MODE"]
told["job"] = os.environ["TRAINING_JOB_NAME"]
told["arguments"] = sys.argv[1:]
(base / "model/deep").mkdir()
(base / "model/deep/told.json").write_text(json.dumps(told))
(base / "output/data/curve").write_text("up")
""",
    )
    job = bench.wait_for_job("Training", "job")
    assert job["TrainingJobStatus"] == "Completed"
    artifacts = f"s3://{bench.bucket}/models/job/output/model.tar.gz"
    assert job["ModelArtifacts"] == {"S3ModelArtifacts": artifacts}
    told = json.loads(unpacked(bench, "models/job/output/model.tar.gz")["deep/told.json"])
    assert told["hyperparameters"] == {"depth": "3"}
    assert told["inputdataconfig"] == {
        "train": {
            "ContentType": "text/csv",
            "TrainingInputMode": "File",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
        }
    }
    assert told["resourceconfig"]["hosts"] == ["algo-1"]
    assert told["resourceconfig"]["current_instance_type"] == "ml.m5.large"
    assert (told["data"], told["mode"], told["job"]) == ("1,2", "fast", "job")
    assert told["arguments"] == []
    assert unpacked(bench, "models/job/output/output.tar.gz") == {"curve": "up"}


def test_the_statuses_are_passed_one_by_one(bench: "Bench") -> None:
    """Every secondary status is in the transitions and in the events, in order, with times."""
    training(bench, "")
    job = bench.wait_for_job("Training", "job")
    passed = [each["Status"] for each in job["SecondaryStatusTransitions"]]
    assert passed == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert [detail["SecondaryStatus"] for _, detail, _ in bench.events] == passed
    assert {kind for kind, _, _ in bench.events} == {"SageMaker Training Job State Change"}
    ends = [each["EndTime"] for each in job["SecondaryStatusTransitions"]]
    assert ends == sorted(ends)
    assert job["TrainingStartTime"] <= job["TrainingEndTime"]
    assert job["TrainingTimeInSeconds"] == job["BillableTimeInSeconds"] == 1


def test_an_empty_model_is_not_uploaded(bench: "Bench") -> None:
    """As on AWS, a job that leaves nothing has nothing in S3."""
    training(bench, "")
    assert bench.wait_for_job("Training", "job")["TrainingJobStatus"] == "Completed"
    assert bench.keys("models") == []


def test_a_failing_job_tells_its_failure_file(bench: "Bench") -> None:
    """The failure file and the exit code are the FailureReason, cut; no model is kept."""
    training(
        bench,
        """
(base / "model/half").write_text("x")
(base / "output/failure").write_text("no such column" + "!" * 2000)
sys.exit(2)
""",
    )
    job = bench.wait_for_job("Training", "job")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"].startswith("AlgorithmError: no such column!")
    assert len(job["FailureReason"]) == 1024
    assert bench.keys("models") == []
    assert bench.events[-1][1]["FailureReason"] == job["FailureReason"]


def test_a_killed_job_tells_its_exit_code(bench: "Bench") -> None:
    """A signal is an exit code of 128 and its number, as Docker gives it."""
    training(bench, "import signal\nos.kill(os.getpid(), signal.SIGKILL)")
    reason = bench.wait_for_job("Training", "job")["FailureReason"]
    assert reason == "AlgorithmError: , exit code: 137"


def test_a_stopped_job_keeps_its_model(bench: "Bench") -> None:
    """SIGTERM lets `train` save the model; it is uploaded, and the job ends as Stopped."""
    training(
        bench,
        """
import signal
def save(*_):
    (base / "model/saved").write_text("as far as I got")
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
print("up", flush=True)
time.sleep(60)
""",
    )
    log = bench.settings.state / "logs/aws/sagemaker/TrainingJobs/job/algo-1.log"
    wait_for_text(log, "up")
    bench.call("StopTrainingJob", TrainingJobName="job")
    job = bench.wait_for_job("Training", "job")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    passed = [each["Status"] for each in job["SecondaryStatusTransitions"]]
    assert passed[-4:] == ["Training", "Stopping", "Uploading", "Stopped"]
    assert unpacked(bench, "models/job/output/model.tar.gz") == {"saved": "as far as I got"}
    with pytest.raises(AwsError, match="training job is in status Stopped"):
        bench.call("StopTrainingJob", TrainingJobName="job")


def test_a_job_that_runs_too_long_is_stopped(bench: "Bench") -> None:
    """MaxRuntimeInSeconds ends the job as Stopped, MaxRuntimeExceeded."""
    training(bench, "time.sleep(60)", StoppingCondition={"MaxRuntimeInSeconds": 1})
    job = bench.wait_for_job("Training", "job")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_metrics_are_read_from_the_log(bench: "Bench") -> None:
    """The last match of each regex is a final metric; what is no number is passed over."""
    spec = {
        "TrainingImage": bench.image(),
        "TrainingInputMode": "File",
        "MetricDefinitions": [
            {"Name": "loss", "Regex": r"loss=([0-9.eE+-]+|nothing)"},
            {"Name": "never", "Regex": "never=(.*)"},
        ],
    }
    code = "print('loss=0.5')\nprint('epoch 2 loss=0.25 ok')\nprint('loss=nothing')"
    training(bench, code, AlgorithmSpecification=spec)
    job = bench.wait_for_job("Training", "job")
    [metric] = job["FinalMetricDataList"]
    assert (metric["MetricName"], metric["Value"]) == ("loss", 0.25)


def test_a_spot_job_keeps_its_checkpoints(bench: "Bench") -> None:
    """Checkpoints are there when the job starts and in S3 when it ends, even if it fails."""
    bench.put("checkpoints/1", "one")
    training(
        bench,
        """
folder = base / "checkpoints"
(folder / "2").write_text((folder / "1").read_text() + " two")
sys.exit(1)
""",
        EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60},
        CheckpointConfig={"S3Uri": f"s3://{bench.bucket}/checkpoints"},
    )
    assert bench.wait_for_job("Training", "job")["TrainingJobStatus"] == "Failed"
    assert bench.get("checkpoints/2") == b"one two"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"EnableManagedSpotTraining": True},
            "Invalid MaxWaitTimeInSeconds",
        ),
        (
            {"StoppingCondition": {"MaxRuntimeInSeconds": 9, "MaxWaitTimeInSeconds": 9}},
            "MaxWaitTimeInSeconds is not supported",
        ),
        (
            {"CheckpointConfig": {"S3Uri": "s3://b/c", "LocalPath": "/var/x"}},
            "CheckpointConfig.LocalPath",
        ),
        ({"InputDataConfig": [channel("train", "s3://none/x")]}, "No S3 objects found"),
        ({"ResourceConfig": {"InstanceCount": 1}}, "'resourceConfig.instanceType'"),
    ],
)
def test_what_makes_no_sense_together_is_refused(
    bench: "Bench", changes: dict[str, Any], message: str
) -> None:
    """Such requests are a ValidationException at once, and no job is left of them."""
    with pytest.raises(AwsError, match=message) as refusal:
        training(bench, "", **changes)
    assert refusal.value.code == "ValidationException"
    assert bench.call("ListTrainingJobs")["TrainingJobSummaries"] == []


def test_a_name_is_never_free_again(bench: "Bench") -> None:
    """A second job of a name is ResourceInUse, with AWS's message."""
    training(bench, "")
    bench.wait_for_job("Training", "job")
    with pytest.raises(AwsError) as refusal:
        training(bench, "")
    assert refusal.value.code == "ResourceInUse"
    assert refusal.value.message == (
        "Training job names must be unique within an AWS account and region, and a training job"
        " with this name already exists"
        " (arn:aws:sagemaker:us-east-1:123456789012:training-job/job)"
    )


def test_a_job_that_is_not_there(bench: "Bench") -> None:
    """Describe and Stop say so as AWS does."""
    for operation in ("DescribeTrainingJob", "StopTrainingJob"):
        with pytest.raises(AwsError) as refusal:
            bench.call(operation, TrainingJobName="nope")
        assert refusal.value.code == "ValidationException"
        assert refusal.value.message == "Requested resource not found."


def test_jobs_are_listed(bench: "Bench") -> None:
    """Lists are filtered, sorted and paged."""
    for name in ("b-one", "a-one", "c-two"):
        training(bench, "", name=name)
        bench.wait_for_job("Training", name)
    asked: dict[str, Any] = {"NameContains": "ONE", "SortBy": "Name", "MaxResults": 1}
    first = bench.call("ListTrainingJobs", **asked, StatusEquals="Completed")
    assert [each["TrainingJobName"] for each in first["TrainingJobSummaries"]] == ["a-one"]
    second = bench.call("ListTrainingJobs", **asked, NextToken=first["NextToken"])
    assert [each["TrainingJobName"] for each in second["TrainingJobSummaries"]] == ["b-one"]
    assert "NextToken" not in second
    assert bench.call("ListTrainingJobs", StatusEquals="Failed")["TrainingJobSummaries"] == []
    later = bench.call("ListTrainingJobs", CreationTimeAfter=time.time() + 60)
    assert later["TrainingJobSummaries"] == []
    with pytest.raises(AwsError, match="pagination token"):
        bench.call("ListTrainingJobs", NextToken="-1")


def wait_for_text(path: Path, text: str) -> None:
    """Wait until a file holds a text."""
    deadline = time.monotonic() + 10
    while not path.exists() or text not in path.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
