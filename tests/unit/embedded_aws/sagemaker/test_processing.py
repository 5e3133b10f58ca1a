import json
import time
import venv
from typing import TYPE_CHECKING, Any

import pytest

from embedded_aws.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.embedded_aws.sagemaker.conftest import Bench

SCRIPT = "/opt/ml/processing/input/code/script.py"


def processing(bench: "Bench", script: str, *, name: str = "job", **changes: Any) -> str:
    """Start a job that runs a script, with the folders in/ and out/; return its name."""
    bench.put("code/script.py", script)
    request = {
        "ProcessingJobName": name,
        "RoleArn": bench.role,
        "AppSpecification": {
            "ImageUri": bench.image(),
            "ContainerEntrypoint": ["python3", SCRIPT],
            "ContainerArguments": ["--to", "/opt/ml/processing/out", "/opt/mlx"],
        },
        "Environment": {"FROM": "/opt/ml/processing/in", "MODE": "fast"},
        "ProcessingInputs": [
            s3_input("code", f"s3://{bench.bucket}/code/"),
            *changes.pop("inputs", []),
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "out",
                    "S3Output": {
                        "S3Uri": f"s3://{bench.bucket}/results",
                        "LocalPath": "/opt/ml/processing/out",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 5,
            }
        },
        "Tags": [{"Key": "run", "Value": "1"}],
    }
    bench.call("CreateProcessingJob", **request | changes)
    return name


def s3_input(name: str, uri: str, kind: str = "S3Prefix") -> dict[str, Any]:
    """Describe an input from S3."""
    folder = "input/code" if name == "code" else name
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": f"/opt/ml/processing/{folder}",
            "S3DataType": kind,
            "S3InputMode": "File",
        },
    }


def test_an_image_may_have_a_python_of_its_own(bench: "Bench") -> None:
    """In `.venv` of its folder; the job's programs run with that one."""
    bench.image()
    environment = bench.settings.state / "images/test/image/1/.venv"
    venv.create(environment, symlinks=True)
    script = "import pathlib, sys; pathlib.Path(sys.argv[2], 'prefix').write_text(sys.prefix)"
    done = bench.wait_for_job("Processing", processing(bench, script))
    assert done["ProcessingJobStatus"] == "Completed"
    assert bench.get("results/prefix").decode() == str(environment)


def test_a_job_gets_its_inputs_and_leaves_its_outputs(bench: "Bench") -> None:
    """Inputs, arguments, variables and configuration reach the script; its files reach S3."""
    bench.put("data/a.csv", "1")
    bench.put("data/deep/b.csv", "2")
    processing(
        bench,
        """
import json, os, sys
from pathlib import Path
base = Path(os.environ["SAGEMAKER_BASE_DIR"])
source, target = Path(os.environ["FROM"]), Path(sys.argv[2])
found = {str(p.relative_to(source)): p.read_text() for p in source.rglob("*") if p.is_file()}
config = json.loads((base / "config/processingjobconfig.json").read_text())
hosts = json.loads((base / "config/resourceconfig.json").read_text())
(target / "sub").mkdir()
told = {"found": found, "name": config["ProcessingJobName"], "arn": config["ProcessingJobArn"],
        "host": hosts["current_host"], "unchanged": sys.argv[3], "home": os.environ["HOME"],
        "mode": os.environ["MODE"], "variables": sorted(os.environ)}
(target / "sub/told.json").write_text(json.dumps(told))
(base / "output/message").write_text("all went well")
print("working")
""",
        inputs=[s3_input("in", f"s3://{bench.bucket}/data")],
    )
    job = bench.wait_for_job("Processing", "job")
    assert (job["ProcessingJobStatus"], job["ExitMessage"]) == ("Completed", "all went well")
    told = json.loads(bench.get("results/sub/told.json"))
    assert told["found"] == {"a.csv": "1", "deep/b.csv": "2"}
    assert (told["name"], told["arn"]) == ("job", job["ProcessingJobArn"])
    assert (told["host"], told["mode"], told["unchanged"]) == ("algo-1", "fast", "/opt/mlx")
    assert "PYTEST_CURRENT_TEST" not in told["variables"]
    log = bench.settings.state / "logs/aws/sagemaker/ProcessingJobs/job/algo-1.log"
    assert log.read_text() == "working\n"
    assert not (bench.settings.state / "jobs/ProcessingJobs/job").exists()


