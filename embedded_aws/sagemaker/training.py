"""Training jobs: channels from S3, an image's `train` program, a model to S3.

Sources: developer guide, "Use your own training algorithms"; API reference, DescribeTrainingJob
(statuses) and StopTrainingJob (a stopped job's model is kept); developer guide, "Managed Spot
Training Lifecycle".
"""

import math
import re
import time
from datetime import datetime
from typing import Any

from embedded_aws.errors import AwsError
from embedded_aws.sagemaker import training_files as files
from embedded_aws.sagemaker.checkpoints import Checkpoints
from embedded_aws.sagemaker.jobs import (
    Cut,
    Description,
    Ending,
    Job,
    JobFailedError,
    JobKind,
    Jobs,
    JobStoppedError,
)
from embedded_aws.sagemaker.platform import Platform, now
from embedded_aws.sagemaker.runtime import CannotStartError, Command, Container, below, inside
from embedded_aws.sagemaker.training_metrics import TrainingMetrics
from embedded_aws.sagemaker.validation import require

_DEFAULT_SECONDS = 86_400
_MESSAGES = {
    "Starting": "Launching requested ML instances",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Interrupted": "The managed spot training instances were interrupted",
    "Stopping": "Stopping the training job",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Resource retention and runtime limit exceeded",
    "MaxWaitTimeExceeded": "Managed spot training wait time limit exceeded",
}
_WITHOUT_INSTANCES = {"Starting", "Interrupted"}


class _Clock:
    """How long a job may run yet: MaxRuntimeInSeconds on instances, MaxWaitTimeInSeconds in all."""

    def __init__(self, stopping: Description) -> None:
        self._created = time.monotonic()
        self._most_run: float = stopping["MaxRuntimeInSeconds"]
        self._most_wait: float = stopping.get("MaxWaitTimeInSeconds", math.inf)
        self.ran = 0.0

    def left(self) -> tuple[float, Cut]:
        """Return the seconds that a program may run, and which limit it exceeds then."""
        run, wait = self._most_run - self.ran, self.wait_left()
        return (run, Cut.MAX_RUNTIME) if run < wait else (wait, Cut.MAX_WAIT)

    def wait_left(self) -> float:
        """Return the seconds until the job must have ended."""
        return self._most_wait - (time.monotonic() - self._created)


def training_jobs(platform: Platform) -> Jobs:
    """Make the collection of training jobs."""
    kind = JobKind(
        name="Training",
        work=_work,
        enter_stopping=lambda job: _enter(job, "Stopping", TrainingJobStatus="Stopping"),
        end_stopped=lambda job, cut: _end(job, "Stopped", cut.value),
        end_failed=lambda job, reason: _end(job, "Failed", "Failed", FailureReason=reason),
        name_in_use=(
            "Training job names must be unique within an AWS account and region,"
            " and a training job with this name already exists"
        ),
        missing="Requested resource not found.",
    )
    return Jobs(kind, platform)


def create(jobs: Jobs, request: Description, platform: Platform) -> Job:
    """Check what makes sense only together, then start the job."""
    require(request, "", "AlgorithmSpecification", "ResourceConfig")
    require(request["AlgorithmSpecification"], "algorithmSpecification", "TrainingImage")
    resources = ("InstanceType", "InstanceCount", "VolumeSizeInGB")
    require(request["ResourceConfig"], "resourceConfig", *resources)
    stopping = {"MaxRuntimeInSeconds": _DEFAULT_SECONDS, **(request.get("StoppingCondition") or {})}
    _check_waiting(stopping, is_spot=bool(request.get("EnableManagedSpotTraining")))
    _check_metrics(request["AlgorithmSpecification"])
    if not below("/opt/ml", _checkpoint_folder(request)):
        # AWS takes any path; here only /opt/ml is the container's own.
        message = "CheckpointConfig.LocalPath must be under /opt/ml in the embedded AWS."
        raise AwsError("ValidationException", message)
    for number, channel in enumerate(request.get("InputDataConfig") or [], start=1):
        where = f"inputDataConfig.{number}.member.dataSource"
        require(channel["DataSource"], where, "S3DataSource")
        _check_data(channel["DataSource"]["S3DataSource"]["S3Uri"], platform)
    defaults = {
        "EnableInterContainerTrafficEncryption": False,
        "EnableManagedSpotTraining": False,
        "EnableNetworkIsolation": False,
        "SecondaryStatus": "Starting",
        "SecondaryStatusTransitions": [_transition("Starting", now())],
    }
    return jobs.create({**defaults, **request, "StoppingCondition": stopping})


