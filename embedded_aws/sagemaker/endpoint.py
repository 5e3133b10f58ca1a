"""One endpoint: created, updated without losing a request, rolled back, deleted, invoked.

An endpoint answers from one fleet. An update starts a second one beside it; only when that is
healthy does it take over, in one step or under guardrails in several, and the first ends once the
requests in it are answered. What a test forces on an endpoint is told in `forcing.py`.

Sources: API reference, CreateEndpoint, UpdateEndpoint, UpdateEndpointWeightsAndCapacities,
DeleteEndpoint and DescribeEndpoint; the messages as clients report them.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from embedded_aws.errors import AwsError
from embedded_aws.sagemaker import guardrails
from embedded_aws.sagemaker.deployment import Deployment, RolledBackError
from embedded_aws.sagemaker.endpoint_configs import Variant, check_conversion
from embedded_aws.sagemaker.endpoint_description import EndpointDescription
from embedded_aws.sagemaker.fleet import Fleet
from embedded_aws.sagemaker.forcing import Outcome, Plan
from embedded_aws.sagemaker.invocation import Answer, Invocation
from embedded_aws.sagemaker.platform import Platform
from embedded_aws.sagemaker.serving import NotServingError
from embedded_aws.sagemaker.traffic import Traffic

_SILENT = {"OutOfService", "Failed"}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Update:
    """What UpdateEndpoint asks for beside the config."""

    retains_instances: bool = False
    retains_weight: bool = False
    deployment: Mapping[str, Any] | None = None  # DeploymentConfig
    retains_deployment: bool = False


class Endpoint:
    """One endpoint; thread safe."""

    def __init__(
        self, name: str, config: str, platform: Platform, make_fleet: Callable[[Variant], Fleet]
    ) -> None:
        """Describe a new endpoint; it becomes one with `create`."""
        self.name = name
        self._platform = platform
        self._make_fleet = make_fleet
        self._description = EndpointDescription(name, config, platform)
        self.arn = self._description.arn
        self._lock = self._description.lock
        self._traffic = Traffic()
        self._variant: Variant | None = None  # in service
        self._is_forced = False

    def describe(self) -> dict[str, Any]:
        """Tell the endpoint as DescribeEndpoint does."""
        return self._description.tell()

    def create(self, variant: Variant, deployment: Mapping[str, Any] | None, plan: Plan) -> None:
        """Begin to serve. `deployment` is for updates: checked by the caller, kept, told."""
        if deployment:
            self._description.keep_deployment(deployment)
        self._description.announce()
        self._in_background(lambda: self._create(variant, plan))

    def update(self, variant: Variant, asked: Update, take_plan: Callable[[], Plan]) -> None:
        """Begin to serve another config; raises AwsError when that cannot be now."""
        with self._lock:
            self._description.check_updatable()
            if self._variant:
                check_conversion(self._variant, variant)
            variant = self._retaining(variant, asked)
            config = asked.deployment
            if asked.retains_deployment:
                config = config or self._description.deployment
            deployment = self._deployment(config, variant) if config else None
            if config:
                self._description.keep_deployment(config)
            plan = take_plan()
            self._description.begin_deployment(variant.config)
            self._change("Updating")
        self._in_background(lambda: self._update(variant, deployment, plan))

    def scale(self, name: str, weight: float | None, instances: int | None) -> None:
        """Begin to change a variant's weight and number of instances; raises AwsError."""
        with self._lock:
            self._description.check_updatable()
            variant = self._variant
            if variant is None or variant.name != name:
                message = f'Could not find variant "{name}" of endpoint "{self.arn}".'
                raise AwsError("ValidationException", message)
            if instances is not None and (variant.instances is None or instances < 1):
                message = (
                    f'Variant "{name}" cannot have {instances} instance(s): an instance variant'
                    " has at least one, and a serverless one has none to count."
                )
                raise AwsError("ValidationException", message)
            scaled = replace(
                variant,
                weight=variant.weight if weight is None else weight,
                instances=instances or variant.instances,
            )
            self._description.want(scaled)
            self._change("Updating")
        self._in_background(lambda: self._scale(scaled))

    def delete(self, take_plan: Callable[[], Plan], when_gone: Callable[[], None]) -> None:
        """Begin to end; raises AwsError when the endpoint is in transition."""
        with self._lock:
            self._description.check_settled()
            plan = take_plan()
            self._change("Deleting")
        self._in_background(lambda: self._delete(plan, when_gone))

    def invoke(self, invocation: Invocation) -> Answer:
        """Answer a request; raises AwsError when nothing serves."""
        fleet = self._traffic.enter()
        if fleet is None:
            raise not_found(self.name, self._platform)
        return fleet.invoke(invocation)

    def force(self, status: str, plan: Plan) -> None:
        """Have a status because a test wants it; raises AwsError when it cannot be had now."""
        with self._lock:
            if not self._is_forced:
                self._description.check_settled()
            if status == "InService" and not self._traffic.serves:
                message = f'Endpoint "{self.arn}" has nothing that could serve.'
                raise AwsError("ValidationException", message)
            self._settle(status, plan.reason)
            self._is_forced = True
            forced = self._description.modified
        if status == "InService":
            mixed_in = self._traffic.go_back()
            self._in_background(lambda: self._end(mixed_in))
        elif plan.seconds:
            self._in_background(lambda: self._recover(plan.seconds, forced))

    def abandon(self) -> None:
        """Stop what serves, because the embedded AWS stops."""
        for fleet in self._traffic.end():
            fleet.stop()

    def _create(self, variant: Variant, plan: Plan) -> None:
        try:
            self._bring_up(variant)
            self._linger(plan)
            if plan.outcome:
                raise NotServingError(plan.reason)  # noqa: TRY301 - as any other failure
        except NotServingError as failure:
            self._end(self._traffic.go_back())
            self._settle("Failed", str(failure))
        else:
            self._switch(variant)

    def _update(self, variant: Variant, deployment: Deployment | None, plan: Plan) -> None:
        try:
            if plan.outcome in (Outcome.FAILED, Outcome.ROLLED_BACK):
                self._linger(plan)
                self._fail_as_planned(plan)
                return
            self._bring_up(variant)
            self._linger(plan)
            if deployment and not plan.outcome:
                deployment.shift(self._traffic)
        except (NotServingError, RolledBackError) as failure:
            self._roll_back(str(failure))
            return
        if plan.outcome is Outcome.UPDATE_ROLLBACK_FAILED:
            self._stay_between(plan)
            return
        self._end(self._switch(variant))

    def _scale(self, scaled: Variant) -> None:
        with self._lock:
            self._variant = scaled
            self._description.serve(scaled)
            self._change("InService")

    def _delete(self, plan: Plan, when_gone: Callable[[], None]) -> None:
        for fleet in self._traffic.end():
            self._end(fleet)
        self._linger(plan)
        when_gone()
        self._platform.changes.happened()

    def _switch(self, variant: Variant) -> Fleet | None:
        with self._lock:
            old = self._traffic.complete()
            self._variant = variant
            self._description.serve(variant)
            self._description.end_deployment()
            self._settle("InService")
        return old

    def _roll_back(self, reason: str) -> None:
        # The old fleet never stopped to serve.
        new = self._traffic.go_back()
        self._change("RollingBack", reason)
        self._end(new)
        self._description.end_deployment()
        self._change("InService")

    def _fail_as_planned(self, plan: Plan) -> None:
        self._description.end_deployment()
        rolled_back = plan.outcome is Outcome.ROLLED_BACK
        self._change("InService" if rolled_back else "Failed", plan.reason)

    def _stay_between(self, plan: Plan) -> None:
        """Serve both configs, as an endpoint whose rollback failed does."""
        self._traffic.shift(1, 2)
        self._change("RollingBack", plan.reason)
        self._description.end_deployment()
        self._change("UpdateRollbackFailed")

    def _recover(self, seconds: float, forced: datetime) -> None:
        self._platform.closing.wait(seconds)
        with self._lock:
            # Somebody may have asked for something else meanwhile.
            if self._description.modified == forced and self._traffic.serves:
                self._settle("InService")

    def _linger(self, plan: Plan) -> None:
        if plan.seconds:
            self._platform.closing.wait(plan.seconds)

    def _bring_up(self, variant: Variant) -> None:
        try:
            fleet = self._make_fleet(variant)
        except OSError as err:
            raise NotServingError(str(err)) from err
        self._traffic.add(fleet)
        try:
            fleet.start()
        except NotServingError:
            raise
        except AwsError as err:
            raise NotServingError(err.message) from err
        except Exception as err:
            if not self._platform.closing.is_set():
                _log.exception("endpoint %s", self.name)
            raise NotServingError("We encountered an internal error. Please try again.") from err

    def _end(self, fleet: Fleet | None) -> None:
        """Stop a fleet that gets no more requests, once those in it are answered."""
        if fleet:
            fleet.drain(self._platform.limits.invocation)
            fleet.stop()

    def _retaining(self, variant: Variant, asked: Update) -> Variant:
        """Give a variant the properties that the one in service has and that are to stay."""
        old = self._variant
        if old is None or old.name != variant.name:
            return variant
        both_count = old.instances is not None and variant.instances is not None
        keeps_count = asked.retains_instances and both_count
        return replace(
            variant,
            instances=old.instances if keeps_count else variant.instances,
            weight=old.weight if asked.retains_weight else variant.weight,
        )

    def _deployment(self, config: Mapping[str, Any], variant: Variant) -> Deployment:
        """Prepare an update under guardrails; raises AwsError when there can be none."""
        alarm_state = self._platform.cloudwatch.alarm_state
        rails = guardrails.Guardrails.read(config, variant, alarm_state)
        if self._variant:
            guardrails.check_variants(self._variant, variant)

        def tell(stage: str, message: str, active: int) -> None:
            self._description.tell_stage(variant, stage, message, active)

        return Deployment(rails, alarm_state, self._platform.closing, tell)

    def _settle(self, status: str, reason: str = "") -> None:
        """Have a status that lasts; of these, two tell why they came about."""
        with self._lock:
            self._description.clear_reason()
            has_reason = status in ("Failed", "UpdateRollbackFailed")
            self._change(status, reason if has_reason else None)

    def _change(self, status: str, reason: str | None = None) -> None:
        with self._lock:
            self._is_forced = False
            self._traffic.set_open(is_open=status not in _SILENT)
            self._description.change(status, reason)

    def _in_background(self, work: Callable[[], None]) -> None:
        threading.Thread(target=work, name=f"endpoint-{self.name}", daemon=True).start()


def not_found(name: str, platform: Platform) -> AwsError:
    """Say that nothing serves under a name, as SageMaker Runtime does."""
    message = f"Endpoint {name} of account {platform.settings.account} not found."
    return AwsError("ValidationError", message)
