"""``serve.rollout`` of ``pipeline.yaml``: how an update shifts traffic, and what rolls it back.

What AWS refuses, or takes and silently ignores, is refused here, before anything is published.
Sources: SageMaker's API reference, DeploymentConfig and its parts; developer guide, "Deployment
guardrails for updating models in production", with its exclusions.
"""

import math
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from dropforge_core.section import Section

_HOUR = 3_600
_LEAST_SHIFTED = 2  # instances, for more than one step
_MOST_PERCENT = 50  # of a canary and of a linear step
_LEAST_LINEAR_PERCENT = 10
_SIZE_FIELDS = {"canary": "CanarySize", "linear": "LinearStepSize"}
# With these AWS falls back to all at once without baking, and says nothing.
_UNGUARDED_FAMILY = "ml.inf1."

AlarmName = Annotated[str, Field(max_length=255, pattern=r"\S")]


class Size(Section):
    """The instances that a step gives traffic: in percent of all, or how many."""

    percent: int | None = Field(default=None, ge=1, le=_MOST_PERCENT)
    instances: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.percent is None) == (self.instances is None):
            message = "give either percent or instances"
            raise ValueError(message)
        return self

    def percent_of(self, count: int) -> float:
        """Return the size in percent of so many instances."""
        return self.percent or 100 * (self.instances or 0) / count

    def steps(self, count: int) -> int:
        """Return into how many steps it cuts so many instances, at most.

        How AWS rounds a percentage of instances is not known: rounded down, steps are smallest.
        """
        if self.percent is None:
            return math.ceil(count / (self.instances or 1))
        smallest = max(1, count * self.percent // 100)
        return max(math.ceil(count / smallest), math.ceil(100 / self.percent))

    def resolved(self) -> dict[str, Any]:
        """Return SageMaker's CapacitySize."""
        if self.percent is None:
            return {"Type": "INSTANCE_COUNT", "Value": self.instances}
        return {"Type": "CAPACITY_PERCENT", "Value": self.percent}


class Rollout(Section):
    """A blue/green update under guardrails; all times in seconds.

    ``wait_interval_seconds`` is between steps, ``termination_wait_seconds`` after the last one,
    before the old fleet ends; an alarm that sounds meanwhile rolls all of it back.
    """

    type: Literal["all_at_once", "canary", "linear"]
    size: Size | None = None
    wait_interval_seconds: int = Field(default=0, ge=0, le=_HOUR)
    termination_wait_seconds: int = Field(default=0, ge=0, le=_HOUR)
    timeout_seconds: int = Field(default=_HOUR, ge=600, le=8 * _HOUR)
    alarms: tuple[AlarmName, ...] = Field(default=(), max_length=10)

    @model_validator(mode="after")
    def _size_fits_type(self) -> Self:
        if (self.size is None) == (self.type in _SIZE_FIELDS):
            message = f"size {'must' if self.size is None else 'must not'} be given for {self.type}"
            raise ValueError(message)
        if self.type == "all_at_once" and self.wait_interval_seconds:
            message = "wait_interval_seconds is between steps, and all_at_once has only one"
            raise ValueError(message)
        return self

    def check(self, instance_type: str, count: int) -> None:
        """Check whether AWS would do it for such instances, and so many.

        Raises:
            ValueError: it would refuse it, or silently ignore it.
        """
        if instance_type.startswith(_UNGUARDED_FAMILY):
            message = f"AWS ignores a rollout for {_UNGUARDED_FAMILY}* instances"
            raise ValueError(message)
        steps = 1
        if self.size is not None:
            self._check_size(self.size, count)
            steps = 2 if self.type == "canary" else self.size.steps(count)
        waits = self.wait_interval_seconds * (steps - 1) + self.termination_wait_seconds
        if waits >= self.timeout_seconds:
            message = f"timeout_seconds must be more than all waits together, which are {waits}"
            raise ValueError(message)

    def _check_size(self, size: Size, count: int) -> None:
        if count < _LEAST_SHIFTED:
            message = f"{self.type} needs at least {_LEAST_SHIFTED} instances"
            raise ValueError(message)
        least = _LEAST_LINEAR_PERCENT if self.type == "linear" else 0
        if not least <= size.percent_of(count) <= _MOST_PERCENT:
            limits = f"{least} to {_MOST_PERCENT}" if least else f"at most {_MOST_PERCENT}"
            message = f"size must be {limits} percent of the {count} instances"
            raise ValueError(message)

    def resolved(self) -> dict[str, Any]:
        """Return SageMaker's DeploymentConfig."""
        routing: dict[str, Any] = {
            "Type": self.type.upper(),
            "WaitIntervalInSeconds": self.wait_interval_seconds,
        }
        if self.size is not None:
            routing[_SIZE_FIELDS[self.type]] = self.size.resolved()
        policy = {
            "TrafficRoutingConfiguration": routing,
            "TerminationWaitInSeconds": self.termination_wait_seconds,
            "MaximumExecutionTimeoutInSeconds": self.timeout_seconds,
        }
        config: dict[str, Any] = {"BlueGreenUpdatePolicy": policy}
        if self.alarms:
            alarms = [{"AlarmName": name} for name in self.alarms]
            config["AutoRollbackConfiguration"] = {"Alarms": alarms}
        return config
