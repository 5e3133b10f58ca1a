"""Gap: CloudFormation skips groups of schedules."""

from typing import Any

from moto.core.common_models import CloudFormationModel
from moto.scheduler.models import scheduler_backends


def apply() -> None:
    """Do nothing more: defining `ScheduleGroup` makes it known."""


class ScheduleGroup(CloudFormationModel):  # type: ignore[misc]
    """AWS::Scheduler::ScheduleGroup."""

    def __init__(self, group: Any) -> None:
        """Stand for a group of moto's."""
        self._group = group

    @property
    def physical_resource_id(self) -> str:
        """The group's name, as on AWS."""
        return str(self._group.name)

    @staticmethod
    def cloudformation_name_type() -> str:
        """Name the property that names a group."""
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        """Name the type."""
        return "AWS::Scheduler::ScheduleGroup"

    @classmethod
    def has_cfn_attr(cls, attribute: str) -> bool:
        """Offer the ARN."""
        return attribute == "Arn"

    def get_cfn_attribute(self, _: str) -> str:
        """Give the ARN."""
        return str(self._group.arn)

    @classmethod
    def create_from_cloudformation_json(
        cls, name: str, cloudformation_json: dict[str, Any], account: str, region: str, **_: Any
    ) -> "ScheduleGroup":
        """Make an empty group."""
        tags = cloudformation_json["Properties"].get("Tags", [])
        return cls(scheduler_backends[account][region].create_schedule_group(name, tags))

    def delete(self, account: str, region: str) -> None:
        """Remove the group, and with it all schedules in it, as AWS does."""
        scheduler_backends[account][region].schedule_groups.pop(self._group.name, None)
