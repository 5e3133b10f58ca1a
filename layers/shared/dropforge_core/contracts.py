"""The contracts between states: what functions and machines take and give, defined only here."""

from typing import Any, Literal

from pydantic import ConfigDict, Field

from dropforge_core.contract import Contract
from dropforge_core.published import (
    JobMachine,
    JudgePolicy,
    ProcessingStep,
    PublishedPipeline,
    Serving,
    SmokeSample,
    TrainingStep,
    TransformStep,
)

Status = Literal[
    "RUNNING", "WAITING_FOR_APPROVAL", "DEPLOYED", "REJECTED", "SKIPPED", "ROLLED_BACK", "FAILED"
]
EndStatus = Literal["DEPLOYED", "REJECTED", "SKIPPED", "ROLLED_BACK", "FAILED"]
EndpointAction = Literal["CREATED", "UPDATED", "NONE"]
# Who or what turned a model down: the judge, a person, nobody in time, or a newer run.
RejectedBy = Literal["JUDGE", "APPROVER", "TIMEOUT", "NEWER_RUN"]


class Restore(Contract):
    """The model that a rollback brings back, in place of a training: that of an earlier run.

    ``reason`` is one sentence; ``metrics`` are that run's. What its preprocess job made for other
    containers lies with that run.
    """

    run_id: str
    model_data: str
    reason: str
    metrics: dict[str, Any] = Field(default_factory=dict)


class RunData(Contract):
    """What a run reads: how many objects and bytes, and where the manifest lists them (s3://).

    ``restored`` counts those of the objects that were replaced or deleted once the manifest was
    written, and are read from copies; ``lost`` those that are left out, since the bucket no longer
    had the version that was listed. Absent for none.
    """

    objects: int
    bytes: int
    manifest: str
    restored: int | None = None
    lost: int | None = None


class RetrainInput(Contract):
    """Input of the machine ``retrain``; with ``restore`` it only deploys, with ``resume`` less.

    ``first_event_at`` is the S3 event of the first object that waited for this run, ISO 8601.
    """

    run_id: str
    pipeline: str
    attempt: int = Field(ge=1, le=99)
    data: RunData
    first_event_at: str
    config: PublishedPipeline
    restore: Restore | None = None
    resume: "Resume | None" = None


class DeployInput(Contract):
    """Input of the machine ``deploy``; ``parent`` lets the console link both executions.

    ``model_data`` is the artifact of the training job, ``models`` the folder (an S3 URI) of those
    that preprocess made. ``transform`` is what is done last, if anything.
    """

    parent: str = Field(alias="AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID")
    run_id: str
    pipeline: str
    attempt: int
    endpoint: str
    model_data: str
    models: str
    serve: Serving
    transform: TransformStep | None = None


class DeployOutput(Contract):
    """What ``deploy`` ends with when nothing is broken: the new config serves, or the old one.

    ``config`` is absent when a first deployment was undone: there is no endpoint again.
    ``called_at`` and ``in_service_at`` are epoch milliseconds: the create or update call, and the
    moment from which the endpoint was in service.
    """

    status: Literal["DEPLOYED", "ROLLED_BACK"]
    action: EndpointAction
    config: str | None = None
    reason: str
    called_at: int
    in_service_at: int


class CheckEndpointInput(Contract):
    """Input of the function CheckEndpoint; ``training`` asks for how the champion was trained."""

    endpoint: str = Field(min_length=1, max_length=63)
    training: bool = False


class Champion(Contract):
    """The model that serves now. ``run_id`` is absent when no run of ours made it.

    ``model_data`` is the training job's artifact, ``models`` the folder of those that preprocess
    made, if containers serve any.
    """

    model_data: str
    models: str | None = None
    run_id: str | None = None


class Training(Contract):
    """What a training job was given; ``TRAINED_ON`` in its variables is the digest of its data."""

    image: str
    hyperparameters: dict[str, str]
    environment: dict[str, str]


class EndpointState(Contract):
    """Output of CheckEndpoint, and what a deployment that waits is answered.

    ``status`` is SageMaker's, or ``Missing``. ``updatable`` says whether UpdateEndpoint would be
    accepted now. ``modified_at`` is in epoch milliseconds. ``instance_count`` is what the config in
    service asks for, absent for a serverless one; only CheckEndpoint looks for it and the champion.
    ``training`` is what the champion's training job was given, if it was asked for and is known.
    """

    endpoint: str
    exists: bool
    status: str
    updatable: bool
    config: str | None = None
    failure_reason: str | None = None
    modified_at: int | None = None
    instance_count: int | None = None
    champion: Champion | None = None
    training: Training | None = None


class EndpointWait(Contract):
    """Input of AnswerEndpointWait from the machine: answer this token once the endpoint settles."""

    endpoint: str = Field(min_length=1, max_length=63)
    task_token: str = Field(min_length=1, max_length=2048)


