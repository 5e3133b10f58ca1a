"""Glue's jobs: their scripts really run, called as Glue calls them, also by Step Functions."""

import io
import json
import time
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Embedded

SCRIPT = """
import json, sys, os, boto3
import beside, packed.module

given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
print("told", json.dumps(given))
if given.get("--then") == "fail":
    raise ValueError("no such column")
if given.get("--then") == "hang":
    import time
    time.sleep(60)
answer = {"argv": given, "beside": beside.NAME, "packed": packed.module.NAME}
boto3.client("s3").put_object(Bucket="glue", Key="out", Body=json.dumps(answer).encode())
"""
ROLE = "arn:aws:iam::123456789012:role/glue"
IMAGE = "images/aws-glue/5.0"
DEADLINE_SECONDS = 30.0


@pytest.fixture(scope="module")
def job(embedded: Embedded) -> str:
    """A job with a script and two files that it imports."""
    (embedded.state / IMAGE).mkdir(parents=True, exist_ok=True)
    s3 = embedded.client("s3")
    s3.create_bucket(Bucket="glue")
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("packed/module.py", "NAME = 'zipped'")
    for key, body in {
        "scripts/main.py": SCRIPT.encode(),
        "scripts/other.py": b"print('the other')",
        "lib/beside.py": b"NAME = 'plain'",
        "lib/code.zip": zipped.getvalue(),
    }.items():
        s3.put_object(Bucket="glue", Key=key, Body=body)
    glue = embedded.client("glue")
    glue.create_job(
        Name="prepare",
        Role=ROLE,
        Command={"Name": "glueetl", "ScriptLocation": "s3://glue/scripts/main.py"},
        GlueVersion="5.0",
        WorkerType="G.1X",
        NumberOfWorkers=2,
        DefaultArguments={
            "--extra-py-files": "s3://glue/lib/beside.py,s3://glue/lib/code.zip",
            "--engine": "spark",
        },
        Timeout=5,
        ExecutionProperty={"MaxConcurrentRuns": 1},
    )
    return "prepare"


def ended(embedded: Embedded, job: str, run: str) -> dict[str, Any]:
    """Wait for a run's end."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        told: dict[str, Any] = embedded.client("glue").get_job_run(JobName=job, RunId=run)["JobRun"]
        if told["JobRunState"] not in {"STARTING", "RUNNING", "STOPPING"}:
            return told
        assert time.monotonic() < deadline
        time.sleep(0.05)


def start(embedded: Embedded, job: str, **arguments: str) -> str:
    """Start a run with these arguments, `a` for `--a`."""
    given = {f"--{name}": value for name, value in arguments.items()}
    run: str = embedded.client("glue").start_job_run(JobName=job, Arguments=given)["JobRunId"]
    return run


def printed(embedded: Embedded, group: str, run: str) -> list[str]:
    """Read the run's stream of one of Glue's two log groups; it is whole once the run has ended."""
    events = embedded.client("logs").get_log_events(
        logGroupName=f"/aws-glue/jobs/{group}", logStreamName=run, startFromHead=True
    )["events"]
    return [event["message"] for event in events]


def test_a_script_runs_as_glue_runs_it(embedded: Embedded, job: str) -> None:
    """With the job's arguments and the run's over them, and everything that it imports."""
    run = start(embedded, job, engine="sklearn", more="1")
    told = ended(embedded, job, run)
    assert told["JobRunState"] == "SUCCEEDED", told
    assert (told["WorkerType"], told["NumberOfWorkers"]) == ("G.1X", 2)
    body = embedded.client("s3").get_object(Bucket="glue", Key="out")["Body"].read()
    answer = json.loads(body)
    assert (answer["beside"], answer["packed"]) == ("plain", "zipped")
    given = answer["argv"]
    assert (given["--engine"], given["--more"]) == ("sklearn", "1")
    assert (given["--JOB_NAME"], given["--JOB_RUN_ID"]) == (job, run)
    assert "--extra-py-files" not in given
    assert printed(embedded, "output", run)[0].startswith("told ")


def test_a_run_may_have_another_script(embedded: Embedded, job: str) -> None:
    """`--scriptLocation` counts for this run: an older version is run while a newer is there."""
    run = start(embedded, job, scriptLocation="s3://glue/scripts/other.py")
    assert ended(embedded, job, run)["JobRunState"] == "SUCCEEDED"
    assert (embedded.state / "logs/aws-glue/jobs/output" / run).read_text() == "the other\n"
    assert printed(embedded, "output", run) == ["the other"]


def test_runs_that_end_badly(embedded: Embedded, job: str) -> None:
    """A script's last words are the error; a script that is not there is one too."""
    run = start(embedded, job, then="fail")
    told = ended(embedded, job, run)
    assert (told["JobRunState"], told["ErrorMessage"]) == ("FAILED", "ValueError: no such column")
    assert printed(embedded, "error", run) == ["ValueError: no such column"]
    assert printed(embedded, "output", run)[-1] == "ValueError: no such column"
    told = ended(embedded, job, start(embedded, job, scriptLocation="s3://glue/none.py"))
    assert told["JobRunState"] == "FAILED"
    assert "s3://glue/none.py" in told["ErrorMessage"]


