"""Batch transform jobs: every object of an input passes a model's containers, into an output.

Sources: API reference, CreateTransformJob; developer guide, "Batch transform" (one bad record costs
its object's output and fails the job, the other objects are transformed all the same) and "Use your
own inference code with batch transform" (the containers' variables).
"""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from embedded_aws.errors import AwsError
from embedded_aws.sagemaker import models
from embedded_aws.sagemaker.invocation_metrics import Served
from embedded_aws.sagemaker.jobs import Description, Job, JobFailedError, JobKind, Jobs
from embedded_aws.sagemaker.passing import Passage, Request, send
from embedded_aws.sagemaker.platform import Platform, now
from embedded_aws.sagemaker.records import Records
from embedded_aws.sagemaker.runtime import Needs
from embedded_aws.sagemaker.serving import NotServingError, ServingContainer
from embedded_aws.sagemaker.storage import Location
from embedded_aws.sagemaker.support import not_implemented
from embedded_aws.sagemaker.transform_data import Batch, DataError, Plan
from embedded_aws.sagemaker.validation import require

_MOST_MEGABYTES_AT_ONCE = 100
_SERVER_ERROR = 500
_SEE_LOGS = "See job logs for more information"
_DEFAULTS = {"MaxConcurrentTransforms": 1, "MaxPayloadInMB": 6, "BatchStrategy": "MultiRecord"}


def transform_jobs(platform: Platform, model_records: Records) -> Jobs:
    """Make the collection of transform jobs."""
    kind = JobKind(
        name="Transform",
        work=lambda job: _work(job, model_records),
        enter_stopping=lambda job: job.update(TransformJobStatus="Stopping"),
        end_stopped=lambda job, _: _end(job, "Stopped"),
        end_failed=lambda job, reason: _end(job, "Failed", FailureReason=reason),
        name_in_use=(
            "Job name must be unique within an AWS account and region,"
            " and a job with this name already exists"
        ),
        missing="Requested resource not found.",
    )
    return Jobs(kind, platform)


def create(jobs: Jobs, request: Description, platform: Platform, model_records: Records) -> Job:
    """Check what makes sense only together, then start the job."""
    model = model_records.describe(request["ModelName"])
    if models.is_direct(model):
        raise not_implemented("CreateTransformJob of a model whose containers are asked directly")
    given = {**_DEFAULTS, **request}
    source = given["TransformInput"]["DataSource"]
    require(source, "transformInput.dataSource", "S3DataSource")
    Plan.read(given)
    at_once = given["MaxConcurrentTransforms"] * given["MaxPayloadInMB"]
    if at_once > _MOST_MEGABYTES_AT_ONCE:
        message = f"MaxConcurrentTransforms * MaxPayloadInMB must be at most 100, not {at_once}."
        raise AwsError("ValidationException", message)
    uri = source["S3DataSource"]["S3Uri"]
    if not platform.storage.has_any(uri):
        raise AwsError("ValidationException", f'No S3 objects found under S3 URL "{uri}".')
    return jobs.create(given)


@dataclass(frozen=True)
class _Transform:
    """A job at work: its plan, its containers, and its data log."""

    job: Job
    plan: Plan
    containers: Sequence[ServingContainer]
    note: Callable[[str], None]

    def run(self) -> None:
        """Transform every object, and fail at the end if one could not be."""
        given = self.job.request["TransformInput"]["DataSource"]["S3DataSource"]
        storage = self.job.platform.storage
        target = Location.parse(self.job.request["TransformOutput"]["S3OutputPath"])
        blame = ""
        for source, name in storage.objects(given["S3Uri"], given["S3DataType"]):
            self.job.check_stopped()
            try:
                content = self._transformed(storage.read(source))
            except _BadObjectError as err:
                self.note(f"{source}: {err}")
                blame = blame if blame == "AlgorithmError" else err.blame
                continue
            storage.write(target.below(f"{name}.out"), content)
        if blame:
            raise JobFailedError(f"{blame}: {_SEE_LOGS}")

    def _transformed(self, content: bytes) -> bytes:
        try:
            batches = list(self.plan.batches(content))
        except DataError as err:
            raise _BadObjectError("ClientError", str(err)) from err
        at_once = self.job.request["MaxConcurrentTransforms"]
        with ThreadPoolExecutor(at_once or 1) as pool:
            return b"".join(pool.map(self._ask, batches))

    def _ask(self, batch: Batch) -> bytes:
        self.job.check_stopped()
        given, output = self.job.request["TransformInput"], self.job.request["TransformOutput"]
        accept = {"Accept": output["Accept"]} if output.get("Accept") else {}
        try:
            passage = send(
                Request(batch.body, given.get("ContentType"), for_last=accept), self.containers
            )
        except AwsError as err:
            raise _BadObjectError("AlgorithmError", err.message) from err
        if passage.failed:
            raise _bad_answer(passage)
        try:
            return batch.assemble(passage.reply.body)
        except DataError as err:
            raise _BadObjectError("ClientError", str(err)) from err