class EndpointWaitAnswer(Contract):
    """Output of AnswerEndpointWait; nobody but people and tests reads it.

    ``status`` is absent when no token waits for this endpoint, so that nobody asked SageMaker.
    """

    endpoint: str
    answered: bool
    status: str | None = None


class SmokeTestInput(Contract):
    """Input of the function SmokeTest."""

    endpoint: str = Field(min_length=1, max_length=63)
    samples: tuple[SmokeSample, ...] = Field(min_length=1, max_length=20)


class SmokeTestResult(Contract):
    """Output of SmokeTest: whether every sample was answered as expected, in one sentence."""

    passed: bool
    reason: str


class JudgeInput(Contract):
    """Input of the function JudgeModel: the policy, and what evaluation.json says.

    ``champion`` is None, or {"run_id", "status": "scored" or "unusable", "reason", "metrics"};
    ``comparison`` is None, or {"metric", "difference", "low", "high", "confidence",
    "minimum_detectable", "rows"}, where a positive difference means a better challenger.
    """

    run_id: str
    pipeline: str
    judge: JudgePolicy
    metrics: dict[str, Any]
    champion: dict[str, Any] | None = None
    comparison: dict[str, Any] | None = None


class Verdict(Contract):
    """Output of JudgeModel: whether the challenger may serve, and why, in one sentence."""

    promoted: bool
    reason: str
    champion_metrics: dict[str, Any] | None = None


class AdoptInput(Contract):
    """Input of the machine ``adopt``: a job of ours that was created without an answer.

    It is ours if it writes to ``output``, an S3 URI that no other run has.
    """

    parent: str = Field(alias="AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID")
    kind: Literal["Processing", "Training"]
    name: str
    output: str


class PrepareStart(Contract):
    """Input of the machine ``prepare``; ``inputs`` to ``quarantine`` are S3 URIs."""

    parent: str = Field(alias="AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID")
    run_id: str
    preprocess: ProcessingStep
    train: TrainingStep
    endpoint: str
    inputs: str
    outputs: str
    code: str
    quarantine: str


class JudgeStart(Contract):
    """Input of the machine ``judge``: a trained model, where its run's things are, the policy.

    ``name`` begins the job's name; ``inputs``, ``outputs`` and ``code`` are S3 URIs. ``models`` is
    the folder of what preprocess made for other containers, if there are any. ``round`` is 2 when
    an approved model is judged again.
    """

    parent: str = Field(alias="AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID")
    run_id: str
    pipeline: str
    attempt: str
    round: Literal[1, 2]
    name: str
    version: str
    inputs: str
    outputs: str
    code: str
    tags: tuple[dict[str, str], ...]
    evaluate: ProcessingStep
    judge: JudgePolicy
    model_data: str
    models: str | None = None
    champion: Champion | None = None


class ApproveInput(Contract):
    """Input of the machine ``approve``: which judged model waits for a person, and for how long.

    ``judging`` is the input of ``judge`` but for round and champion, ``champion`` the model that
    it was judged against, ``news`` what people are told while it waits.
    """

    parent: str = Field(alias="AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID")
    run_id: str
    pipeline: str
    endpoint: str
    model_package: str
    timeout_seconds: int
    judging: dict[str, Any]
    news: dict[str, Any]
    champion: Champion | None = None


class ApprovalWait(Contract):
    """Input of AnswerApproval from the machine: answer this token once somebody has decided.

    ``news`` is what people are told while it waits: whoever decides looks at it in the ledger.
    """

    run_id: str
    pipeline: str
    model_package: str = Field(min_length=1, max_length=2048)
    task_token: str = Field(min_length=1, max_length=2048)
    news: dict[str, Any]


class ApprovalDecision(Contract):
    """What a waiting machine is told; ``reason`` is one sentence.

    APPROVED also says that the run holds its pipeline again, so that nothing else deploys.
    """

    decision: Literal["APPROVED", "REJECTED", "SUPERSEDED"]
    reason: str


class ApprovalAnswer(Contract):
    """Output of AnswerApproval: the runs that were told, and those that still wait."""

    answered: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


class StepError(Contract):
    """What a Catch saw: the state, the error's name and its cause (text, JSON or cut JSON)."""

    step: str
    error: str
    cause: str = ""


class FailedPreparation(Contract):
    """Input of RestoreInputs: a run whose data could not be preprocessed, and why.

    ``data`` is what the job was to read; ``round`` counts the tries of this attempt.
    """

    run_id: str
    data: RunData
    round: int = Field(ge=1)
    error: StepError


class RestoredInputs(Contract):
    """Output of RestoreInputs: what the run reads from now on; with ``error`` it is over."""

    data: RunData
    error: StepError | None = None


class EndpointChange(Contract):
    """What a run did to the endpoint; times in epoch milliseconds as in DeployOutput."""

    name: str
    action: EndpointAction
    config: str | None = None
    called_at: int | None = None
    in_service_at: int | None = None