def test_describe_tells_the_request_and_the_times(bench: "Bench") -> None:
    """Describe answers what was asked for, with defaults, ARN and times that have a zone."""
    processing(bench, "")
    job = bench.wait_for_job("Processing", "job")
    assert job["ProcessingJobArn"] == "arn:aws:sagemaker:us-east-1:123456789012:processing-job/job"
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}
    assert job["AppSpecification"]["ContainerEntrypoint"] == ["python3", SCRIPT]
    times = [job[f] for f in ("CreationTime", "ProcessingStartTime", "ProcessingEndTime")]
    assert times == sorted(times)
    assert all(time.tzinfo for time in times)
    assert "Tags" not in job


def test_events_follow_the_status(bench: "Bench") -> None:
    """EventBridge hears of InProgress and Completed, with AWS's details and epoch milliseconds."""
    processing(bench, "")
    bench.wait_for_job("Processing", "job")
    kinds = {kind for kind, _, _ in bench.events}
    assert kinds == {"SageMaker Processing Job State Change"}
    details = [detail for _, detail, _ in bench.events]
    assert [d["ProcessingJobStatus"] for d in details] == ["InProgress", "Completed"]
    assert details[1]["Tags"] == {"run": "1"}
    assert isinstance(details[1]["ProcessingEndTime"], int)
    assert bench.events[1][2] == [details[1]["ProcessingJobArn"]]


def test_a_manifest_selects_objects(bench: "Bench") -> None:
    """A ManifestFile input brings the objects that it names, under the names that it gives."""
    bench.put("data/a b/ü.csv", "1")
    bench.put("data/c.csv", "2")
    bench.put("data/not.csv", "3")
    manifest = [{"prefix": f"s3://{bench.bucket}/data/"}, "a b/ü.csv", "c.csv"]
    uri = bench.put("input.manifest", json.dumps(manifest))
    processing(
        bench,
        """
import os, sys
from pathlib import Path
source = Path(os.environ["FROM"])
names = sorted(str(p.relative_to(source)) for p in source.rglob("*") if p.is_file())
(Path(sys.argv[2]) / "names").write_text("\\n".join(names))
""",
        inputs=[s3_input("in", uri, "ManifestFile")],
    )
    assert bench.wait_for_job("Processing", "job")["ProcessingJobStatus"] == "Completed"
    assert bench.get("results/names").decode().splitlines() == ["a b/ü.csv", "c.csv"]


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "..", "a\0b"])
def test_a_hostile_name_stays_outside(bench: "Bench", name: str) -> None:
    """A manifest's name that leads out of the input's folder fails the job and writes nothing."""
    manifest = [{"prefix": f"s3://{bench.bucket}/data/"}, name]
    uri = bench.put("input.manifest", json.dumps(manifest))
    processing(bench, "", inputs=[s3_input("in", uri, "ManifestFile")])
    job = bench.wait_for_job("Processing", "job")
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].endswith("would be written outside the folder of its input")
    assert not list(bench.settings.state.rglob("x"))


def test_a_hostile_key_stays_outside(bench: "Bench") -> None:
    """A key with `..` below a prefix fails the job and writes nothing."""
    bench.put("data/../../x", "evil")
    processing(bench, "", inputs=[s3_input("in", f"s3://{bench.bucket}/data/")])
    job = bench.wait_for_job("Processing", "job")
    assert "would be written outside" in job["FailureReason"]
    assert not list(bench.settings.state.rglob("x"))


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("s3://{bucket}/nothing/", "No S3 objects found under S3 URL"),
        ("s3://no-such-bucket/x/", "NoSuchBucket"),
    ],
)
def test_data_that_is_not_there_fails_the_job(bench: "Bench", uri: str, reason: str) -> None:
    """An empty prefix and a missing bucket are ClientErrors that name the URI."""
    uri = uri.format(bucket=bench.bucket)
    processing(bench, "", inputs=[s3_input("in", uri)])
    job = bench.wait_for_job("Processing", "job")
    assert job["FailureReason"].startswith("ClientError: ")
    assert reason in job["FailureReason"]
    assert uri in job["FailureReason"]


