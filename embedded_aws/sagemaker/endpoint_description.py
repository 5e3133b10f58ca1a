"""What DescribeEndpoint tells of an endpoint, and the events that tell of each change."""

import copy
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from embedded_aws.errors import AwsError
from embedded_aws.sagemaker.endpoint_configs import Variant
from embedded_aws.sagemaker.platform import Platform, for_event, now

# Describe's spelling, and that of the events.
_EVENT_STATUSES = {
    "Creating": "CREATING",
    "Updating": "UPDATING",
    "SystemUpdating": "SYSTEM_UPDATING",
    "RollingBack": "ROLLING_BACK",
    "InService": "IN_SERVICE",
    "OutOfService": "OUT_OF_SERVICE",
    "Failed": "FAILED",
    "UpdateRollbackFailed": "UPDATE_ROLLBACK_FAILED",
    "Deleting": "DELETING",
}
_SETTLED = {"InService", "OutOfService", "Failed", "UpdateRollbackFailed"}


class EndpointDescription:
    """One endpoint's description. Whoever decides by it and then changes it holds `lock`."""

    def __init__(self, name: str, config: str, platform: Platform) -> None:
        """Describe an endpoint that is being created."""
        self.arn = platform.arn("endpoint", name)
        self.lock = threading.RLock()
        self._platform = platform
        created = now()
        self._fields: dict[str, Any] = {
            "EndpointName": name,
            "EndpointArn": self.arn,
            "EndpointConfigName": config,
            "EndpointStatus": "Creating",
            "CreationTime": created,
            "LastModifiedTime": created,
        }

    def tell(self) -> dict[str, Any]:
        """Tell the endpoint as DescribeEndpoint does."""
        with self.lock:
            return copy.deepcopy(self._fields)

    @property
    def modified(self) -> datetime:
        """When it was changed last."""
        moment: datetime = self._fields["LastModifiedTime"]
        return moment

    @property
    def deployment(self) -> Mapping[str, Any] | None:
        """The last DeploymentConfig."""
        return self._fields.get("LastDeploymentConfig")

    def check_settled(self) -> None:
        """Raise AwsError for an endpoint in transition."""
        if self._fields["EndpointStatus"] not in _SETTLED:
            message = f'Cannot update in-progress endpoint "{self.arn}".'
            raise AwsError("ValidationException", message)

    def check_updatable(self) -> None:
        """Raise AwsError for an endpoint that takes no update now, or never again."""
        self.check_settled()
        status = self._fields["EndpointStatus"]
        if status == "Failed":
            message = f'Cannot update failed endpoint "{self.arn}".'
            raise AwsError("ValidationException", message)
        if status == "UpdateRollbackFailed":
            message = f'Cannot update endpoint "{self.arn}" in status UpdateRollbackFailed.'
            raise AwsError("ValidationException", message)

    def change(self, status: str, reason: str | None = None) -> None:
        """Have a status, and tell of it. A reason stays until `clear_reason`."""
        with self.lock:
            self._fields.update(EndpointStatus=status, LastModifiedTime=now())
            if reason is not None:
                self._fields["FailureReason"] = reason
            self.announce()

    def clear_reason(self) -> None:
        """Have no FailureReason any more."""
        with self.lock:
            self._fields.pop("FailureReason", None)

    def begin_deployment(self, config: str) -> None:
        """Tell from now on that another config is on its way into service."""
        with self.lock:
            self._fields["PendingDeploymentSummary"] = {
                "EndpointConfigName": config,
                "StartTime": now(),
            }

    def end_deployment(self) -> None:
        """Tell no more of one on its way."""
        with self.lock:
            self._fields.pop("PendingDeploymentSummary", None)

    def keep_deployment(self, config: Mapping[str, Any]) -> None:
        """Tell a DeploymentConfig as the last one."""
        with self.lock:
            self._fields["LastDeploymentConfig"] = copy.deepcopy(dict(config))

    def tell_stage(self, variant: Variant, stage: str, message: str, active: int) -> None:
        """Tell how far the variant on its way is, with traffic on `active` instances."""
        status = {"Status": stage, "StatusMessage": message, "StartTime": now()}
        pending = {
            **variant.summary(),
            "CurrentInstanceCount": active,
            "VariantStatus": [status],
        }
        with self.lock:
            self._fields["PendingDeploymentSummary"]["ProductionVariants"] = [pending]
            self.announce("SageMaker Endpoint Deployment State Change")

    def serve(self, variant: Variant) -> None:
        """Tell a variant as the one in service."""
        at = now()
        images = [
            {"SpecifiedImage": spec.image, "ResolvedImage": spec.image, "ResolutionTime": at}
            for spec in variant.containers
        ]
        with self.lock:
            self._fields["EndpointConfigName"] = variant.config
            self._fields["ProductionVariants"] = [{**variant.summary(), "DeployedImages": images}]

    def want(self, variant: Variant) -> None:
        """Tell the weight and the number of instances that the variant in service is to have."""
        desired = {
            name: value
            for name, value in variant.summary().items()
            if name in ("DesiredWeight", "DesiredInstanceCount")
        }
        with self.lock:
            [told] = self._fields["ProductionVariants"]
            told.update(desired)

    def announce(self, kind: str = "SageMaker Endpoint State Change") -> None:
        """Send the description as an event."""
        detail = {
            **for_event(self._fields),
            "EndpointStatus": _EVENT_STATUSES[self._fields["EndpointStatus"]],
            "Tags": self._platform.tags.of(self.arn),
        }
        self._platform.announce(kind, detail, self.arn)
