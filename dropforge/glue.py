"""AWS Glue's part of publishing: a job for the preprocess script, and its code in one file."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from dropforge_core.aws_errors import error_code
from dropforge_core.naming import endpoint_name
from dropforge_core.preprocess_config import Glue
from dropforge_core.published import PublishedPipeline

from dropforge.target import Target

ARCHIVE = "code.zip"
_NOT_FOUND = "EntityNotFoundException"
_MOST_RUNS = 3  # one that ends late must not stop the next


def job_name(stack: str, pipeline: str) -> str:
    """Return the job's stable name: one per stack and pipeline."""
    return f"{endpoint_name(stack, pipeline)}-preprocess"


def pack(files: Mapping[str, Path]) -> bytes:
    """Pack the Python files under their names, the same for equal files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(files.items()):
            if path.suffix in {".py", ".j2"}:
                archive.writestr(zipfile.ZipInfo(name), path.read_bytes())
    return packed.getvalue()


def ensure_job(target: Target, config: PublishedPipeline, workers: Glue, uri: str) -> None:
    """Make the job, or bring it up to date. Each run says itself which version's script it runs."""
    step = config.preprocess.glue
    if step is None:
        return
    glue = target.client("glue")
    job: dict[str, Any] = {
        "Description": f"Preprocesses for the Dropforge pipeline {config.name}",
        "Role": target.output("GlueRoleArn"),
        "Command": {
            "Name": "glueetl",
            "PythonVersion": "3",
            "ScriptLocation": f"{uri}code/{step.script}",
        },
        "GlueVersion": workers.version,
        "WorkerType": step.worker_type,
        "NumberOfWorkers": step.workers,
        "Timeout": -(-config.preprocess.timeout_seconds // 60),
        "ExecutionProperty": {"MaxConcurrentRuns": _MOST_RUNS},
    }
    if workers.packages and not target.is_local:  # here the stand-in's own Python has them
        packages = ",".join(workers.packages)
        job["DefaultArguments"] = {"--additional-python-modules": packages}
    try:
        glue.get_job(JobName=step.job)
    except ClientError as err:
        if error_code(err) != _NOT_FOUND:
            raise
        tags = {"dropforge:stack": target.stack, "dropforge:pipeline": config.name}
        glue.create_job(Name=step.job, Tags=tags, **job)
    else:
        glue.update_job(JobName=step.job, JobUpdate=job)


def find_job_run(target: Target, job: str, run_id: str) -> str | None:
    """Return the id of the newest of a job's runs that works for a run of ours, None without one.

    It is told by where it writes: Glue names its runs itself.
    """
    pages = target.client("glue").get_paginator("get_job_runs").paginate(JobName=job)
    try:
        for page in pages:
            for each in page["JobRuns"]:  # the newest first
                if f"/runs/{run_id}/" in each.get("Arguments", {}).get("--output", ""):
                    return str(each["Id"])
    except ClientError as err:
        if error_code(err) != _NOT_FOUND:
            raise
    return None


def remove_job(target: Target, config: PublishedPipeline) -> str | None:
    """Delete the job, if the pipeline has one; return its name."""
    step = config.preprocess.glue
    if step is None:
        return None
    target.client("glue").delete_job(JobName=step.job)
    return step.job
