"""Deployment guardrails: how an update shifts traffic, how long it bakes, what rolls it back.

What AWS refuses, or silently ignores (it falls back to all at once without baking), is refused
here with what is wrong. Sources: API reference, DeploymentConfig and its parts; developer guide,
"Deployment guardrails for updating models in production" with its exclusions and the messages of
"Endpoint deployment state change". How AWS rounds a percentage of instances is not known: here it
is rounded down, to one instance at least.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from embedded_aws.errors import AwsError
from embedded_aws.sagemaker.endpoint_configs import Variant

_LEAST_SHIFTED = 2  # instances, for more than one step
_MOST_PERCENT = 50  # of a canary and of a linear step
_LEAST_LINEAR_PERCENT = 10
_UNGUARDED_FAMILY = "ml.inf1."
_SIZES = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}
_DEFAULT_TIMEOUT = 28_800.0  # the longest that may be asked for

type AlarmState = Callable[[str], str | None]


@dataclass(frozen=True)
class Guardrails:
    """How one update goes: how many of `total` instances have traffic after each step."""

    steps: tuple[int, ...]
    total: int
    wait: float  # seconds of baking after each step but the last
    final_wait: float  # seconds of baking after the last
    timeout: float  # seconds from the update's start
    alarms: tuple[str, ...]

    @classmethod
    def read(
        cls, config: Mapping[str, Any], variant: Variant, alarm_state: AlarmState
    ) -> "Guardrails":
        """Read a DeploymentConfig for the variant that it is to bring into service.

        Raises AwsError for one that AWS refuses or would not do.
        """
        if variant.instances is None:
            raise _invalid("DeploymentConfig is not supported for a serverless variant.")
        if (variant.instance_type or "").startswith(_UNGUARDED_FAMILY):
            raise _invalid(f"DeploymentConfig is not supported for {variant.instance_type}.")
        policy = config.get("BlueGreenUpdatePolicy") or {}
        routing = policy.get("TrafficRoutingConfiguration") or {}
        alarms = (config.get("AutoRollbackConfiguration") or {}).get("Alarms") or ()
        guardrails = cls(
            steps=_steps(routing, variant.instances, variant.name),
            total=variant.instances,
            wait=routing.get("WaitIntervalInSeconds") or 0,
            final_wait=policy.get("TerminationWaitInSeconds") or 0,
            timeout=policy.get("MaximumExecutionTimeoutInSeconds") or _DEFAULT_TIMEOUT,
            alarms=tuple(alarm["AlarmName"] for alarm in alarms),
        )
        guardrails.check(alarm_state)
        return guardrails

    def check(self, alarm_state: AlarmState) -> None:
        """Raise AwsError for waits that do not fit the timeout and alarms that do not exist."""
        waits = self.wait * (len(self.steps) - 1) + self.final_wait
        if waits >= self.timeout:
            raise _invalid(
                f"MaximumExecutionTimeoutInSeconds ({self.timeout:g}) must be larger than the"
                f" total of the waiting times ({waits:g})."
            )
        missing = [name for name in self.alarms if alarm_state(name) is None]
        if missing:
            raise _invalid(f"Could not find the CloudWatch alarm(s) {', '.join(missing)}.")

    def seconds_after(self, active: int) -> float:
        """How long to bake once `active` instances have traffic."""
        return self.final_wait if active == self.total else self.wait

    def activating(self, active: int) -> str:
        """Say what the step does, as AWS's StatusMessage does."""
        return f"Activating traffic on {self._capacity(active)}."

    def baking(self, active: int) -> str:
        """Say what is waited for, as AWS's StatusMessage does."""
        field = "TerminationWait" if active == self.total else "WaitInterval"
        seconds = self.seconds_after(active)
        return (
            f"Baking for {seconds:g} seconds ({field}InSeconds) with traffic enabled on"
            f" {self._capacity(active)}."
        )

    def _capacity(self, active: int) -> str:
        if active == self.total:
            return f"full capacity of {active} instance(s)"
        return f"canary capacity of {active} instance(s)"


def check_variants(old: Variant, new: Variant) -> None:
    """Raise AwsError when guardrails could not lead from one variant to the other."""
    if old.instances is None:
        raise _invalid("DeploymentConfig is not supported for a serverless variant.")
    if old.name != new.name:
        raise _invalid(
            "A deployment with guardrails must keep the name of the variant:"
            f' it is "{old.name}" in service and "{new.name}" in the new endpoint configuration.'
        )


def _steps(routing: Mapping[str, Any], total: int, variant: str) -> tuple[int, ...]:
    kind = routing.get("Type") or "ALL_AT_ONCE"
    wrong = sorted(size for of, size in _SIZES.items() if (size in routing) is not (of == kind))
    if wrong:
        verb = "must" if wrong[0] == _SIZES.get(kind) else "must not"
        raise _invalid(f"{wrong[0]} {verb} be given for traffic routing of type {kind}.")
    if kind == "ALL_AT_ONCE":
        return (total,)
    if total < _LEAST_SHIFTED:
        raise _invalid(
            f"Traffic routing of type {kind} needs at least {_LEAST_SHIFTED} instances, and"
            f' variant "{variant}" has {total}.'
        )
    size = _instances(routing[_SIZES[kind]], total, kind)
    if kind == "CANARY":
        return (size, total)
    return (*range(size, total, size), total)


def _instances(size: Mapping[str, Any], total: int, kind: str) -> int:
    """Give the size of a step in instances."""
    value: int = size["Value"]
    is_percent = size["Type"] == "CAPACITY_PERCENT"
    percent = value if is_percent else 100 * value / total
    least = _LEAST_LINEAR_PERCENT if kind == "LINEAR" else 0
    if not least <= percent <= _MOST_PERCENT:
        limits = f"{least}-{_MOST_PERCENT}%" if least else f"at most {_MOST_PERCENT}%"
        given = f"{value}%" if is_percent else f"{value} of {total} instance(s)"
        raise _invalid(f"{_SIZES[kind]} must be {limits} of the capacity, and is {given}.")
    return max(1, total * value // 100) if is_percent else value


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)
