"""The sections of ``pipeline.yaml`` that are scripts: what runs them, where, and as what."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from dropforge_core.published import GlueStep, JobMachine
from dropforge_core.section import Section

_FIVE_DAYS = 5 * 86_400


class Instance(Section):
    """The machines of a job: type, how many, GiB of disk, and what one costs an hour."""

    type: str = Field(default="ml.m5.large", pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$")
    count: int = Field(default=1, ge=1, le=100)
    volume_gb: int = Field(default=30, ge=1, le=16_384)
    hourly_usd: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    def resolved(self) -> JobMachine:
        """Return the machines as jobs and estimates take them."""
        return JobMachine(
            instance_type=self.type,
            instance_count=self.count,
            volume_gb=self.volume_gb,
            hourly_usd=self.hourly_usd,
        )


type ScriptName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*\.py$")]


class Script(Section):
    """A processing job: a script of the pipeline's folder, its arguments and its machine."""

    script: ScriptName
    arguments: tuple[Annotated[str, Field(max_length=256)], ...] = Field(default=(), max_length=90)
    image: str | None = None
    instance: Instance = Instance()
    timeout_seconds: int = Field(default=3_600, ge=1, le=_FIVE_DAYS)
    environment: dict[str, str] = Field(default_factory=dict)


class Glue(Section):
    """AWS Glue's workers; ``hourly_usd`` is what one costs an hour.

    ``packages`` are what Glue installs on them, as pip names them.
    """

    version: Literal["4.0", "5.0"] = "5.0"
    worker_type: Literal["G.1X", "G.2X", "G.4X", "G.8X"] = "G.1X"
    workers: int = Field(default=2, ge=2, le=299)
    hourly_usd: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    packages: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+(==[0-9a-z.]+)?$")], ...] = ()


class Preprocess(Script):
    """The preprocess job, of SageMaker Processing or of AWS Glue.

    Its script is told the engine as ``--engine``, if one is given. AWS's Spark images start a
    script by ``smspark-submit``, which makes a cluster of the instances.
    """

    engine: Literal["sklearn", "spark"] | None = None
    compute: Literal["processing", "glue"] = "processing"
    glue: Glue | None = None

    @model_validator(mode="after")
    def _fits_glue(self) -> Self:
        if self.compute == "processing":
            if self.glue:
                message = "glue is for compute: glue"
                raise ValueError(message)
            return self
        if self.environment:
            message = "environment: Glue has none for its scripts: use arguments"
            raise ValueError(message)
        names, values = self.arguments[::2], self.arguments[1::2]
        if len(names) != len(values) or not all(name.startswith("--") for name in names):
            message = "arguments: Glue takes names and values only, --name value"
            raise ValueError(message)
        return self

    def script_arguments(self) -> tuple[str, ...]:
        """Return what the script is called with."""
        return (*self.arguments, *(("--engine", self.engine) if self.engine else ()))

    def program(self) -> str:
        """Return what starts the script in a processing job."""
        return "smspark-submit" if self.engine == "spark" else "python3"

    def on_glue(self, job: str) -> GlueStep | None:
        """Return the step as Glue's ``job`` runs it; None when Glue does not."""
        if self.compute == "processing":
            return None
        workers = self.glue or Glue()
        given = self.script_arguments()
        return GlueStep(
            job=job,
            script=self.script,
            arguments=dict(zip(given[::2], given[1::2], strict=True)),
            worker_type=workers.worker_type,
            workers=workers.workers,
        )

    def machine(self) -> JobMachine:
        """Return what it runs on, for estimates of cost: instances or workers."""
        if self.compute == "processing":
            return self.instance.resolved()
        workers = self.glue or Glue()
        return JobMachine(
            instance_type=workers.worker_type,
            instance_count=workers.workers,
            volume_gb=0,
            hourly_usd=workers.hourly_usd,
        )
