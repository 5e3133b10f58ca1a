"""How long each function takes from its process's start to its first answer.

    uv run python benchmarks/cold_start.py [--repetitions N] [--out FILE]

Each function runs cold in the embedded runtime, on AWS's own runtime client, and does its real
work on a deployed stack. Baselines in the same run: a function that does nothing, and one that
only makes a boto3 SageMaker client. The order is shuffled, so that a slow moment hits all.
"""

import argparse
import io
import json
import random
import statistics
import tarfile
import tempfile
import time
import uuid
import zipfile
from pathlib import Path
from typing import Any

from embedded import ROOT, deploy, settings_for, target_of
from play import pipeline
from rich.console import Console
from rich.table import Table

from dropforge.target import Target

BARE = "def lambda_handler(event, context):\n    return {}\n"
CLIENT = (
    "import boto3\nclient = boto3.client('sagemaker')\n"
    "def lambda_handler(event, context):\n    return {}\n"
)
EVENTS = {
    "StartRetraining": "start_retraining.one_object.json",
    "CheckEndpoint": "check_endpoint.missing.json",
    "JudgeModel": "judge_model.promoted.json",
    "AnswerEndpointWait": "answer_endpoint_wait.wait.json",
    "RestoreInputs": "restore_inputs.job_failed.json",
    "SmokeTest": "smoke_test.iris.json",
    "NotifyMetrics": "notify_metrics.deployed.json",
    "FinishRun": "finish_run.deployed.json",
    "RemoveModels": "remove_models.deployed.json",
    "ReportProgress": "report_progress.schedule.json",
}
# As deployments find them: one in transition, so that the token is kept and the event will answer
# it, and the one in service that the smoke test asks.
SLOW, SERVING = "dropforge-slow", "dropforge-iris"
PROGRAMS = {
    SLOW: "#!/bin/sh\nexec sleep 600\n",
    SERVING: """\
#!/usr/bin/env python3
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"setosa")

    do_POST = do_GET

HTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
""",
}
LIMITS = {name: 1.8 if name == "StartRetraining" else 1.4 for name in EVENTS}
# A run whose machine does nothing: what starts it is measured, not the run.
NOTHING = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--out", type=Path, default=ROOT / ".dropforge/benchmarks/cold_start.json")
    options = parser.parse_args()
    seconds = measure(options.repetitions)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    rows: list[dict[str, Any]] = [
        {
            "function": name,
            "milliseconds": median * 1000,
            "to_bare": median / medians["bare"],
            "to_client": median / medians["client"],
            "at_most": LIMITS.get(name),
        }
        for name, median in medians.items()
    ]
    table = Table(title="Process start to first answer (medians)")
    for column in ("function", "ms", "to a bare one", "to one with a SageMaker client", "at most"):
        table.add_column(column, justify="left" if column == "function" else "right")
    for row in rows:
        table.add_row(
            row["function"],
            f"{row['milliseconds']:.0f}",
            f"{row['to_bare']:.1f}",
            f"{row['to_client']:.2f}",
            str(row["at_most"] or ""),
        )
    Console().print(table)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(rows, indent=2) + "\n", "utf-8")


def measure(repetitions: int) -> dict[str, list[float]]:
    """Return each function's times in seconds; a first round warms the file caches only."""
    state = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    with state as folder, settings_for(Path(folder)) as (settings, listener):
        # All import moto.
        from embedded_aws.cloudwatch import CloudWatch  # noqa: PLC0415
        from embedded_aws.faults import Faults  # noqa: PLC0415
        from embedded_aws.functions import records  # noqa: PLC0415
        from embedded_aws.functions.code import CodeStore  # noqa: PLC0415
        from embedded_aws.functions.environment import Environment, Platform  # noqa: PLC0415
        from embedded_aws.functions.interruptions import Interruptions  # noqa: PLC0415
        from embedded_aws.functions.runtime_folder import prepare  # noqa: PLC0415
        from embedded_aws.machine import Machine  # noqa: PLC0415
        from embedded_aws.processes import Children  # noqa: PLC0415

        machine = Machine(settings, [listener])
        machine.start()
        children = Children(settings)
        try:
            target = target_of(settings)
            names = prepare_stack(target, (settings.state / "slack-webhook").read_text("utf-8"))
            for endpoint, program in PROGRAMS.items():
                create_endpoint(target, settings.state, endpoint, program)
            target.client("sagemaker").get_waiter("endpoint_in_service").wait(
                EndpointName=SERVING, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
            )
            own = settings.state / "cold"
            code = CodeStore(own / "code")
            runtime, interruptions = prepare(own / "runtime"), Interruptions(Faults())
            platform = Platform(
                settings, children, runtime, code, interruptions, CloudWatch(settings)
            )
            times: dict[str, list[float]] = {name: [] for name in names}
            for repetition in range(repetitions + 1):
                for name in random.sample(list(names), len(names)):
                    payload = event_for(target, name)
                    record = records.find(settings, names[name])
                    began = time.perf_counter()
                    environment = Environment(record, platform)
                    answer = environment.invoke(payload, str(uuid.uuid4()))
                    if repetition:
                        times[name].append(time.perf_counter() - began)
                    environment.stop()
                    check(name, answer)
        finally:
            children.stop_all()
            machine.stop()
    return times