class RowCounts(Contract):
    """What came of a run's data: rows used and rejected, objects refused whole; None: not known.

    ``drift`` is its largest population stability index against the champion's data, if there is one
    that chance does not explain, else 0.
    """

    rows: int | float | None = None
    rejected_rows: int | float | None = None
    quarantined_objects: int | None = None
    drift: float | None = None


class JobTime(JobMachine):
    """What one job of a run took: its own start to end, and what of it training is billed for."""

    step: str
    seconds: float
    billable_seconds: float | None = None


class Trained(Contract):
    """What a run's training job made: the artifact, and the last values that it told."""

    model_data: str
    training_metrics: dict[str, float] = Field(default_factory=dict)


class Judged(Contract):
    """How a run's model was judged good enough; ``judgement`` is more of RunNews."""

    metrics: dict[str, Any]
    judgement: dict[str, Any]
    verdict: Verdict


class Resume(Contract):
    """What earlier attempts of a run have made, so that a redrive does not make it again.

    The data is preprocessed: ``rows`` is what its job counted, ``quarantined``
    whether it refused any. With ``trained`` the model is there too, with ``judged``
    it need only be deployed. ``endpoint`` and ``champion`` are what serves now, ``train`` what the
    training job is given, ``jobs`` what all this took.

    The machine ``prepare`` gives the same of what Glue has preprocessed, with what the script
    ``told``, and with ``champion_training`` if it was asked for.
    """

    rows: RowCounts
    quarantined: bool
    endpoint: EndpointChange
    train: Training
    jobs: tuple[JobTime, ...]
    champion: Champion | None = None
    trained: Trained | None = None
    judged: Judged | None = None
    told: dict[str, Any] | None = None
    champion_training: Training | None = None


class RunNews(Contract):
    """How a run goes or ended: input of NotifyMetrics, which reads no ledger.

    ``reason`` is one sentence; a failed run has ``error`` instead and the functions word it. A
    REJECTED run without ``rejected_by`` was rejected by the judge. ``training_metrics`` are the
    last values of the training job's metric definitions. ``waits_until`` is when a run that waits
    for approval gives up, ISO 8601. ``model_data`` is the model's artifact; ``restores`` is the run
    whose model a rollback brings back. ``quarantine`` is where what the run could not use lies
    (s3://), if there is anything.
    """

    run_id: str
    pipeline: str
    attempt: int
    execution: str
    status: Status
    data: RunData
    first_event_at: str
    reason: str = ""
    metrics: dict[str, Any] = Field(default_factory=dict)
    endpoint: EndpointChange
    champion_metrics: dict[str, Any] | None = None
    comparison: dict[str, Any] | None = None
    model_package: str | None = None
    model_data: str | None = None
    restores: str | None = None
    rows: RowCounts = Field(default_factory=RowCounts)
    quarantine: str | None = None
    jobs: tuple[JobTime, ...] = ()
    training_metrics: dict[str, float] = Field(default_factory=dict)
    waits_until: str | None = None
    error: StepError | None = None
    rejected_by: RejectedBy | None = None


class RunEnd(RunNews):
    """How a run ended: input of FinishRun, and of NotifyMetrics."""

    status: EndStatus


class ExecutionEnd(Contract):
    """How an execution of the machine ``retrain`` ended badly: EventBridge's event, what we use.

    AWS adds fields to its events, so this one contract takes no notice of others. SUCCEEDED is no
    event that is listened to: a sweep may find it of a run that is still open.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    execution: str = Field(alias="executionArn")
    name: str
    status: Literal["FAILED", "TIMED_OUT", "ABORTED", "SUCCEEDED"]
    error: str | None = None
    cause: str | None = None


class DeploymentEnd(Contract):
    """An execution of the machine ``deploy`` that ended well: EventBridge's event, what we use.

    The run is in the execution's name: the event leaves out an input that is long. AWS adds fields
    to its events, so this contract takes no notice of others.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    execution: str = Field(alias="executionArn")
    name: str = Field(pattern=r".-deploy-[0-9]+$")

    @property
    def run_id(self) -> str:
        """The run that deployed: the name is ``<run id>-deploy-<attempt>``."""
        return self.name.rpartition("-deploy-")[0]


class Removed(Contract):
    """Output of RemoveModels: the runs of which model, config and package are gone now."""

    runs: tuple[str, ...] = ()


class Notified(Contract):
    """Output of NotifyMetrics: where the message went, and whether the SNS topic has it too."""

    channel: Literal["slack", "log"]
    delivered: bool
    published: bool


class ProgressTold(Contract):
    """Output of ReportProgress: the runs whose training people were told of."""

    told: tuple[str, ...] = ()


class Finished(Contract):
    """Output of FinishRun: whether this call closed the run, and the follow-up it started."""

    closed: bool
    follow_up: str | None = None


class Swept(Contract):
    """What a sweep of one pipeline did, by run: what SweepPipelines answers for each pipeline."""

    closed: tuple[str, ...] = ()
    answered: tuple[str, ...] = ()
    started: tuple[str, ...] = ()
