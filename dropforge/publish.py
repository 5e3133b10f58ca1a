"""`dropforge publish`: validate pipelines, upload what they need, tell the ledger."""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from dropforge_core.naming import endpoint_name
from dropforge_core.pipeline_config import PipelineConfig
from dropforge_core.preprocess_config import Glue, Script
from dropforge_core.published import (
    MetricDefinition,
    ProcessingStep,
    PublishedPipeline,
    TrainingStep,
)
from dropforge_core.times import iso, utc_now

from dropforge import glue, images, output, pipelines, source
from dropforge.content import digest
from dropforge.deployable import check_deployable, tell_of_progress
from dropforge.errors import InputError
from dropforge.pipelines import Pipeline
from dropforge.prices import Prices
from dropforge.project import Project
from dropforge.target import Target
from dropforge.triggers import set_triggers

_CODE = "/opt/ml/processing/input/code"
_RULES = "rules.json"
_VERSION_LENGTH = 12
_UPLOADS_AT_ONCE = 8


@dataclass(frozen=True)
class Published:
    """A pipeline as it is published now, and whether this call changed anything."""

    pipeline: str
    version: str
    uri: str
    is_new: bool

    def document(self) -> dict[str, Any]:
        """Return what `--json` prints of it."""
        return {"pipeline": self.pipeline, "version": self.version, "uri": self.uri}


def publish(
    project: Project, target: Target, names: Iterable[str], *, renew: bool = True
) -> list[Published]:
    """Publish these pipelines, or all; all are validated before anything is uploaded.

    Schedules and alarms are made again, lest somebody has removed them, if they are to `renew`.

    Raises:
        InputError: something is wrong with one of them, its image is not in ECR, or the stack
            could not deploy it.
    """
    wanted = list(dict.fromkeys(names)) or pipelines.names(project)
    if not wanted:
        raise InputError(f"{project.pipelines}: there are no pipelines; each is a folder there.")
    loaded = [pipelines.load(project, name) for name in wanted]
    for pipeline in loaded:
        where = project.relative(pipeline.folder / pipelines.FILE)
        check_deployable(target, pipeline.config.serve, where)
        tell_of_progress(target, pipeline.config.train, where)
    prices = Prices(target)
    return [_publish(project, target, prices, pipeline, renew=renew) for pipeline in loaded]


def ensure_published(project: Project, target: Target, name: str) -> None:
    """Publish a pipeline when it never was or its files have changed, and say so.

    A pipeline that is not in this checkout is taken as it was published.

    Raises:
        InputError: it is neither here nor published, or something is wrong with it.
    """
    if name not in pipelines.names(project) and target.ledger.published(name):
        return
    published = publish(project, target, [name], renew=False)[0]
    if published.is_new:
        output.say(f"Published pipeline {name}, version {published.version}.")


def write(published: list[Published]) -> None:
    """Print a table for people."""
    rows = [
        (p.pipeline, p.version, "published" if p.is_new else "unchanged", p.uri) for p in published
    ]
    output.write_table(("pipeline", "version", "", "uri"), rows)


def _publish(
    project: Project, target: Target, prices: Prices, pipeline: Pipeline, *, renew: bool
) -> Published:
    files = pipelines.bundle(project, pipeline)
    uses = pipelines.uses_of(pipeline.config)
    found = {step: images.resolve(project, use) for step, use in uses.items()}
    addresses = {step: images.address(target, image) for step, image in found.items()}
    config = _resolved(pipeline.config, target.stack, addresses, files)
    name, version = config.name, config.version
    uri = f"s3://{target.output('ArtifactsBucketName')}/pipelines/{name}/{version}/"
    known = target.ledger.published(name)
    is_new = known is None or known.version != version
    if is_new or renew:
        set_triggers(target, config, known)
    # Here what stands for an image may change while its address does not.
    if is_new or target.is_local:
        for image in found.values():
            images.provide(project, target, image)
        if config.preprocess.glue:
            workers = pipeline.config.preprocess.glue or Glue()
            images.provide_glue(project, target, workers.version)
    if is_new:
        config = prices.filled_in(config)
        prefix = f"pipelines/{name}/{version}/"
        _upload(target, prefix, files)
        if config.train.script:
            _put(target, f"{prefix}source/{source.ARCHIVE}", source.pack(files), "application/gzip")
        if rules := pipeline.config.rules():
            _put_json(target, f"{prefix}code/{_RULES}", rules)
        if config.preprocess.glue:
            _put(target, f"{prefix}{glue.ARCHIVE}", glue.pack(files), "application/zip")
            glue.ensure_job(target, config, pipeline.config.preprocess.glue or Glue(), uri)
        # It comes last and says that all is there.
        document = config.model_dump(mode="json", exclude_none=True)
        _put_json(target, f"{prefix}pipeline.json", document)
        _ensure_model_package_group(target, config)
        target.ledger.publish(config, uri, iso(utc_now()))
    return Published(name, version, uri, is_new)


