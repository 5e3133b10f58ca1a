"""``serve`` of ``pipeline.yaml``: what serves, how an update is rolled out, how it is tested."""

import json
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, JsonValue, model_validator

from dropforge_core.chain_config import MOST_CONTAINERS, Container, Mode, problem_of
from dropforge_core.published import Serving, SmokeSample
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
    number in it may be off. ``container`` is the one that is asked, in the mode direct.
    """

    data: str = Field(min_length=1)
    content_type: str = Field(default="text/csv", max_length=1024, pattern=r"^[\x20-\x7e]+$")
    expect: JsonValue = None
    tolerance: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    container: str | None = None

    @model_validator(mode="after")
    def _tolerance_has_a_use(self) -> Self:
        if self.tolerance and not _is_json(self.expect):
            message = "tolerance is for numbers, and expect is no JSON that could hold one"
            raise ValueError(message)
        return self


class Serve(Section):
    """The endpoint: either ``instance`` or ``serverless``; ``rollout`` is for instances.

    One container serves, or ``containers``: a request passes through them in their order, or, with
    ``mode: direct``, names the one that it is for.
    """

    image: str | None = None
    environment: dict[str, str] = Field(default_factory=dict)
    containers: tuple[Container, ...] = Field(default=(), max_length=MOST_CONTAINERS)
    mode: Mode = "serial"
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
    def _containers_fit(self) -> Self:
        if not self.containers:
            if self.mode == "direct":
                message = "mode: direct is for containers"
                raise ValueError(message)
            return self
        if self.image is not None or self.environment:
            message = "each of the containers has its own image and environment"
            raise ValueError(message)
        if self.serverless and len(self.containers) > 1:
            message = "containers: AWS has no serverless endpoints of several containers"
            raise ValueError(message)
        if problem := problem_of(self.containers, self.mode):
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _samples_are_for_somebody(self) -> Self:
        names = {one.name for one in self.containers} if self.mode == "direct" else {None}
        strangers = [one.container for one in self.smoke_test if one.container not in names]
        if strangers:
            known = f"one of {', '.join(map(str, sorted(names, key=str)))}"
            wanted = known if self.mode == "direct" else "none, unless the mode is direct"
            message = f"smoke_test: container is {strangers[0]!r}: must be {wanted}"
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

    def resolved(self, addresses: Mapping[str, str]) -> Serving:
        """Return what a run deploys, from the full addresses of its images.

        They are called ``serve``, or ``serve.<name>`` of each of several containers.
        """
        containers = tuple(one.resolved(addresses[f"serve.{one.name}"]) for one in self.containers)
        return Serving(
            image=None if containers else addresses["serve"],
            environment=self.environment,
            containers=containers,
            mode="Direct" if self.mode == "direct" else "Serial",
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