def test_one_run_at_a_time_that_can_be_stopped(embedded: Embedded, job: str) -> None:
    """As many as the job says; stopping ends the script."""
    glue = embedded.client("glue")
    run = start(embedded, job, then="hang")
    with pytest.raises(ClientError, match="ConcurrentRunsExceededException"):
        start(embedded, job)
    stopped = glue.batch_stop_job_run(JobName=job, JobRunIds=[run, "none"])
    assert [one["JobRunId"] for one in stopped["SuccessfulSubmissions"]] == [run]
    assert [one["JobRunId"] for one in stopped["Errors"]] == ["none"]
    assert ended(embedded, job, run)["JobRunState"] == "STOPPED"


@pytest.mark.parametrize(
    ("operation", "arguments", "code"),
    [
        ("get_job", {"JobName": "none"}, "EntityNotFoundException"),
        ("start_job_run", {"JobName": "none"}, "EntityNotFoundException"),
        ("get_job_run", {"JobName": "none", "RunId": "r"}, "EntityNotFoundException"),
        (
            "start_job_run",
            {"JobName": "prepare", "Arguments": {"--extra-jars": "s3://a/b.jar"}},
            "NotImplemented",
        ),
        ("start_job_run", {"JobName": "prepare", "MaxCapacity": 2.0}, "NotImplemented"),
        ("create_job", {"Name": "j", "Role": ROLE, "Command": {"Name": "pythonshell"}}, "NotImpl"),
        ("get_tables", {"DatabaseName": "d"}, "NotImplemented"),
    ],
)
def test_what_is_not_there_or_not_done(
    embedded: Embedded, job: str, operation: str, arguments: dict[str, Any], code: str
) -> None:
    """Glue's own errors, and by name what is not supported."""
    assert job
    with pytest.raises(ClientError, match=code):
        getattr(embedded.client("glue"), operation)(**arguments)


def test_a_state_machine_waits_for_a_run(embedded: Embedded, job: str) -> None:
    """The run is the task's output, or the cause of its failure, which can be caught."""
    states = embedded.client("stepfunctions")
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::glue:startJobRun.sync",
        "Arguments": {"JobName": job, "Arguments": {"--then": "{% $states.input.then %}"}},
        "Catch": [{"ErrorEquals": ["States.TaskFailed"], "Next": "Caught"}],
        "End": True,
    }
    machine = states.create_state_machine(
        name="glue",
        roleArn=ROLE,
        definition=json.dumps(
            {
                "QueryLanguage": "JSONata",
                "StartAt": "Run",
                "States": {"Run": task, "Caught": {"Type": "Succeed"}},
            }
        ),
    )["stateMachineArn"]

    def run(then: str) -> dict[str, Any]:
        execution = states.start_execution(
            stateMachineArn=machine, input=json.dumps({"then": then})
        )["executionArn"]
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            told = states.describe_execution(executionArn=execution)
            if told["status"] != "RUNNING":
                output: dict[str, Any] = json.loads(told["output"])
                return output
            assert time.monotonic() < deadline
            time.sleep(0.05)

    assert run("work")["JobRunState"] == "SUCCEEDED"
    failed = run("fail")
    assert failed["Error"] == "States.TaskFailed"
    assert json.loads(failed["Cause"])["ErrorMessage"] == "ValueError: no such column"
