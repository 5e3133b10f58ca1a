"""Gap: CloudFormation drops a table's point-in-time recovery and time to live.

It also hands on the encryption setting under CloudFormation's name for it, where DynamoDB's API
and moto's own Describe have another.
"""

from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import Table

from embedded_aws.cloudformation import models


def apply() -> None:
    """Complete tables."""
    models.finish(Table, _complete)


def _complete(table: Any, properties: dict[str, Any], account: str, region: str) -> None:
    backend = dynamodb_backends[account][region]
    if "PointInTimeRecoverySpecification" in properties:
        backend.update_continuous_backups(
            table.name, properties["PointInTimeRecoverySpecification"]
        )
    if "TimeToLiveSpecification" in properties:
        backend.update_time_to_live(table.name, properties["TimeToLiveSpecification"])
    encryption = properties.get("SSESpecification")
    if encryption:
        # moto has put the key that AWS takes by default where the properties named none.
        table.sse_specification = {
            "Enabled": encryption["SSEEnabled"],
            "KMSMasterKeyId": table.sse_specification["KMSMasterKeyId"],
        }