def _check_waiting(stopping: Description, *, is_spot: bool) -> None:
    wait = stopping.get("MaxWaitTimeInSeconds")
    if is_spot and (wait is None or wait < stopping["MaxRuntimeInSeconds"]):
        raise AwsError(
            "ValidationException",
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to"
            " MaxRuntimeInSeconds",
        )
    if wait is not None and not is_spot:
        message = "MaxWaitTimeInSeconds is not supported when EnableManagedSpotTraining is false"
        raise AwsError("ValidationException", message)


def _check_metrics(algorithm: Description) -> None:
    for metric in algorithm.get("MetricDefinitions") or []:
        try:
            re.compile(metric["Regex"])
        except re.error as err:
            message = f"Invalid regular expression of the metric {metric['Name']}: {err}"
            raise AwsError("ValidationException", message) from err


def _check_data(uri: str, platform: Platform) -> None:
    if not platform.storage.has_any(uri):
        raise AwsError(
            "ValidationException",
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure'
            f" that the bucket exists in the selected region ({platform.settings.region}), that"
            " objects exist under that S3 prefix, and that the role has permissions on it.",
        )


def _work(job: Job) -> None:
    definitions = job.request["AlgorithmSpecification"].get("MetricDefinitions") or []
    metrics = TrainingMetrics(definitions, job.name, job.log, job.platform.cloudwatch)
    metrics.start()
    try:
        container, ending = _train(job)
    finally:
        final = metrics.finish()
    if ending.exit_status and not ending.cut:
        reason = files.read_failure(container)
        raise JobFailedError(f"AlgorithmError: {reason}, exit code: {ending.exit_status}")
    artifacts = {"S3ModelArtifacts": str(files.artifacts(job.request).below("model.tar.gz"))}
    job.change(lambda description: _enter(description, "Uploading", ModelArtifacts=artifacts))
    files.upload_artifacts(job.request, container, job.platform.storage)
    # Only now: what a failed job leaves may tell why.
    container.remove()
    job.change(lambda description: _finish(description, ending, final))


def _train(job: Job) -> tuple[Container, Ending]:
    """Run the program on one spot instance after the other, until it is not interrupted."""
    clock = _Clock(job.request["StoppingCondition"])
    while True:
        container, ending = _train_on_an_instance(job, clock)
        if ending.cut is not Cut.INTERRUPTED:
            return container, ending
        container.remove()
        job.change(lambda description: _enter(description, "Interrupted"))
        seconds = clock.wait_left()
        job.pause(min(ending.away, seconds))
        if ending.away >= seconds:
            job.change(job.kind.enter_stopping)
            raise JobStoppedError(Cut.MAX_WAIT)
        job.change(lambda description: _enter(description, "Starting"))


def _train_on_an_instance(job: Job, clock: _Clock) -> tuple[Container, Ending]:
    container = job.container(
        job.request["AlgorithmSpecification"]["TrainingImage"],
        job.request["ResourceConfig"]["InstanceType"],
        isolated=job.request["EnableNetworkIsolation"],
    )
    job.change(_begin_download)
    checkpoints = _checkpoints(job, container)
    _prepare(job, container, checkpoints)
    job.change(lambda description: _enter(description, "Training"))
    job.log.touch()
    started = time.monotonic()
    if checkpoints:
        checkpoints.start()
    ending = None
    try:
        ending = _run(job, container, *clock.left())
    finally:
        clock.ran += time.monotonic() - started
        if checkpoints and not job.platform.closing.is_set():
            interrupted = ending is not None and ending.cut is Cut.INTERRUPTED
            checkpoints.finish(is_whole=not interrupted)
    return container, ending