def prepare_stack(target: Target, webhook: str) -> dict[str, str]:
    """Deploy, publish a pipeline, add the baselines; return the functions' physical names."""
    deploy(target, webhook)
    target.ledger.publish(pipeline(), "s3://played/", "2026-11-21T00:00:00.000Z")
    target.stepfunctions.update_state_machine(
        stateMachineArn=target.output("RetrainStateMachineArn"), definition=json.dumps(NOTHING)
    )
    found = target.cloudformation.describe_stack_resources(StackName="dropforge")["StackResources"]
    physical = {each["LogicalResourceId"]: each.get("PhysicalResourceId", "") for each in found}
    functions = target.client("lambda")
    role = functions.get_function_configuration(FunctionName=physical["FinishRun"])["Role"]
    for name, source in (("bare", BARE), ("client", CLIENT)):
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("app.py", source)
        functions.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="app.lambda_handler",
            Role=role,
            Code={"ZipFile": package.getvalue()},
            MemorySize=256,
        )
    return {"bare": "bare", "client": "client", **{name: physical[name] for name in EVENTS}}


def create_endpoint(target: Target, state: Path, name: str, program: str) -> None:
    """Begin to create an endpoint whose container is this program."""
    image = state / "images" / name / "1"
    image.mkdir(parents=True)
    (image / "serve").write_text(program, "utf-8")
    (image / "serve").chmod(0o755)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz"):
        pass
    bucket = target.output("ArtifactsBucketName")
    target.s3.put_object(Bucket=bucket, Key="model.tar.gz", Body=archive.getvalue())
    sagemaker = target.client("sagemaker")
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn="arn:aws:iam::123456789012:role/played",
        PrimaryContainer={
            "Image": f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{name}:1",
            "ModelDataUrl": f"s3://{bucket}/model.tar.gz",
        },
    )
    variant = {"VariantName": "AllTraffic", "ModelName": name}
    machine = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[variant | machine]
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)


def event_for(target: Target, name: str) -> bytes:
    """Return the sample event; for the trigger a fresh object, and no run that is going."""
    if name not in EVENTS:
        return b"{}"
    text = (ROOT / "events" / EVENTS[name]).read_text("utf-8")
    if name == "AnswerEndpointWait":
        return json.dumps(json.loads(text) | {"endpoint": SLOW}).encode()
    if name != "StartRetraining":
        return text.encode()
    key = f"incoming/iris/{uuid.uuid4().hex}.csv"
    put = target.s3.put_object(
        Bucket=target.output("DataBucketName"), Key=key, Body=uuid.uuid4().bytes
    )
    event: dict[str, Any] = json.loads(text)
    body = json.loads(event["Records"][0]["body"])
    body["detail"]["object"] |= {
        "key": key,
        "etag": put["ETag"].strip('"'),
        "version-id": put["VersionId"],
    }
    event["Records"][0]["body"] = json.dumps(body)
    for run in target.ledger.runs("iris"):
        target.ledger.release_run("iris", run.run_id)
    return json.dumps(event).encode()


def check(name: str, answer: Any) -> None:
    """Refuse to count an answer that is an error."""
    failed = answer.function_error or b'"batchItemFailures": [{' in answer.payload
    if failed:
        message = f"{name} answered {answer.payload!r}\n{answer.log_tail}"
        raise RuntimeError(message)


if __name__ == "__main__":
    main()
