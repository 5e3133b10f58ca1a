"""`dropforge transform`: ask the model that serves about a whole file, or a folder of files.

Files are uploaded below `transforms/` of the artifacts bucket, pass SageMaker's batch transform,
and come back. Each answer stands beside its row, so that no row can get another's.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from dropforge_core.after_config import Transform
from dropforge_core.endpoints import endpoint_state
from dropforge_core.naming import aws_name, endpoint_name, is_pipeline_name

from dropforge import output
from dropforge.content import files_below
from dropforge.errors import CommandError, InputError
from dropforge.target import Target

_TYPES = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".jsonl": "application/jsonlines",
}
_LOOK_SECONDS = {True: 0.2, False: 5.0}
_SUFFIX = ".out"


@dataclass(frozen=True)
class Wish:
    """What to do with the records of a file: part of them is sent, part of the result is kept."""

    input_filter: str = "$"
    output_filter: str = "$"
    joins: bool = True


@dataclass(frozen=True)
class Transformed:
    """The job, its files here, and how long it took."""

    job: str
    files: tuple[Path, ...]
    seconds: float

    def document(self) -> dict[str, Any]:
        """Return what `--json` prints of it."""
        files = [str(file) for file in self.files]
        return {"job": self.job, "files": files, "seconds": self.seconds}

    def write(self) -> None:
        """Say where the answers are."""
        for file in self.files:
            output.write_line(str(file))


def transform(  # noqa: PLR0913, PLR0917 - what the command takes
    target: Target, pipeline: str, path: Path, out: Path | None, wish: Wish, timeout: float
) -> Transformed:
    """Upload, run, wait, fetch.

    Raises:
        InputError: there is no such pipeline, nothing to ask, or nowhere to put the answers.
        CommandError: nothing serves, the job failed, or time is up.
    """
    if not is_pipeline_name(pipeline) or target.ledger.published(pipeline) is None:
        raise InputError(f"No pipeline {pipeline!r} is published in {target.stack}.")
    files = _files(path)
    kind = _kind(files)
    model = _serving_model(target, pipeline)
    job = f"{aws_name(pipeline)}-transform-{datetime.now(UTC):%Y%m%dt%H%M%S}"
    place = f"transforms/{pipeline}/{job}"
    bucket = target.output("ArtifactsBucketName")
    for name, file in files.items():
        target.s3.upload_file(str(file), bucket, f"{place}/input/{name}")
    started = time.monotonic()
    _start(target, job, model, f"s3://{bucket}/{place}", kind, wish)
    _wait(target, job, timeout)
    seconds = round(time.monotonic() - started, 3)
    fetched = [
        _fetch(target, f"{place}/output/{name}{_SUFFIX}", _to(path, name, out)) for name in files
    ]
    return Transformed(job, tuple(fetched), seconds)


def _files(path: Path) -> dict[str, Path]:
    """List what to ask about, by its name below the path."""
    if path.is_file():
        return {path.name: path}
    if not path.is_dir():
        raise InputError(f"{path}: there is no such file or folder.")
    found = {file.relative_to(path).as_posix(): file for file in files_below(path)}
    if not found:
        raise InputError(f"{path}: holds no file to ask about.")
    return found


def _kind(files: dict[str, Path]) -> str:
    """Tell the content type of all files, by their names."""
    suffixes = sorted({PurePosixPath(name).suffix.lower() for name in files})
    known = ", ".join(_TYPES)
    if len(suffixes) != 1:
        raise InputError(f"Ask about files of one kind at a time ({known}), not {suffixes}.")
    if suffixes[0] not in _TYPES:
        raise InputError(f"A file's name must end in one of {known}, which says what it holds.")
    return _TYPES[suffixes[0]]


def _serving_model(target: Target, pipeline: str) -> str:
    sagemaker = target.client("sagemaker")
    endpoint = endpoint_name(target.stack, pipeline)
    state = endpoint_state(sagemaker, endpoint)
    if state.config is None:
        raise CommandError(
            f"Pipeline {pipeline} has no endpoint {endpoint} yet: a run must deploy one; see:"
            f" dropforge runs {pipeline}"
        )
    config = sagemaker.describe_endpoint_config(EndpointConfigName=state.config)
    return str(config["ProductionVariants"][0]["ModelName"])


def _start(  # noqa: PLR0913, PLR0917 - what a job takes
    target: Target, job: str, model: str, place: str, kind: str, wish: Wish
) -> None:
    settings = Transform(
        content_type=kind,
        split="none" if kind == "application/json" else "line",
        join=wish.joins,
        input_filter=wish.input_filter,
        output_filter=wish.output_filter,
    )
    request = settings.request()
    request["TransformInput"]["DataSource"] = {
        "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{place}/input/"}
    }
    request["TransformOutput"]["S3OutputPath"] = f"{place}/output"
    key = target.parameter("KmsKeyArn")
    if key:
        request["TransformOutput"]["KmsKeyId"] = key
        request["TransformResources"]["VolumeKmsKeyId"] = key
    target.client("sagemaker").create_transform_job(
        TransformJobName=job,
        ModelName=model,
        Tags=[{"Key": "dropforge:stack", "Value": target.stack}],
        **request,
    )
    output.say(f"Transform job {job}, with the model {model}.")


def _wait(target: Target, job: str, timeout: float) -> None:
    sagemaker = target.client("sagemaker")
    deadline = time.monotonic() + timeout
    told = ""
    while True:
        found = sagemaker.describe_transform_job(TransformJobName=job)
        status = found["TransformJobStatus"]
        if status != told:
            output.say(f"  {status}")
            told = status
        if status == "Completed":
            return
        if status in {"Failed", "Stopped"}:
            why = found.get("FailureReason", "it was stopped")
            raise CommandError(f"The transform job {job} {status.lower()}: {why}")
        if time.monotonic() > deadline:
            raise CommandError(f"The transform job {job} goes on: {timeout:.0f} s are over.")
        time.sleep(_LOOK_SECONDS[target.is_local])


def _to(path: Path, name: str, out: Path | None) -> Path:
    """Say where an answer goes: a file beside the one file, or the same names in a folder."""
    if path.is_file():
        return out or path.with_name(path.name + _SUFFIX)
    return (out or path.with_name(path.name + _SUFFIX)) / f"{name}{_SUFFIX}"


def _fetch(target: Target, key: str, path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        target.s3.download_file(target.output("ArtifactsBucketName"), key, str(path))
    except OSError as err:
        raise InputError(f"{path}: cannot be written: {err.strerror}.") from err
    return path
