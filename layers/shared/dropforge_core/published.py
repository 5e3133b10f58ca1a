"""A pipeline as it is published: what `publish` writes into the ledger, and runs read."""

from typing import Any, Literal

from pydantic import Field

from dropforge_core.contract import Contract


class Threshold(Contract):
    """One bound of one metric."""

    metric: str
    bound: Literal["minimum", "maximum"]
    value: float


class JobMachine(Contract):
    """The machines of a job; ``volume_gb`` in GiB, ``hourly_usd`` of one machine, if known."""

    instance_type: str
    instance_count: int
    volume_gb: int
    hourly_usd: float | None = None


class GlueStep(Contract):
    """A script that AWS Glue runs: the job, the script's name in the code, its own arguments."""

    job: str
    script: str
    arguments: dict[str, str]
    worker_type: str
    workers: int


class ProcessingStep(Contract):
    """A processing job, but for what the run decides; ``glue`` stands in its place."""

    image: str
    entrypoint: tuple[str, ...]
    environment: dict[str, str]
    machine: JobMachine
    timeout_seconds: int
    glue: GlueStep | None = None


class MetricDefinition(Contract):
    """A number that SageMaker finds in a training job's log: the regex's first group."""

    name: str
    regex: str


class TrainingStep(Contract):
    """A training job, but for what the run decides. ``max_wait_seconds`` asks for managed spot.

    With ``script`` the image runs that script; its source is one channel more. ``reuse`` asks not
    to train again what the model that serves was trained on. ``progress`` is where people are told
    of its metrics while it trains.
    """

    image: str
    script: str | None = None
    hyperparameters: dict[str, str]
    channels: tuple[str, ...]
    environment: dict[str, str]
    machine: JobMachine
    timeout_seconds: int
    max_wait_seconds: int | None = None
    reuse: bool = False
    metric_definitions: tuple[MetricDefinition, ...] = ()
    progress: Literal["slack"] | None = None


class JudgePolicy(Contract):
    """How a challenger is judged: thresholds first, then against the champion.

    ``margin`` is in the metric's own unit and counts for ``not_worse`` only, against the champion
    and against the best of the last ``last`` deployed models, so that small losses cannot add up.
    """

    metric: str
    direction: Literal["higher", "lower"] = "higher"
    thresholds: tuple[Threshold, ...]
    policy: Literal["better", "not_worse", "always"] = "not_worse"
    margin: float = 0.0
    last: int = 5


class SmokeSample(Contract):
    """One golden sample: what to ask the endpoint, and what it must answer.

    Without ``expect`` any answer will do. ``tolerance`` is for the numbers in it, in their unit.
    ``container`` is the one to ask, of an endpoint whose containers are asked directly.
    """

    data: str
    content_type: str = "text/csv"
    expect: Any = None
    tolerance: float = 0.0
    container: str | None = None


class ServingContainer(Contract):
    """One container of several: ``name`` is its ContainerHostname.

    ``model`` says whose artifact it serves: ``train``, or ``preprocess/<name>`` for
    ``preprocess/models/<name>/model.tar.gz`` of the run's outputs; None: it has no artifact.
    """

    name: str
    image: str
    model: str | None = None
    environment: dict[str, str] = Field(default_factory=dict)


class Serving(Contract):
    """What serves, and SageMaker's ProductionVariant without the model's name.

    Either ``image`` and ``environment`` of one container, which serves the model of the training
    job, or ``containers``; ``mode`` is SageMaker's InferenceExecutionConfig.
    ``deployment`` is SageMaker's DeploymentConfig: how an update shifts traffic.
    """

    image: str | None = None
    environment: dict[str, str] = Field(default_factory=dict)
    containers: tuple[ServingContainer, ...] = ()
    mode: Literal["Serial", "Direct"] = "Serial"
    variant: dict[str, Any]
    deployment: dict[str, Any] | None = None
    smoke_test: tuple[SmokeSample, ...] = ()


class StartPolicy(Contract):
    """What a run waits for before it starts: quiet, or a marker object; and how long at most.

    ``marker`` is the last part of a key. Durations count from what S3's events say.
    """

    quiet_seconds: int | None = None
    at_latest_seconds: int | None = None
    marker: str | None = None


class Schedule(Contract):
    """When runs start by themselves, as EventBridge Scheduler takes it."""

    expression: str
    timezone: str


class DriftAlarm(Contract):
    """What starts a run when it is above ``threshold``; without a metric, our own DataDrift."""

    threshold: float
    period_seconds: int
    namespace: str | None = None
    metric: str | None = None
    dimensions: dict[str, str] = Field(default_factory=dict)


class TransformStep(Contract):
    """A batch transform after a deployment: CreateTransformJob's request without names and places.

    It reads everything below ``batch/<pipeline>/`` of the data bucket.
    """

    request: dict[str, Any]
    timeout_seconds: int


class DataPolicy(Contract):
    """Less than all data: what is new, or a window of so many seconds, so many objects, or both."""

    scope: Literal["new", "window"]
    seconds: int | None = None
    objects: int | None = None


class PublishedPipeline(Contract):
    """A pipeline as ``publish`` leaves it in the ledger: images resolved, scripts uploaded.

    ``approval_timeout_seconds`` asks for a person's approval of each model, for so long at most.
    ``keep`` says how many deployed models keep their model, endpoint config and model package.
    ``start`` is None when runs start as soon as data has come; ``schedule`` and ``drift`` are what
    else starts them. ``data`` is None when they read all of it.
    """

    name: str
    version: str
    endpoint: str
    preprocess: ProcessingStep
    train: TrainingStep
    evaluate: ProcessingStep
    serve: Serving
    judge: JudgePolicy
    after_deploy: TransformStep | None = None
    approval_timeout_seconds: int | None = None
    keep: int = Field(default=5, ge=2)
    start: StartPolicy | None = None
    schedule: Schedule | None = None
    drift: DriftAlarm | None = None
    data: DataPolicy | None = None
