"""What earlier attempts of a run have made and is still there, told by SageMaker's own records."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from dropforge_core.aws_errors import error_code
from dropforge_core.contracts import (
    EndpointChange,
    JobTime,
    Judged,
    Resume,
    RowCounts,
    Trained,
    Training,
    Verdict,
)
from dropforge_core.endpoints import endpoint_state, with_what_serves
from dropforge_core.naming import aws_name, preprocess_jobs, preprocessed
from dropforge_core.published import JobMachine, PublishedPipeline
from dropforge_core.records import Run

from dropforge.target import Target

if TYPE_CHECKING:
    from datetime import datetime

# As dropforge_jobs.outcome writes it.
_MARKER = "dropforge: "
_COUNTS = frozenset(RowCounts.model_fields)
_GOOD_ENOUGH = "It was judged good enough in an earlier attempt."


def find_remains(target: Target, run: Run, config: PublishedPipeline) -> Resume | None:
    """Find what the next attempt of a failed run need not make again, None for nothing.

    Only what the version that is published now has made counts, and what is still there.
    """
    found = _newest(target, run, config, "Processing")
    if found is None or not _has_outputs(target, run, config):
        return None
    told = _told(found)
    rows = RowCounts.model_validate(
        {name: count for name, count in told.get("rows", {}).items() if name in _COUNTS}
    )
    sagemaker = target.client("sagemaker")
    state = with_what_serves(sagemaker, endpoint_state(sagemaker, config.endpoint))
    training = _newest(target, run, config, "Training")
    trained = _trained(target, training) if training else None
    jobs = [_job("Preprocess", found, config.preprocess.machine, "Processing")]
    if training and trained:
        jobs.append(_job("Train", training, config.train.machine, "Training"))
    return Resume(
        rows=rows,
        quarantined=bool((rows.rejected_rows or 0) + (rows.quarantined_objects or 0)),
        endpoint=EndpointChange(name=config.endpoint, action="NONE", config=state.config),
        champion=state.champion,
        train=_training(config, told),
        jobs=tuple(jobs),
        trained=trained,
        judged=_judged(target, run, trained) if trained else None,
    )


def _newest(
    target: Target, run: Run, config: PublishedPipeline, kind: str
) -> dict[str, Any] | None:
    """Describe the newest job of a step that has completed, if the current version made it."""
    for name, version in _jobs(run, kind):
        job = _describe(target, kind, name)
        if job is not None and job[f"{kind}JobStatus"] == "Completed":
            return job if version == config.version else None
    return None


def _jobs(run: Run, kind: str) -> Iterator[tuple[str, str]]:
    """List the names that a step's jobs may have, and the version of each, the newest first."""
    attempts = [{"attempt": run.attempt, "version": run.version}, *reversed(run.earlier_attempts)]
    for one in attempts:
        trained = [f"{aws_name(run.run_id)}-train-{one['attempt']}"]
        names = preprocess_jobs(run.run_id, one["attempt"]) if kind == "Processing" else trained
        yield from ((name, one["version"]) for name in names)


def _describe(target: Target, kind: str, name: str) -> dict[str, Any] | None:
    sagemaker = target.client("sagemaker")
    describe = getattr(sagemaker, f"describe_{kind.lower()}_job")
    try:
        return dict(describe(**{f"{kind}JobName": name}))
    except ClientError as err:
        if error_code(err) not in {"ResourceNotFound", "ValidationException"}:
            raise
        return None


def _told(job: dict[str, Any]) -> dict[str, Any]:
    message = job.get("ExitMessage", "")
    return dict(json.loads(message.removeprefix(_MARKER))) if message.startswith(_MARKER) else {}


def _has_outputs(target: Target, run: Run, config: PublishedPipeline) -> bool:
    """Say whether something of every output of preprocess is still there."""
    bucket = target.output("ArtifactsBucketName")
    return all(
        target.s3.list_objects_v2(
            Bucket=bucket, Prefix=f"{preprocessed(run.run_id)}{folder}/", MaxKeys=1
        ).get("Contents")
        for folder in (*config.train.channels, "holdout")
    )


def _training(config: PublishedPipeline, told: dict[str, Any]) -> Training:
    """Return what the state machine gives a training job (retrain.asl.json, Prepare)."""
    digest = {"TRAINED_ON": told["trained_on"]} if "trained_on" in told else {}
    return Training(
        image=config.train.image,
        hyperparameters=config.train.hyperparameters | told.get("hyperparameters", {}),
        environment=config.train.environment | digest,
    )


def _trained(target: Target, job: dict[str, Any]) -> Trained | None:
    model_data = str(job["ModelArtifacts"]["S3ModelArtifacts"])
    bucket, _, key = model_data.removeprefix("s3://").partition("/")
    try:
        target.s3.head_object(Bucket=bucket, Key=key)
    except ClientError as err:
        if error_code(err) not in {"404", "NoSuchKey"}:
            raise
        return None
    values = {each["MetricName"]: each["Value"] for each in job.get("FinalMetricDataList", [])}
    return Trained(model_data=model_data, training_metrics=values)


def _judged(target: Target, run: Run, trained: Trained) -> Judged | None:
    """Return how the model was judged, if it got as far as its deployment, and that still counts.

    It was judged against the model that served then; when a run has been deployed since, it is to
    be judged again.
    """
    got_as_far = any(step["name"] == "Deploy" for step in run.steps)
    if not got_as_far or run.model_package is None or run.model_data != trained.model_data:
        return None
    for other in target.ledger.runs(run.pipeline):
        if other.status == "DEPLOYED" and (other.ended_at or "") > run.started_at:
            return None
    judgement = {
        name: value
        for name in ("model_package", "champion_metrics", "comparison")
        if (value := getattr(run, name)) is not None
    }
    verdict = Verdict(promoted=True, reason=_GOOD_ENOUGH)
    return Judged(metrics=run.metrics, judgement=judgement, verdict=verdict)


def _job(step: str, job: dict[str, Any], machine: JobMachine, kind: str) -> JobTime:
    start: datetime = job[f"{kind}StartTime"]
    end: datetime = job[f"{kind}EndTime"]
    return JobTime(
        step=step,
        seconds=round((end - start).total_seconds(), 3),
        billable_seconds=job.get("BillableTimeInSeconds"),
        **machine.model_dump(),
    )
