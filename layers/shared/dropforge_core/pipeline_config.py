"""``pipeline.yaml`` as typed values: what a pipeline's owner writes, validated."""

import math
import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from dropforge_core.after_config import AfterDeploy
from dropforge_core.columns_config import Column, Csv, Quarantine, problem_of, rules_document
from dropforge_core.data_config import Data
from dropforge_core.naming import PIPELINE_LENGTH, PIPELINE_PATTERN
from dropforge_core.preprocess_config import Instance, Preprocess, Script, ScriptName
from dropforge_core.published import JudgePolicy, Threshold
from dropforge_core.section import Section
from dropforge_core.serve_config import Serve
from dropforge_core.start_config import Start

_DAY = 86_400
_FIVE_DAYS = 5 * _DAY
_FOURTEEN_DAYS = 14 * _DAY
_TWENTY_EIGHT_DAYS = 28 * _DAY


class Spot(Section):
    """Managed spot training: how long to wait for capacity and finish, in seconds, in all."""

    max_wait_seconds: int = Field(ge=1, le=_TWENTY_EIGHT_DAYS)


class Train(Section):
    """The training job; ``metrics`` are names and the regexes that find their values in its log.

    With ``script`` the image runs that script of the pipeline's folder (script mode), else its own
    program ``train``. ``reuse`` takes the model that serves, in place of a training, when it was
    trained with the same image, hyperparameters and variables on the same bytes.

    Limits: docs.aws.amazon.com/sagemaker/latest/APIReference/API_MetricDefinition.html.
    """

    script: ScriptName | None = None
    hyperparameters: dict[str, str] = Field(default_factory=dict)
    channels: tuple[str, ...] = ("train",)
    image: str | None = None
    instance: Instance = Instance()
    timeout_seconds: int = Field(default=3_600, ge=1, le=_TWENTY_EIGHT_DAYS)
    spot: Spot | None = None
    reuse: bool = False
    environment: dict[str, str] = Field(default_factory=dict)
    metrics: dict[
        Annotated[str, Field(min_length=1, max_length=255)],
        Annotated[str, Field(min_length=1, max_length=500)],
    ] = Field(default_factory=dict, max_length=40)
    progress: Literal["slack"] | None = None

    @field_validator("metrics")
    @classmethod
    def _regexes_with_a_group(cls, metrics: dict[str, str]) -> dict[str, str]:
        """See to it that each regex captures a value: SageMaker would find none, silently."""
        for name, regex in metrics.items():
            try:
                groups = re.compile(regex).groups
            except re.error as err:
                message = f"{name}: no regular expression: {err}"
                raise ValueError(message) from err
            if not groups:
                message = f"{name}: the regex needs a group, around the number: {regex!r}"
                raise ValueError(message)
        return metrics

    @field_validator("hyperparameters", "environment", mode="before")
    @classmethod
    def _as_text(cls, values: Any) -> Any:
        """Make YAML's numbers and booleans what SageMaker hands over: strings."""
        if not isinstance(values, dict):
            return values
        return {key: _text(value) for key, value in values.items()}

    @model_validator(mode="after")
    def _progress_has_metrics(self) -> Self:
        if self.progress and not self.metrics:
            message = "progress: metrics are what is told: name some"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _reuse_knows_its_program(self) -> Self:
        if self.reuse and self.script:
            message = (
                "reuse: is for images that hold their program, not for a script, which changes"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _script_mode_is_ours(self) -> Self:
        """Refuse what publish itself gives a job in script mode."""
        if self.script and "code" in self.channels:
            message = "channels: code is where script finds its source; name yours otherwise"
            raise ValueError(message)
        taken = [name for name in self.hyperparameters if name.startswith("sagemaker_")]
        if self.script and taken:
            message = f"hyperparameters: {', '.join(taken)}: script says this; leave it out"
            raise ValueError(message)
        if self.script and self.reuse:
            message = "reuse looks at image and hyperparameters, not at a script: leave one out"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _spot_waits_long_enough(self) -> Self:
        if self.spot and self.spot.max_wait_seconds < self.timeout_seconds:
            message = "spot.max_wait_seconds must be at least timeout_seconds"
            raise ValueError(message)
        return self


class Bounds(Section):
    """What a metric must reach: at least ``minimum``, at most ``maximum``, or both."""

    minimum: float | None = None
    maximum: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        bounds = [value for value in (self.minimum, self.maximum) if value is not None]
        if not bounds or not all(math.isfinite(value) for value in bounds):
            message = "give minimum, maximum or both, as finite numbers"
            raise ValueError(message)
        return self


class Judge(Section):
    """When a model may serve: every metric within its bounds, and no worse than the champion.

    ``margin`` is in the metric's own unit; ``last`` says how many deployed models it also holds
    against, for the policy ``not_worse``; 0 for none, where hold-outs differ from run to run.
    """

    metric: str
    direction: Literal["higher", "lower"] = "higher"
    thresholds: dict[str, Bounds] = Field(min_length=1)
    policy: Literal["better", "not_worse", "always"] = "not_worse"
    margin: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    last: int = Field(default=5, ge=0, le=100)

    def resolved(self) -> JudgePolicy:
        """Return the policy as the function JudgeModel reads it, the thresholds one by one."""
        thresholds = tuple(
            Threshold(metric=metric, bound=bound, value=value)
            for metric, limits in self.thresholds.items()
            for bound, value in (("minimum", limits.minimum), ("maximum", limits.maximum))
            if value is not None
        )
        return JudgePolicy(
            metric=self.metric,
            direction=self.direction,
            thresholds=thresholds,
            policy=self.policy,
            margin=self.margin,
            last=self.last,
        )


class Approval(Section):
    """Whether a person has to approve a model that was judged good enough, and until when.

    ``approval: manual`` is short for ``approval: {mode: manual}``.
    """

    mode: Literal["automatic", "manual"] = "automatic"
    timeout_seconds: int = Field(default=3 * _DAY, ge=1, le=_FOURTEEN_DAYS)


class PipelineConfig(Section):
    """A whole ``pipeline.yaml``.

    ``keep`` says how many deployed models keep their model, endpoint config and model package: at
    least two, so that the one before is at hand.
    """

    name: str = Field(pattern=PIPELINE_PATTERN, max_length=PIPELINE_LENGTH)
    description: str = ""
    image: str
    python: str = Field(default="3.13", pattern=r"^3\.[0-9]{1,2}$")
    columns: tuple[Column, ...] = ()
    csv: Csv | None = None
    quarantine: Quarantine | None = None
    start: Start = Start()
    data: Data = Data()
    preprocess: Preprocess
    train: Train = Train()
    evaluate: Script
    serve: Serve
    judge: Judge
    after_deploy: AfterDeploy | None = None
    approval: Approval = Approval()
    keep: int = Field(default=5, ge=2, le=100)

    @field_validator("data", mode="before")
    @classmethod
    def _read_alone(cls, given: Any) -> Any:
        return {"read": given} if isinstance(given, str) else given

    @field_validator("approval", mode="before")
    @classmethod
    def _mode_alone(cls, given: Any) -> Any:
        return {"mode": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _columns_make_sense(self) -> Self:
        if not self.columns and (self.csv or self.quarantine):
            message = "csv and quarantine say how columns are read: declare columns"
            raise ValueError(message)
        if problem := problem_of(self.columns):
            raise ValueError(problem)
        return self

    def rules(self) -> dict[str, Any] | None:
        """Return what jobs check rows by; None when the pipeline declares no columns."""
        if not self.columns:
            return None
        return rules_document(self.columns, self.csv or Csv(), self.quarantine or Quarantine())

    def approval_timeout_seconds(self) -> int | None:
        """Return how long a person has to approve, None when nobody has to."""
        return self.approval.timeout_seconds if self.approval.mode == "manual" else None


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value
