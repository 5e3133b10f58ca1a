"""Gap: CloudFormation skips queue policies, so no service would be let in.

And of an update of a queue it applies two properties and drops the rest.
"""

import json
from typing import Any

from moto.core.common_models import CloudFormationModel
from moto.sqs.models import Queue, sqs_backends

from embedded_aws.cloudformation import models


def apply() -> None:
    """Update queues; defining `QueuePolicy` makes it known."""
    Queue.update_from_cloudformation_json = classmethod(_update_queue)


def _update_queue(
    _: Any,
    original_resource: Any,
    new_resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
) -> Any:
    queue = sqs_backends[account_id][region_name].get_queue(original_resource.name)
    properties = dict(cloudformation_json["Properties"])
    if properties.pop("QueueName", queue.name) != queue.name:
        raise NotImplementedError(f"renaming a queue, to {new_resource_name}")
    queue.tags = {tag["Key"]: tag["Value"] for tag in properties.pop("Tags", [])}
    policy = queue.policy
    queue._set_attributes(properties)  # noqa: SLF001
    queue.policy = policy  # a resource of its own
    return queue


class QueuePolicy(models.NewType, CloudFormationModel):  # type: ignore[misc]
    """The policy of queues."""

    TYPE = "AWS::SQS::QueuePolicy"

    def __init__(self, name: str, queues: list[Any]) -> None:
        """Stand for the policy of these queues."""
        self.physical_resource_id = name
        self._queues = queues

    @classmethod
    def create_from_cloudformation_json(
        cls, name: str, cloudformation_json: dict[str, Any], account: str, region: str, **_: Any
    ) -> "QueuePolicy":
        """Set the policy of every queue that the properties name by URL."""
        properties = cloudformation_json["Properties"]
        backend = sqs_backends[account][region]
        queues = [backend.get_queue(url.rpartition("/")[2]) for url in properties["Queues"]]
        for queue in queues:
            queue.policy = json.dumps(properties["PolicyDocument"])
        return cls(name, queues)

    def delete(self, _: str, __: str) -> None:
        """Remove the policy from its queues."""
        for queue in self._queues:
            queue.policy = None
