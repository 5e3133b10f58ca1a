"""`dropforge runs` and `dropforge show`: what the ledger knows of runs."""

from dataclasses import asdict
from typing import Any

from dropforge_core.figures import finite
from dropforge_core.naming import pipeline_of_run
from dropforge_core.records import Run

from dropforge import output
from dropforge.errors import CommandError, InputError
from dropforge.target import Target


def list_runs(target: Target, pipeline: str | None) -> list[Run]:
    """List the runs of a pipeline, or of all, newest first.

    Raises:
        InputError: there is no such pipeline in the ledger.
    """
    known = target.ledger.pipelines()
    if pipeline is not None and pipeline not in known:
        names = ", ".join(known) or "none"
        raise InputError(f"No pipeline {pipeline!r} is published in {target.stack}: {names}.")
    return target.ledger.runs(pipeline)


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


def document(run: Run) -> dict[str, Any]:
    """Return what `--json` prints of a run."""
    return asdict(run)


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
            output.seconds(run.seconds),
            run.reason,
        )
        for run in runs
    ]
    output.write_table(("run", "status", "endpoint", "metrics", "time", "reason"), rows)


def write_run(run: Run) -> None:
    """Print one run for people: its facts, then its steps."""
    endpoint = run.endpoint
    facts = {
        "run": run.run_id,
        "status": run.status,
        "reason": run.reason,
        "brought back": run.restores or "",
        "metrics": "" if run.champion_metrics else _metrics(run.metrics),
        "endpoint": f"{endpoint['name']}: {endpoint['action']}",
        "serves": str(endpoint.get("config") or ""),
        "model package": run.model_package or "",
        "data": ", ".join(
            (output.counted(run.data["objects"], "object"), output.size(run.data["bytes"]))
        ),
        "manifest": str(run.data["manifest"]),
        "transitions": str(run.billed_transitions),
        "time": f"{run.seconds:.1f} s: jobs {run.job_seconds:.1f} s,"
        f" endpoint {run.endpoint_seconds:.1f} s",
        "started": run.started_at,
        "ended": run.ended_at or "",
    }
    output.write_table(("", ""), [(name, value) for name, value in facts.items() if value])
    if run.champion_metrics:
        output.write_line("")
        models = _side_by_side(run.metrics, run.champion_metrics)
        output.write_table(("metric", "challenger", "champion", "difference"), models)
    if run.steps:
        output.write_line("")
        rows = [(s["name"], s["status"], output.seconds(s["seconds"])) for s in run.steps]
        output.write_table(("step", "status", "time"), rows)


def _side_by_side(
    challenger: dict[str, Any], champion: dict[str, Any]
) -> list[tuple[str, str, str, str]]:
    """Put the metrics of both models beside each other, the challenger's first."""
    return [
        (
            name,
            _number(challenger.get(name, "")),
            _number(champion.get(name, "")),
            _difference(challenger.get(name), champion.get(name)),
        )
        for name in {**challenger, **champion}
    ]


def _difference(challenger: Any, champion: Any) -> str:
    mine, theirs = finite(challenger), finite(champion)
    return "" if mine is None or theirs is None else f"{mine - theirs:+.4g}"


def _metrics(metrics: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_number(value)}" for name, value in metrics.items())


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
