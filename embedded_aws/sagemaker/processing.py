"""Processing jobs: inputs from S3, any command in an image, outputs to S3.

Source: developer guide, "Build your own processing container".
"""

import json
from typing import Any

from embedded_aws.errors import AwsError
from embedded_aws.sagemaker.jobs import (
    Description,
    Job,
    JobFailedError,
    JobKind,
    Jobs,
    JobStoppedError,
)
from embedded_aws.sagemaker.platform import Platform, now
from embedded_aws.sagemaker.runtime import CannotStartError, Command, Container, below, inside
from embedded_aws.sagemaker.support import not_implemented
from embedded_aws.sagemaker.validation import require

_FOLDER = "/opt/ml/processing"
_CONFIG = "/opt/ml/config"
_MESSAGE = "/opt/ml/output/message"
_MESSAGE_BYTES = 1024
_DEFAULT_SECONDS = 86_400


def processing_jobs(platform: Platform) -> Jobs:
    """Make the collection of processing jobs."""
    kind = JobKind(
        name="Processing",
        work=_work,
        enter_stopping=lambda job: job.update(ProcessingJobStatus="Stopping"),
        end_stopped=lambda job, _: _end(job, "Stopped"),
        end_failed=lambda job, reason: _end(job, "Failed", FailureReason=reason),
        name_in_use=(
            "Job name must be unique within an AWS account and region,"
            " and a job with this name already exists"
        ),
        missing="Could not find requested job with name: {name}",
    )
    return Jobs(kind, platform)


def create(jobs: Jobs, request: Description) -> Job:
    """Check what makes sense only together, then start the job."""
    if not request["AppSpecification"].get("ContainerEntrypoint"):
        # An image's own ENTRYPOINT is nothing that a folder has.
        raise not_implemented("CreateProcessingJob without AppSpecification.ContainerEntrypoint")
    cluster = request["ProcessingResources"]["ClusterConfig"]
    require(cluster, "processingResources.clusterConfig", "InstanceType", "InstanceCount")
    for number, given in enumerate(_inputs(request), start=1):
        _check_path(given, f"processingInputs.{number}.member", "S3Input")
    for number, given in enumerate(_outputs(request), start=1):
        _check_path(given, f"processingOutputConfig.outputs.{number}.member", "S3Output")
    defaults = {"StoppingCondition": {"MaxRuntimeInSeconds": _DEFAULT_SECONDS}}
    return jobs.create({**defaults, **request})


def _check_path(given: dict[str, Any], where: str, member: str) -> None:
    require(given, where, member)
    require(given[member], f"{where}.{member[:1].lower()}{member[1:]}", "LocalPath")
    path = given[member]["LocalPath"]
    if not below(_FOLDER, path):
        message = f"LocalPath {path!r} must be an absolute path under {_FOLDER}."
        raise AwsError("ValidationException", message)


def _work(job: Job) -> None:
    container = job.container(
        job.request["AppSpecification"]["ImageUri"],
        job.request["ProcessingResources"]["ClusterConfig"]["InstanceType"],
        isolated=(job.request.get("NetworkConfig") or {}).get("EnableNetworkIsolation", False),
    )
    job.change(lambda description: description.update(ProcessingStartTime=now()))
    _prepare(job, container)
    _run(job, container)
    for output in _outputs(job.request):
        target = output["S3Output"]
        job.platform.storage.upload(inside(container.root, target["LocalPath"]), target["S3Uri"])
    # Only now: what a failed or stopped job leaves may tell why.
    container.remove()
    job.change(_finish)


def _prepare(job: Job, container: Container) -> None:
    for given in _inputs(job.request):
        job.check_stopped()
        source = given["S3Input"]
        folder = inside(container.root, source["LocalPath"])
        job.platform.storage.download(source["S3Uri"], source["S3DataType"], folder)
    for output in _outputs(job.request):
        inside(container.root, output["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)
    inside(container.root, _MESSAGE).parent.mkdir(parents=True)
    config = inside(container.root, _CONFIG)
    config.mkdir(parents=True)
    told = {name: value for name, value in job.request.items() if name != "Tags"}
    told["ProcessingJobArn"] = job.arn
    (config / "processingjobconfig.json").write_text(json.dumps(told))
    hosts = {"current_host": "algo-1", "hosts": ["algo-1"]}
    (config / "resourceconfig.json").write_text(json.dumps(hosts))
    job.check_stopped()


def _run(job: Job, container: Container) -> None:
    app = job.request["AppSpecification"]
    command = Command(app.get("ContainerArguments") or [], app["ContainerEntrypoint"])
    job.log.write_bytes(b"")
    try:
        program = container.start(command, job.request.get("Environment", {}), job.log)
    except CannotStartError as err:
        raise JobFailedError(f"AlgorithmError: {err}, exit code: 127") from err
    ending = job.wait_for(program, job.request["StoppingCondition"]["MaxRuntimeInSeconds"])
    message = _exit_message(container)
    if message:
        job.change(lambda description: description.update(ExitMessage=message))
    if ending.cut:
        raise JobStoppedError
    if ending.exit_status:
        raise JobFailedError("AlgorithmError: See job logs for more information")


def _exit_message(container: Container) -> str:
    try:
        written = inside(container.root, _MESSAGE).read_bytes()
        written.decode()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as err:
        raise JobFailedError(f"ClientError: the exit message is not UTF-8: {err}") from err
    # The cut may go through a character.
    return written[:_MESSAGE_BYTES].decode(errors="ignore")


def _finish(description: Description) -> None:
    # It may have been asked to stop while it uploaded.
    stopping = description["ProcessingJobStatus"] == "Stopping"
    _end(description, "Stopped" if stopping else "Completed")


def _end(description: Description, status: str, **fields: Any) -> None:
    description.update(fields, ProcessingJobStatus=status, ProcessingEndTime=now())


def _inputs(request: Description) -> list[dict[str, Any]]:
    return request.get("ProcessingInputs") or []


def _outputs(request: Description) -> list[dict[str, Any]]:
    return (request.get("ProcessingOutputConfig") or {}).get("Outputs") or []