class _BadObjectError(Exception):
    def __init__(self, blame: str, why: str) -> None:
        super().__init__(why)
        self.blame = blame


def _bad_answer(passage: Passage) -> _BadObjectError:
    status = passage.reply.status
    blame = "ClientError" if 0 < status < _SERVER_ERROR else "AlgorithmError"
    said = passage.reply.body.decode(errors="replace").strip()
    told = f"Bad HTTP status received from algorithm: {status} of {passage.container}"
    return _BadObjectError(blame, f"{told}\n\nMessage:\n{said}")


def _work(job: Job, model_records: Records) -> None:
    job.change(lambda description: description.update(TransformStartTime=now()))
    plan = Plan.read(job.request)
    with _containers(job, model_records) as containers:
        _Transform(job, plan, containers, lambda line: _note(job, line)).run()
    job.change(_finish)


@contextmanager
def _containers(job: Job, model_records: Records) -> Iterator[Sequence[ServingContainer]]:
    """Have the model's containers serve."""
    model = model_records.describe(job.request["ModelName"])
    variables = {
        "SAGEMAKER_BATCH": "true",
        "SAGEMAKER_BATCH_STRATEGY": job.request["BatchStrategy"],
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(job.request["MaxPayloadInMB"]),
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(job.request["MaxConcurrentTransforms"]),
        **(job.request.get("Environment") or {}),
    }
    specs = [
        replace(spec, environment={**spec.environment, **variables}) for spec in models.chain(model)
    ]
    needs = Needs(
        job.request["TransformResources"]["InstanceType"], isolated=model["EnableNetworkIsolation"]
    )
    served = Served(f"transform-job/{job.name}", "", "")
    containers = [
        ServingContainer(
            spec, needs, served, job.folder, _log(job, spec.name), platform=job.platform
        )
        for spec in specs
    ]
    logs = {spec.name: _log(job, spec.name) for spec in specs} | {"data-log": _log(job, "data-log")}
    for name, path in logs.items():
        job.platform.logs.follow(path, "/aws/sagemaker/TransformJobs", f"{job.name}/i-0-{name}")
    try:
        for container in containers:
            container.launch()
        deadline = time.monotonic() + job.platform.limits.startup
        for container in containers:
            container.wait_until_healthy(deadline)
        yield containers
    except NotServingError as err:
        raise JobFailedError(f"AlgorithmError: {err}; {_SEE_LOGS}") from err
    finally:
        for container in containers:
            container.stop()
        for path in logs.values():
            job.platform.logs.finish(path)
        shutil.rmtree(job.folder, ignore_errors=True)


def _log(job: Job, container: str) -> Path:
    return job.platform.log_file("TransformJobs", job.name, f"{container}.log")


def _note(job: Job, line: str) -> None:
    with _log(job, "data-log").open("a") as log:
        log.write(f"{now().isoformat()}: {line}\n")


def _finish(description: Description) -> None:
    # It may have been asked to stop while it uploaded.
    stopping = description["TransformJobStatus"] == "Stopping"
    _end(description, "Stopped" if stopping else "Completed")


def _end(description: Description, status: str, **fields: Any) -> None:
    description.update(fields, TransformJobStatus=status, TransformEndTime=now())
