"""`dropforge runs` and `dropforge show`: what the ledger knows of runs."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError
from dropforge_core import training_progress, words
from dropforge_core.costs import job_usd, total_usd
from dropforge_core.naming import pipeline_of_run
from dropforge_core.records import Run
from dropforge_core.times import utc_now

from dropforge import output
from dropforge.errors import CommandError, InputError
from dropforge.target import Target

_LATELY, _MINUTE = timedelta(minutes=10), timedelta(minutes=1)


def list_runs(target: Target, pipeline: str | None) -> list[Run]:
    """List the runs of a pipeline, or of all, newest first.

    Raises:
        InputError: there is no such pipeline in the ledger.
    """
    if pipeline is not None:
        check_published(target, pipeline)
    return target.ledger.runs(pipeline)


def check_published(target: Target, pipeline: str) -> None:
    """Refuse a pipeline that the ledger does not know.

    Raises:
        InputError: there is no such pipeline in the ledger.
    """
    known = target.ledger.pipelines()
    if pipeline not in known:
        names = ", ".join(known) or "none"
        raise InputError(f"No pipeline {pipeline!r} is published in {target.stack}: {names}.")


def find_run(target: Target, run_id: str) -> Run:
    """Find a run by its id.

    Raises:
        InputError: the text is no run id, or there is no such run.
    """
    try:
        pipeline = pipeline_of_run(run_id)
    except ValueError as err:
        raise InputError(str(err)) from err
    run = target.ledger.run(run_id)
    if run is None:
        raise InputError(f"There is no run {run_id}; see: dropforge runs {pipeline}")
    return run


def with_progress(target: Target, run: Run) -> Run:
    """Add what the training job of a run that goes on has said of its metrics, if it can be had."""
    if run.status != "RUNNING":
        return run
    job = training_progress.job_name(run)
    try:
        described = target.client("sagemaker").describe_training_job(TrainingJobName=job)
        final = described.get("FinalMetricDataList") or []
        said = {each["MetricName"]: each["Value"] for each in final} or in_training(target, run)
    except ClientError:
        return run  # there is no such job yet, or we may not look at it
    return replace(run, training_metrics=said)


def in_training(target: Target, run: Run) -> dict[str, float]:
    """Return what a training job said of its metrics lately.

    Raises:
        botocore.exceptions.ClientError: CloudWatch does not tell.
    """
    config = target.ledger.published(run.pipeline)
    names = training_progress.metric_names(config) if config else []
    now = utc_now()
    job = training_progress.job_name(run)
    return training_progress.latest(
        target.client("cloudwatch"), job, names, now - _LATELY, now + _MINUTE
    )


def document(run: Run) -> dict[str, Any]:
    """Return what `--json` prints of a run."""
    jobs = [{**job, "estimated_cost_usd": job_usd(job)} for job in run.jobs]
    return {**asdict(run), "jobs": jobs, "estimated_cost_usd": total_usd(run.jobs)}


def conclude(run: Run, *, as_json: bool) -> None:
    """Print a run that was waited for, and fail unless its model serves.

    Raises:
        CommandError: the run ended otherwise than DEPLOYED.
    """
    output.write_json(document(run)) if as_json else write_run(run)
    if run.status != "DEPLOYED":
        raise CommandError(f"run {run.run_id} ended {run.status}: {run.reason}")


def write_list(target: Target, runs: list[Run]) -> None:
    """Print a table of runs for people; of the metrics, the one that the pipeline judges by."""
    configs = {name: target.ledger.published(name) for name in {run.pipeline for run in runs}}
    judged = {name: config.judge.metric for name, config in configs.items() if config}
    rows = [
        (
            run.run_id,
            run.status,
            str(run.endpoint.get("action", "NONE")),
            _metrics({k: v for k, v in run.metrics.items() if k == judged[run.pipeline]}),
            words.duration(run.seconds),
            run.reason,
        )
        for run in runs
    ]
    output.write_table(("run", "status", "endpoint", "metrics", "time", "reason"), rows)


def write_run(run: Run) -> None:
    """Print one run for people: its facts, both models' metrics, its jobs, its steps."""
    facts = _facts(run).items()
    output.write_table(("", ""), [(name, value) for name, value in facts if value])
    if run.champion_metrics:
        models = _side_by_side(run.metrics, run.champion_metrics)
        _write_further(("metric", "challenger", "champion", "difference"), models)
    _write_further(("job", "time", "machines", "estimated cost"), [_job(job) for job in run.jobs])
    steps = [(s["name"], s["status"], words.duration(s["seconds"])) for s in run.steps]
    _write_further(("step", "status", "time"), steps)


def _facts(run: Run) -> dict[str, str]:
    endpoint = run.endpoint
    return {
        "run": run.run_id,
        "status": run.status,
        "reason": run.reason,
        "brought back": run.restores or "",
        "metrics": "" if run.champion_metrics else _metrics(run.metrics),
        "in training": _metrics(run.training_metrics),
        "endpoint": f"{endpoint['name']}: {endpoint['action']}",
        "serves": str(endpoint.get("config") or ""),
        "model package": run.model_package or "",
        "data": words.data(run.data),
        "meanwhile": words.meanwhile(run.data),
        "manifest": str(run.data["manifest"]),
        "quarantine": str(run.data.get("quarantine", "")),
        "transitions": str(run.billed_transitions),
        "time": f"{words.duration(run.seconds)}: jobs {words.duration(run.job_seconds)},"
        f" endpoint {words.duration(run.endpoint_seconds)}",
        "jobs' cost": words.money(total_usd(run.jobs)) if run.jobs else "",
        "started": run.started_at,
        "ended": run.ended_at or "",
    }


def _write_further(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print a table below what is there, unless it is empty."""
    if rows:
        output.write_line("")
        output.write_table(columns, rows)


def _job(job: dict[str, Any]) -> tuple[str, ...]:
    took, cost = words.duration(job["seconds"]), words.money(job_usd(job))
    return job["step"], took, words.machines(job), cost


def _side_by_side(challenger: dict[str, Any], champion: dict[str, Any]) -> list[tuple[str, ...]]:
    """Put the metrics of both models beside each other, the challenger's first."""
    return [
        (
            name,
            words.number(challenger.get(name, "")),
            words.number(champion.get(name, "")),
            words.difference(challenger.get(name), champion.get(name)),
        )
        for name in {**challenger, **champion}
    ]


def _metrics(metrics: dict[str, Any]) -> str:
    return ", ".join(f"{name} {words.number(value)}" for name, value in metrics.items())
