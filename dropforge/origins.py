"""Whose model a rollback brings back, and how it is served."""

from dataclasses import dataclass

from botocore.exceptions import ClientError
from dropforge_core.chain_config import PREPROCESSED
from dropforge_core.contracts import EndpointState, Restore
from dropforge_core.endpoints import MISSING, endpoint_state, with_what_serves
from dropforge_core.lineage import standing
from dropforge_core.naming import models_folder
from dropforge_core.published import PublishedPipeline
from dropforge_core.records import Run

from dropforge.errors import InputError
from dropforge.target import Target

# Judged good enough, whether or not the endpoint then held it.
_PROMOTED = {"DEPLOYED", "ROLLED_BACK"}
_NAMED_AT_MOST = 5


@dataclass(frozen=True)
class Choice:
    """The run whose model comes back, what comes back of it, and as what it is deployed."""

    origin: Run
    restore: Restore
    config: PublishedPipeline


def choose(target: Target, current: PublishedPipeline, to: str | None) -> Choice:
    """Choose the run whose model comes back.

    Without `to` it is the one that served before the model that serves now; models that somebody
    went back from do not count. The container comes from the version that the run was made with,
    the machines that serve from the version that is published now.

    Raises:
        InputError: there is no such run, its model cannot come back, or it serves already.
    """
    runs = target.ledger.runs(current.name)
    sagemaker = target.client("sagemaker")
    state = with_what_serves(sagemaker, endpoint_state(sagemaker, current.endpoint))
    serving = state.champion.run_id if state.champion else None
    origin = _named(runs, to, serving) if to else _previous(runs, state, serving)
    if origin.run_id == serving:
        raise InputError(f"The model of {serving} serves already. {_possible(runs, serving)}")
    where = f" in place of that of {serving}" if serving else ""
    restore = Restore(
        run_id=origin.run_id,
        model_data=_trained(target, origin),
        reason=f"The model of {origin.run_id} was brought back{where}.",
        metrics=origin.metrics,
    )
    config = _config(target, current, origin)
    _check_preprocessed(target, config, origin)
    return Choice(origin, restore, config)


def _named(runs: list[Run], to: str, serving: str | None) -> Run:
    """Find the run that was named; a rollback stands for the run that it restored."""
    known = {run.run_id: run for run in runs}
    found = known.get(to)
    origin = known.get(found.restores or to) if found else None
    if origin is None:
        raise InputError(f"--to: {to!r} is no run of this pipeline. {_possible(runs, serving)}")
    if origin.status not in _PROMOTED:
        raise InputError(
            f"--to: {to} ended {origin.status}: only a model that was judged good enough comes"
            f" back. {_possible(runs, serving)}"
        )
    return origin


def _previous(runs: list[Run], state: EndpointState, serving: str | None) -> Run:
    """Find the run whose model served before, or the last one when nothing is there to serve."""
    if state.status == MISSING:
        earlier = standing(runs)
    elif any(run.run_id == serving for run in runs):
        now = next(run for run in runs if run.run_id == serving)
        earlier = (run for run in standing(runs) if run.started_at < now.started_at)
    else:
        raise InputError(
            f"The endpoint {state.endpoint} is {state.status}, and whose model it serves cannot be"
            f" told: name a run with --to. {_possible(runs, serving)}"
        )
    origin = next(earlier, None)
    if origin is None:
        before = f" before that of {serving}" if serving else ""
        raise InputError(f"There is nothing to go back to: no model was deployed{before}.")
    return origin


def _possible(runs: list[Run], serving: str | None) -> str:
    names = [
        run.run_id
        for run in runs
        if run.status in _PROMOTED and run.model_data and run.kind == "RETRAIN"
    ]
    others = [name for name in names if name != serving][:_NAMED_AT_MOST]
    return f"Possible: {', '.join(others)}." if others else "No other model can come back."


def _trained(target: Target, origin: Run) -> str:
    """Return the training job's artifact, after a look whether it is still there."""
    if origin.model_data is None:
        raise InputError(f"The ledger does not know where the model of {origin.run_id} lies.")
    _check_artifact(target, origin, origin.model_data)
    return origin.model_data


def _check_preprocessed(target: Target, config: PublishedPipeline, origin: Run) -> None:
    """Look whether what preprocess made for other containers is still there."""
    folder = f"s3://{target.output('ArtifactsBucketName')}/{models_folder(origin.run_id)}"
    for container in config.serve.containers:
        if container.model and container.model.startswith(PREPROCESSED):
            name = container.model.removeprefix(PREPROCESSED)
            _check_artifact(target, origin, f"{folder}{name}/model.tar.gz")


def _check_artifact(target: Target, origin: Run, uri: str) -> None:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        target.s3.head_object(Bucket=bucket, Key=key)
    except ClientError as err:
        if err.response["Error"]["Code"] not in {"404", "NoSuchKey"}:
            raise
        raise InputError(f"The model of {origin.run_id} is gone: {uri}.") from err


def _config(target: Target, current: PublishedPipeline, origin: Run) -> PublishedPipeline:
    key = f"pipelines/{origin.pipeline}/{origin.version}/pipeline.json"
    try:
        answer = target.s3.get_object(Bucket=target.output("ArtifactsBucketName"), Key=key)
    except target.s3.exceptions.NoSuchKey as err:
        raise InputError(
            f"The version {origin.version} of {origin.pipeline} is gone: {key}."
        ) from err
    then = PublishedPipeline.model_validate_json(answer["Body"].read())
    # How it is rolled out belongs to where it runs.
    place = current.serve.model_dump(include={"variant", "deployment"})
    return then.model_copy(update={"serve": then.serve.model_copy(update=place)})
