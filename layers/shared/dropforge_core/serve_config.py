"""``serve`` of ``pipeline.yaml``: what serves, how an update is rolled out, how it is tested."""

import json
from typing import Any, Literal, Self

from pydantic import Field, JsonValue, model_validator

from dropforge_core.contracts import Serving, SmokeSample
from dropforge_core.rollout import Rollout
from dropforge_core.section import Section

# Samples travel in the machines' input, of which 262,144 bytes are all.
_MOST_SAMPLE_BYTES = 65_536


class InstanceVariant(Section):
    """Endpoint machines that run all the time."""

    type: str = Field(default="ml.m5.large", pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$")
    count: int = Field(default=1, ge=1, le=100)


class ServerlessVariant(Section):
    """A serverless endpoint: memory in MB, in steps of 1 GB, and requests at a time."""

    memory_mb: Literal[1024, 2048, 3072, 4096, 5120, 6144] = 2048
    max_concurrency: int = Field(default=5, ge=1, le=200)


class Sample(Section):
    """A golden sample of the smoke test: what is asked, and what must be answered.

    ``expect`` is a text, or any JSON; without it any answer will do. ``tolerance`` is how far a
    number in it may be off.
    """

    data: str = Field(min_length=1)
    content_type: str = Field(default="text/csv", max_length=1024, pattern=r"^[\x20-\x7e]+$")
    expect: JsonValue = None
    tolerance: float = Field(default=0.0, ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _tolerance_has_a_use(self) -> Self:
        if self.tolerance and not _is_json(self.expect):
            message = "tolerance is for numbers, and expect is no JSON that could hold one"
            raise ValueError(message)
        return self


class Serve(Section):
    """The endpoint: either ``instance`` or ``serverless``; ``rollout`` is for instances."""

    image: str | None = None
    environment: dict[str, str] = Field(default_factory=dict)
    instance: InstanceVariant | None = None
    serverless: ServerlessVariant | None = None
    rollout: Rollout | None = None
    smoke_test: tuple[Sample, ...] = Field(default=(), max_length=20)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.instance is None) == (self.serverless is None):
            message = "give either instance or serverless"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _rollout_fits(self) -> Self:
        if self.rollout is None:
            return self
        if self.instance is None:
            message = "rollout is for instances: AWS has no deployment guardrails for serverless"
            raise ValueError(message)
        try:
            self.rollout.check(self.instance.type, self.instance.count)
        except ValueError as err:
            message = f"rollout: {err}"
            raise ValueError(message) from err
        return self

    @model_validator(mode="after")
    def _samples_can_travel(self) -> Self:
        documents = [sample.model_dump(mode="json") for sample in self.smoke_test]
        size = len(json.dumps(documents, allow_nan=False).encode())
        if size > _MOST_SAMPLE_BYTES:
            message = f"smoke_test: the samples are {size} bytes of JSON, of {_MOST_SAMPLE_BYTES}"
            raise ValueError(message)
        return self

    def resolved(self, image: str) -> Serving:
        """Return what a run deploys, from an image's full address."""
        return Serving(
            image=image,
            environment=self.environment,
            variant=self._variant(),
            deployment=self.rollout.resolved() if self.rollout else None,
            smoke_test=tuple(SmokeSample(**dict(sample)) for sample in self.smoke_test),
        )

    def _variant(self) -> dict[str, Any]:
        """Return SageMaker's ProductionVariant, without the model's name."""
        if self.serverless:
            sizes = {
                "MemorySizeInMB": self.serverless.memory_mb,
                "MaxConcurrency": self.serverless.max_concurrency,
            }
            return {"VariantName": "AllTraffic", "ServerlessConfig": sizes}
        machine = self.instance or InstanceVariant()
        return {
            "VariantName": "AllTraffic",
            "InstanceType": machine.type,
            "InitialInstanceCount": machine.count,
        }


def _is_json(expected: JsonValue) -> bool:
    if not isinstance(expected, str):
        return expected is not None
    try:
        json.loads(expected)
    except ValueError:
        return False
    return True
