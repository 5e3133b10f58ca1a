"""Gap: CloudFormation skips CloudWatch alarms."""

from typing import Any, ClassVar

from moto.cloudwatch.models import cloudwatch_backends
from moto.core.common_models import CloudFormationModel

from embedded_aws.cloudformation import models


def apply() -> None:
    """Do nothing more: defining `Alarm` makes it known."""


class Alarm(models.NewType, CloudFormationModel):  # type: ignore[misc]
    """An alarm of moto's."""

    TYPE = "AWS::CloudWatch::Alarm"
    NAME = "AlarmName"
    ATTRIBUTES: ClassVar = {"Arn": "arn"}

    def __init__(self, alarm: Any) -> None:
        """Stand for an alarm of moto's."""
        self._alarm = alarm

    @property
    def physical_resource_id(self) -> str:
        """The alarm's name, as on AWS."""
        return str(self._alarm.name)

    @property
    def arn(self) -> str:
        """The alarm's ARN."""
        return str(self._alarm.alarm_arn)

    @classmethod
    def create_from_cloudformation_json(
        cls, name: str, cloudformation_json: dict[str, Any], account: str, region: str, **_: Any
    ) -> "Alarm":
        """Put an alarm on a metric."""
        properties = cloudformation_json["Properties"]
        alarm = cloudwatch_backends[account][region].put_metric_alarm(
            name=name,
            namespace=properties["Namespace"],
            metric_name=properties["MetricName"],
            comparison_operator=properties["ComparisonOperator"],
            evaluation_periods=int(properties["EvaluationPeriods"]),
            period=int(properties["Period"]),
            threshold=float(properties["Threshold"]),
            statistic=properties.get("Statistic"),
            description=properties.get("AlarmDescription"),
            dimensions=properties.get("Dimensions", []),
            alarm_actions=properties.get("AlarmActions", []),
            ok_actions=properties.get("OKActions", []),
            insufficient_data_actions=properties.get("InsufficientDataActions", []),
            datapoints_to_alarm=properties.get("DatapointsToAlarm"),
            unit=properties.get("Unit"),
            actions_enabled=properties.get("ActionsEnabled", True),
            treat_missing_data=properties.get("TreatMissingData"),
            tags=properties.get("Tags"),
        )
        return cls(alarm)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> "Alarm":
        """Change the alarm, which keeps its state; one of another name replaces it."""
        if new_resource_name != original_resource.physical_resource_id:
            original_resource.delete(account_id, region_name)
        return cls.create_from_cloudformation_json(
            new_resource_name, cloudformation_json, account_id, region_name
        )

    def delete(self, account: str, region: str) -> None:
        """Remove the alarm."""
        cloudwatch_backends[account][region].delete_alarms([self._alarm.name])