def _checkpoints(job: Job, container: Container) -> Checkpoints | None:
    config = job.request.get("CheckpointConfig")
    if not config:
        return None
    folder = inside(container.root, _checkpoint_folder(job.request))
    interval = job.platform.limits.checkpoint_interval
    return Checkpoints(folder, config["S3Uri"], job.platform.storage, interval)


def _prepare(job: Job, container: Container, checkpoints: Checkpoints | None) -> None:
    for channel in job.request.get("InputDataConfig") or []:
        job.check_stopped()
        source = channel["DataSource"]["S3DataSource"]
        folder = inside(container.root, files.channel_folder(channel["ChannelName"]))
        job.platform.storage.download(source["S3Uri"], source["S3DataType"], folder)
    if checkpoints:
        checkpoints.restore()
    files.write_configuration(job.request, container)
    job.check_stopped()


def _run(job: Job, container: Container, seconds: float, late: Cut) -> Ending:
    algorithm = job.request["AlgorithmSpecification"]
    entrypoint = algorithm.get("ContainerEntrypoint") or []
    arguments = algorithm.get("ContainerArguments") or ([] if entrypoint else ["train"])
    environment = {
        **(job.request.get("Environment") or {}),
        "TRAINING_JOB_NAME": job.name,
        "TRAINING_JOB_ARN": job.arn,
    }
    try:
        program = container.start(Command(arguments, entrypoint), environment, job.log)
    except CannotStartError as err:
        raise JobFailedError(f"AlgorithmError: {err}, exit code: 127") from err
    return job.wait_for(program, max(0.0, seconds), late)


def _checkpoint_folder(request: Description) -> str:
    checkpoints = request.get("CheckpointConfig") or {}
    return checkpoints.get("LocalPath") or files.CHECKPOINTS


def _finish(description: Description, ending: Ending, metrics: list[Description]) -> None:
    if metrics:
        description["FinalMetricDataList"] = metrics
    if description["TrainingJobStatus"] == "InProgress":
        _end(description, "Completed", "Completed")
    else:
        cut = ending.cut or Cut.STOPPED  # asked to stop while it uploaded
        _end(description, "Stopped", cut.value)


def _end(description: Description, status: str, secondary: str, **fields: Any) -> None:
    _enter(description, secondary, TrainingJobStatus=status, **fields)
    ended = now()
    transitions = description["SecondaryStatusTransitions"]
    transitions[-1]["EndTime"] = ended
    started = description.get("TrainingStartTime")
    if started:
        seconds = (ended - started).total_seconds()
        billed = sum(
            (each["EndTime"] - each["StartTime"]).total_seconds()
            for each in transitions
            if each["Status"] not in _WITHOUT_INSTANCES
        )
        description.update(
            TrainingEndTime=ended,
            TrainingTimeInSeconds=max(1, round(seconds)),
            BillableTimeInSeconds=max(1, round(billed)),
        )


def _begin_download(description: Description) -> None:
    _enter(description, "Downloading")
    description.setdefault("TrainingStartTime", now())


def _enter(description: Description, secondary: str, **fields: Any) -> None:
    at = now()
    transitions = description["SecondaryStatusTransitions"]
    transitions[-1]["EndTime"] = at
    transitions.append(_transition(secondary, at))
    description.update(fields, SecondaryStatus=secondary)


def _transition(secondary: str, at: datetime) -> Description:
    return {"Status": secondary, "StartTime": at, "StatusMessage": _MESSAGES[secondary]}
