"""One endpoint: created, updated without losing a request, rolled back, deleted, invoked.

An endpoint answers from one fleet. An update starts a second one beside it; only when that is
healthy does it take over, in one step, and the first ends once the requests in it are answered.

Sources: API reference, CreateEndpoint, UpdateEndpoint, DeleteEndpoint and DescribeEndpoint; the
messages as clients report them.
"""

import copy
import logging
import threading
from collections.abc import Callable
from typing import Any

from embedded_aws.errors import AwsError
from embedded_aws.sagemaker.endpoint_configs import Variant
from embedded_aws.sagemaker.fleet import Fleet
from embedded_aws.sagemaker.invocation import Answer, Invocation
from embedded_aws.sagemaker.platform import Platform, for_event, now
from embedded_aws.sagemaker.ports import Ports
from embedded_aws.sagemaker.serving import NotServingError

# Describe's spelling, and that of the events.
_EVENT_STATUSES = {
    "Creating": "CREATING",
    "Updating": "UPDATING",
    "RollingBack": "ROLLING_BACK",
    "InService": "IN_SERVICE",
    "Failed": "FAILED",
    "Deleting": "DELETING",
}
_log = logging.getLogger(__name__)


class Endpoint:
    """One endpoint; thread safe."""

    def __init__(self, name: str, config: str, platform: Platform, ports: Ports) -> None:
        """Describe a new endpoint; it becomes one with `create`."""
        self.name = name
        self.arn = platform.arn("endpoint", name)
        self._platform = platform
        self._ports = ports
        self._lock = threading.RLock()
        # Apart from the lock above, so that requests do not wait while events are delivered.
        self._traffic = threading.Lock()
        self._fleet: Fleet | None = None
        self._coming: Fleet | None = None
        created = now()
        self._description: dict[str, Any] = {
            "EndpointName": name,
            "EndpointArn": self.arn,
            "EndpointConfigName": config,
            "EndpointStatus": "Creating",
            "CreationTime": created,
            "LastModifiedTime": created,
        }

    def describe(self) -> dict[str, Any]:
        """Tell the endpoint as DescribeEndpoint does."""
        with self._lock:
            return copy.deepcopy(self._description)

    def create(self, variant: Variant) -> None:
        """Begin to serve."""
        with self._lock:
            self._announce()
        self._in_background(lambda: self._create(variant))

    def update(self, variant: Variant) -> None:
        """Begin to serve another config; raises AwsError when that cannot be now."""
        with self._lock:
            if self._settled_status() == "Failed":
                message = f'Cannot update failed endpoint "{self.arn}".'
                raise AwsError("ValidationException", message)
            pending = {"EndpointConfigName": variant.config, "StartTime": now()}
            self._change("Updating", PendingDeploymentSummary=pending)
        self._in_background(lambda: self._update(variant))

    def delete(self, when_gone: Callable[[], None]) -> None:
        """Begin to end; raises AwsError when the endpoint is in transition."""
        with self._lock:
            self._settled_status()
            self._change("Deleting")
        self._in_background(lambda: self._delete(when_gone))

    def invoke(self, invocation: Invocation) -> Answer:
        """Answer a request; raises AwsError when nothing serves."""
        with self._traffic:
            fleet = self._fleet
            if fleet is None:
                raise not_found(self.name, self._platform)
            fleet.enter()
        return fleet.invoke(invocation)

    def abandon(self) -> None:
        """Stop what serves, because the embedded AWS stops."""
        with self._traffic:
            fleets, self._fleet = (self._fleet, self._coming), None
        for fleet in fleets:
            if fleet:
                fleet.stop()

    def _create(self, variant: Variant) -> None:
        try:
            fleet = self._bring_up(variant)
        except NotServingError as failure:
            reason = str(failure)
            with self._lock:
                self._change("Failed", FailureReason=reason)
        else:
            self._switch(fleet)

    def _update(self, variant: Variant) -> None:
        try:
            fleet = self._bring_up(variant)
        except NotServingError as failure:
            reason = str(failure)
            with self._lock:
                self._change("RollingBack", FailureReason=reason)
                # The old fleet never stopped to serve.
                del self._description["PendingDeploymentSummary"]
                self._change("InService")
        else:
            old = self._switch(fleet)
            if old:
                old.drain(self._platform.limits.invocation)
                old.stop()

    def _delete(self, when_gone: Callable[[], None]) -> None:
        with self._traffic:
            fleet, self._fleet = self._fleet, None
        if fleet:
            fleet.drain(self._platform.limits.invocation)
            fleet.stop()
        when_gone()
        self._platform.changes.happened()

    def _bring_up(self, variant: Variant) -> Fleet:
        try:
            fleet = Fleet(self.name, variant, self._platform, self._ports)
        except OSError as err:
            raise NotServingError(str(err)) from err
        with self._traffic:
            self._coming = fleet
        try:
            fleet.start()
        except Exception as err:
            fleet.stop()
            if isinstance(err, NotServingError):
                raise
            if isinstance(err, AwsError):
                raise NotServingError(err.message) from err
            if not self._platform.closing.is_set():
                _log.exception("endpoint %s", self.name)
            raise NotServingError("We encountered an internal error. Please try again.") from err
        return fleet

    def _switch(self, fleet: Fleet) -> Fleet | None:
        with self._lock:
            with self._traffic:
                old, self._fleet = self._fleet, fleet
            self._description["EndpointConfigName"] = fleet.variant.config
            self._description["ProductionVariants"] = [_serving(fleet.variant)]
            for field in ("FailureReason", "PendingDeploymentSummary"):
                self._description.pop(field, None)
            self._change("InService")
        return old

    def _settled_status(self) -> str:
        status: str = self._description["EndpointStatus"]
        if status not in ("InService", "Failed"):
            message = f'Cannot update in-progress endpoint "{self.arn}".'
            raise AwsError("ValidationException", message)
        return status

    def _change(self, status: str, **fields: Any) -> None:
        self._description.update(fields, EndpointStatus=status, LastModifiedTime=now())
        self._announce()

    def _announce(self) -> None:
        detail = {
            **for_event(self._description),
            "EndpointStatus": _EVENT_STATUSES[self._description["EndpointStatus"]],
            "Tags": self._platform.tags.of(self.arn),
        }
        self._platform.announce("SageMaker Endpoint State Change", detail, self.arn)

    def _in_background(self, work: Callable[[], None]) -> None:
        threading.Thread(target=work, name=f"endpoint-{self.name}", daemon=True).start()


def not_found(name: str, platform: Platform) -> AwsError:
    """Say that nothing serves under a name, as SageMaker Runtime does."""
    message = f"Endpoint {name} of account {platform.settings.account} not found."
    return AwsError("ValidationError", message)


def _serving(variant: Variant) -> dict[str, Any]:
    at = now()
    images = [
        {"SpecifiedImage": spec.image, "ResolvedImage": spec.image, "ResolutionTime": at}
        for spec in variant.containers
    ]
    return {**variant.summary, "DeployedImages": images}