def _ensure_model_package_group(target: Target, config: PublishedPipeline) -> None:
    """Make the group of the pipeline's model packages; it is named as the endpoint."""
    sagemaker = target.client("sagemaker")
    tags = {"dropforge:stack": target.stack, "dropforge:pipeline": config.name}
    try:
        sagemaker.describe_model_package_group(ModelPackageGroupName=config.endpoint)
    except ClientError as err:
        if "does not exist" not in str(err):
            raise
        sagemaker.create_model_package_group(
            ModelPackageGroupName=config.endpoint,
            ModelPackageGroupDescription=f"Models of the Dropforge pipeline {config.name}",
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )


def _resolved(
    config: PipelineConfig, stack: str, addresses: dict[str, str], files: dict[str, Path]
) -> PublishedPipeline:
    """Return what runs are started with; its version is a hash of all that it depends on."""
    try:
        endpoint = endpoint_name(stack, config.name)
    except ValueError as err:
        raise InputError(str(err)) from err
    draft = PublishedPipeline(
        name=config.name,
        version="",
        endpoint=endpoint,
        preprocess=_preprocessing(config, stack, addresses["preprocess"]),
        train=_training(config, addresses["train"]),
        evaluate=_processing(
            config.evaluate, "python3", config.evaluate.arguments, addresses["evaluate"]
        ),
        serve=config.serve.resolved(addresses),
        judge=config.judge.resolved(),
        after_deploy=config.after_deploy.transform.resolved() if config.after_deploy else None,
        approval_timeout_seconds=config.approval_timeout_seconds(),
        keep=config.keep,
        start=config.start.resolved(),
        data=config.data.resolved(),
        schedule=config.start.resolved_schedule(),
        drift=config.start.resolved_drift(),
    )
    whole = digest(files, draft.model_dump_json(), json.dumps(config.rules()))
    version = whole[:_VERSION_LENGTH]
    return draft.model_copy(update={"version": version})


def _preprocessing(config: PipelineConfig, stack: str, image: str) -> ProcessingStep:
    given = config.preprocess
    step = _processing(given, given.program(), given.script_arguments(), image)
    on_glue = given.on_glue(glue.job_name(stack, config.name))
    return step.model_copy(update={"machine": given.machine(), "glue": on_glue})


def _processing(
    script: Script, program: str, arguments: tuple[str, ...], image: str
) -> ProcessingStep:
    return ProcessingStep(
        image=image,
        entrypoint=(program, f"{_CODE}/{script.script}", *arguments),
        environment=script.environment,
        machine=script.instance.resolved(),
        timeout_seconds=script.timeout_seconds,
    )


def _training(config: PipelineConfig, image: str) -> TrainingStep:
    train = config.train
    script_mode = source.hyperparameters(train.script) if train.script else {}
    return TrainingStep(
        image=image,
        script=train.script,
        hyperparameters=train.hyperparameters | script_mode,
        channels=train.channels,
        environment=train.environment,
        machine=train.instance.resolved(),
        timeout_seconds=train.timeout_seconds,
        max_wait_seconds=train.spot.max_wait_seconds if train.spot else None,
        reuse=train.reuse,
        metric_definitions=tuple(
            MetricDefinition(name=name, regex=regex) for name, regex in train.metrics.items()
        ),
        progress=train.progress,
    )


def _upload(target: Target, prefix: str, files: dict[str, Path]) -> None:
    """Upload what is not there yet."""
    bucket = target.output("ArtifactsBucketName")
    pages = target.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    there = {item["Key"] for page in pages for item in page.get("Contents", [])}
    missing = {
        key: path for name, path in files.items() if (key := f"{prefix}code/{name}") not in there
    }
    with ThreadPoolExecutor(_UPLOADS_AT_ONCE) as uploads:
        list(
            uploads.map(
                lambda item: target.s3.upload_file(str(item[1]), bucket, item[0]), missing.items()
            )
        )


def _put_json(target: Target, key: str, document: dict[str, Any]) -> None:
    _put(target, key, json.dumps(document, indent=2).encode(), "application/json")


def _put(target: Target, key: str, body: bytes, content_type: str) -> None:
    bucket = target.output("ArtifactsBucketName")
    target.s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type)