def test_a_failing_script_fails_the_job(bench: "Bench") -> None:
    """The exit code decides; the message file's first KB is the ExitMessage; no output is kept."""
    processing(
        bench,
        """
import os, sys
from pathlib import Path
(Path(os.environ["SAGEMAKER_BASE_DIR"]) / "output/message").write_text("é" * 600)
(Path(sys.argv[2]) / "half").write_text("x")
sys.exit(3)
""",
    )
    job = bench.wait_for_job("Processing", "job")
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert job["ExitMessage"] == "é" * 512
    assert bench.keys("results") == []


def test_a_missing_program_and_a_missing_image_fail_the_job(bench: "Bench") -> None:
    """Neither leaves the job hanging; both reasons say what is missing."""
    app = {"ImageUri": bench.image(), "ContainerEntrypoint": ["no-such-program"]}
    processing(bench, "", name="a", AppSpecification=app)
    reason = bench.wait_for_job("Processing", "a")["FailureReason"]
    assert "no-such-program" in reason
    app = {"ImageUri": "no/image:1", "ContainerEntrypoint": ["true"]}
    processing(bench, "", name="b", AppSpecification=app)
    reason = bench.wait_for_job("Processing", "b")["FailureReason"]
    assert reason.startswith("ClientError: Requested image no/image:1 not found")


def test_a_job_that_runs_too_long_is_stopped(bench: "Bench") -> None:
    """MaxRuntimeInSeconds ends the program with SIGTERM, and the job as Stopped."""
    processing(
        bench,
        "import time\nprint('up', flush=True)\ntime.sleep(60)",
        StoppingCondition={"MaxRuntimeInSeconds": 1},
    )
    started = time.monotonic()
    job = bench.wait_for_job("Processing", "job")
    assert job["ProcessingJobStatus"] == "Stopped"
    assert 0.9 < time.monotonic() - started < 30


def test_stopping_sends_sigterm_then_sigkill(make_bench: "Callable[..., Bench]") -> None:
    """A program that ignores SIGTERM is killed once the grace is over; a second stop is refused."""
    bench = make_bench(stop_grace=0.5)
    processing(
        bench,
        """
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGTERM, lambda *_: print("asked to stop", flush=True))
print("up", flush=True)
while True:
    time.sleep(1)
""",
    )
    log = bench.settings.state / "logs/aws/sagemaker/ProcessingJobs/job/algo-1.log"
    wait_for_text(log, "up")
    bench.call("StopProcessingJob", ProcessingJobName="job")
    assert bench.call("DescribeProcessingJob", ProcessingJobName="job")["ProcessingJobStatus"] in (
        "Stopping",
        "Stopped",
    )
    job = bench.wait_for_job("Processing", "job")
    assert job["ProcessingJobStatus"] == "Stopped"
    assert "asked to stop" in log.read_text()
    statuses = [detail["ProcessingJobStatus"] for _, detail, _ in bench.events]
    assert statuses == ["InProgress", "Stopping", "Stopped"]
    with pytest.raises(AwsError, match="rejected because the processing job is in status Stopped"):
        bench.call("StopProcessingJob", ProcessingJobName="job")


def test_a_name_is_never_free_again(bench: "Bench") -> None:
    """A second job of a name is ResourceInUse, also after the first has ended."""
    processing(bench, "")
    bench.wait_for_job("Processing", "job")
    with pytest.raises(AwsError, match="Job name must be unique") as refusal:
        processing(bench, "")
    assert refusal.value.code == "ResourceInUse"


def test_a_job_that_is_not_there(bench: "Bench") -> None:
    """Describe and Stop say so as AWS does."""
    for operation in ("DescribeProcessingJob", "StopProcessingJob"):
        with pytest.raises(AwsError) as refusal:
            bench.call(operation, ProcessingJobName="nope")
        assert refusal.value.code == "ValidationException"
        assert refusal.value.message == "Could not find requested job with name: nope"


@pytest.mark.parametrize("path", ["/opt/ml/processing/../x", "/tmp/x", "processing/x"])  # noqa: S108
def test_a_path_outside_the_container_is_refused(bench: "Bench", path: str) -> None:
    """LocalPath has to be below /opt/ml/processing."""
    given = s3_input("in", f"s3://{bench.bucket}/data/")
    given["S3Input"]["LocalPath"] = path
    with pytest.raises(AwsError, match="LocalPath"):
        processing(bench, "", inputs=[given])


def wait_for_text(path: Any, text: str) -> None:
    """Wait until a file holds a text."""
    deadline = time.monotonic() + 10
    while not path.exists() or text not in path.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
