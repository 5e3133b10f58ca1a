"""Gap: CloudFormation skips groups of schedules."""

from typing import Any, ClassVar

from moto.core.common_models import CloudFormationModel
from moto.scheduler.models import scheduler_backends

from embedded_aws.cloudformation import models


def apply() -> None:
    """Do nothing more: defining `ScheduleGroup` makes it known."""


class ScheduleGroup(models.NewType, CloudFormationModel):  # type: ignore[misc]
    """A group of moto's."""

    TYPE = "AWS::Scheduler::ScheduleGroup"
    NAME = "Name"
    ATTRIBUTES: ClassVar = {"Arn": "arn"}

    def __init__(self, group: Any) -> None:
        """Stand for a group of moto's."""
        self._group = group

    @property
    def physical_resource_id(self) -> str:
        """The group's name, as on AWS."""
        return str(self._group.name)

    @property
    def arn(self) -> str:
        """The group's ARN."""
        return str(self._group.arn)

    @classmethod
    def create_from_cloudformation_json(
        cls, name: str, cloudformation_json: dict[str, Any], account: str, region: str, **_: Any
    ) -> "ScheduleGroup":
        """Make an empty group."""
        tags = cloudformation_json["Properties"].get("Tags", [])
        return cls(scheduler_backends[account][region].create_schedule_group(name, tags))

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Any:
        """Change its tags, all that can change; its schedules stay."""
        backend = scheduler_backends[account_id][region_name]
        if new_resource_name != original_resource.physical_resource_id:
            raise NotImplementedError(f"renaming a group of schedules, to {new_resource_name}")
        backend.tagger.delete_all_tags_for_resource(original_resource.arn)
        backend.tag_resource(
            original_resource.arn, cloudformation_json["Properties"].get("Tags", [])
        )
        return original_resource

    def delete(self, account: str, region: str) -> None:
        """Remove the group, and with it all schedules in it, as AWS does."""
        scheduler_backends[account][region].schedule_groups.pop(self._group.name, None)
