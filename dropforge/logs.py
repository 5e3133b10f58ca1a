"""`dropforge logs`: what a pipeline's endpoint or a run's jobs wrote into CloudWatch Logs."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dropforge_core.naming import aws_name, endpoint_name, is_pipeline_name, preprocess_jobs
from dropforge_core.records import Run

from dropforge import glue, output
from dropforge.errors import CommandError, InputError
from dropforge.runs import find_run
from dropforge.target import Target

_GROUPS = "/aws/sagemaker"
# What Glue itself says, and what scripts print.
_GLUE_GROUPS = ("/aws-glue/jobs/error", "/aws-glue/jobs/output")
# By the steps' names: the kind of job, and what its name has after the run's.
_STEPS = {
    "Preprocess": ("ProcessingJobs", "-preprocess-{attempt}"),
    "Train": ("TrainingJobs", "-train-{attempt}"),
    "Evaluate": ("ProcessingJobs", "-evaluate-{attempt}"),
    "Transform": ("TransformJobs", "-{attempt}-transform"),
}
_LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class Source:
    """A log group, how the names of its streams begin, and how they end.

    Where a job of Glue wrote, they begin with the id that it gave to what it did for ``run_id``.
    """

    group: str
    prefix: str = ""
    suffix: str = ""
    glue_job: str = ""
    run_id: str = ""


@dataclass(frozen=True)
class Line:
    """One event of a stream."""

    stream: str
    at: int  # epoch milliseconds
    message: str

    def document(self) -> dict[str, Any]:
        """Return what `--json` prints of it."""
        at = datetime.fromtimestamp(self.at / 1000, UTC).isoformat()
        return {"stream": self.stream, "at": at, "message": self.message}


def sources(
    target: Target, pipeline: str, run_id: str | None, step: str | None, container: str | None
) -> list[Source]:
    """Say where to look: at a run's jobs when a run or a step is asked for, else at the endpoint.

    Raises:
        InputError: there is no such pipeline, run or step.
    """
    config = target.ledger.published(pipeline) if is_pipeline_name(pipeline) else None
    if config is None:
        raise InputError(f"No pipeline {pipeline!r} is published in {target.stack}.")
    if run_id is None and step is None:
        group = f"{_GROUPS}/Endpoints/{endpoint_name(target.stack, pipeline)}"
        return [Source(group, suffix=f"/{container}" if container else "")]
    known = {name.lower(): name for name in _STEPS}
    if step is not None and step.lower() not in known:
        raise InputError(f"--step: {step!r} is none of {', '.join(_STEPS)}.")
    if container is not None and (step or "").lower() != "transform":
        raise InputError("--container is for the endpoint, and for the step Transform.")
    run = _run(target, pipeline, run_id)
    wanted = [known[step.lower()]] if step else list(_STEPS)
    on_glue = config.preprocess.glue
    found = []
    for name in wanted:
        if name == "Preprocess" and on_glue:
            found += [
                Source(group, glue_job=on_glue.job, run_id=run.run_id) for group in _GLUE_GROUPS
            ]
        found += _sources(run, name, container)
    return found


def lines(target: Target, wanted: list[Source], *, follow: bool) -> Iterator[Line]:
    """Yield what is there, by source and time; with `follow`, then what comes, without an end.

    Raises:
        CommandError: there is nothing, and nothing is waited for.
    """
    read: dict[tuple[str, str], str] = {}
    found = False
    while True:
        for source in wanted:
            for line in _new(target, source, read):
                found = True
                yield line
        if not follow:
            break
        time.sleep(_LOOK_SECONDS)
    if not found:
        groups = ", ".join(dict.fromkeys(source.group for source in wanted))
        raise CommandError(f"Nothing was logged there: {groups}.")


def write(line: Line) -> None:
    """Print a line for people, with what wrote it."""
    name = output.printable(line.stream.rpartition("/")[2])
    output.write_line(f"{name}: {output.printable(line.message)}", at_once=True)


def _run(target: Target, pipeline: str, run_id: str | None) -> Run:
    if run_id is not None:
        run = find_run(target, run_id)
        if run.pipeline != pipeline:
            raise InputError(f"--run: {run_id} is a run of {run.pipeline}.")
        return run
    runs = target.ledger.runs(pipeline)
    if not runs:
        raise InputError(f"Pipeline {pipeline} has no runs yet.")
    return runs[0]


def _sources(run: Run, step: str, container: str | None) -> list[Source]:
    kind, rest = _STEPS[step]
    jobs = [aws_name(run.run_id) + rest.format(attempt=run.attempt)]
    if step == "Preprocess":
        jobs = preprocess_jobs(run.run_id, run.attempt)[::-1]
    suffix = f"-{container}" if container else ""
    return [Source(f"{_GROUPS}/{kind}", f"{job}/", suffix) for job in jobs]


def _new(target: Target, source: Source, read: dict[tuple[str, str], str]) -> Iterator[Line]:
    """Yield what a source's streams have that was not read yet."""
    logs = target.client("logs")
    for stream in _streams(target, source):
        at = (source.group, stream)
        while True:
            more = {"nextToken": read[at]} if at in read else {}
            answer = logs.get_log_events(
                logGroupName=source.group, logStreamName=stream, startFromHead=True, **more
            )
            for event in answer["events"]:
                yield Line(stream, event["timestamp"], event["message"])
            token = answer["nextForwardToken"]
            # Only this tells the end: a page may be empty and more follow.
            is_end = read.get(at) == token
            read[at] = token
            if is_end:
                break


def _streams(target: Target, source: Source) -> list[str]:
    prefix: str | None = source.prefix
    if source.glue_job:
        prefix = glue.find_job_run(target, source.glue_job, source.run_id)
        if prefix is None:
            return []
    logs = target.client("logs")
    given = {"logStreamNamePrefix": prefix} if prefix else {}
    pages = logs.get_paginator("describe_log_streams").paginate(logGroupName=source.group, **given)
    try:
        names = [each["logStreamName"] for page in pages for each in page["logStreams"]]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return sorted(name for name in names if name.endswith(source.suffix))
