"""Gap: CloudFormation skips topic policies and subscriptions, and drops a topic's tags.

A topic's update deletes it, with all who subscribed, and it has no attribute `TopicArn`.
"""

import json
from typing import Any, ClassVar

from moto.core.common_models import CloudFormationModel
from moto.sns.models import Topic, sns_backends

from embedded_aws.cloudformation import models


def apply() -> None:
    """Complete topics; defining `TopicPolicy` and `Subscription` makes them known."""
    create = Topic.create_from_cloudformation_json

    def create_topic(
        _: Any, /, name: str, template: dict[str, Any], *place: Any, **more: Any
    ) -> Any:
        # moto takes tags for an attribute, and does not check the protocols of subscriptions.
        properties = {
            key: value
            for key, value in template["Properties"].items()
            if key not in ("Subscription", "Tags")
        }
        return create(name, {**template, "Properties": properties}, *place, **more)

    Topic.create_from_cloudformation_json = classmethod(create_topic)
    Topic.update_from_cloudformation_json = classmethod(_update)
    models.finish(Topic, _complete)
    Topic.has_cfn_attr = classmethod(lambda _, name: name in {"TopicArn", "TopicName"})
    Topic.get_cfn_attribute = lambda topic, name: topic.arn if name == "TopicArn" else topic.name


def _update(
    _: Any,
    original_resource: Any,
    new_resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,  # noqa: ARG001 - moto's signature
    region_name: str,  # noqa: ARG001
) -> Any:
    topic, properties = original_resource, cloudformation_json["Properties"]
    if properties.get("TopicName", topic.name) != topic.name:
        raise NotImplementedError(f"renaming a topic, to {new_resource_name}")
    topic.display_name = properties.get("DisplayName", "")
    topic.kms_master_key_id = properties.get("KmsMasterKeyId", "")
    return topic


def _complete(topic: Any, properties: dict[str, Any], account: str, region: str) -> None:
    topic._tags = {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}  # noqa: SLF001
    backend = sns_backends[account][region]
    for one in properties.get("Subscription", []):
        backend.subscribe(topic.arn, one["Endpoint"], one["Protocol"])


class TopicPolicy(models.NewType, CloudFormationModel):  # type: ignore[misc]
    """The policy of topics, which get back the ones they had."""

    TYPE = "AWS::SNS::TopicPolicy"

    def __init__(self, name: str, topics: list[Any], before: list[str]) -> None:
        """Stand for the policy of these topics; `before` are the policies that it replaced."""
        self.physical_resource_id = name
        self._topics = topics
        self._before = before

    @classmethod
    def create_from_cloudformation_json(
        cls, name: str, cloudformation_json: dict[str, Any], account: str, region: str, **_: Any
    ) -> "TopicPolicy":
        """Set the policy of every topic that the properties name by ARN."""
        properties = cloudformation_json["Properties"]
        topics = [sns_backends[account][region].get_topic(arn) for arn in properties["Topics"]]
        before = [topic.policy for topic in topics]
        for topic in topics:
            topic.policy = json.dumps(properties["PolicyDocument"])
        return cls(name, topics, before)

    def delete(self, _: str, __: str) -> None:
        """Give the topics back the policies that they had."""
        for topic, policy in zip(self._topics, self._before, strict=True):
            topic.policy = policy


class Subscription(models.NewType, CloudFormationModel):  # type: ignore[misc]
    """A subscription of moto's."""

    TYPE = "AWS::SNS::Subscription"
    ATTRIBUTES: ClassVar = {"Arn": "physical_resource_id"}

    def __init__(self, subscription: Any) -> None:
        """Stand for a subscription of moto's."""
        self._subscription = subscription

    @property
    def physical_resource_id(self) -> str:
        """The subscription's ARN, as on AWS."""
        return str(self._subscription.arn)

    @classmethod
    def create_from_cloudformation_json(
        cls, _name: str, cloudformation_json: dict[str, Any], account: str, region: str, **_: Any
    ) -> "Subscription":
        """Subscribe, and set what is not part of that."""
        properties = cloudformation_json["Properties"]
        backend = sns_backends[account][region]
        made = backend.subscribe(
            properties["TopicArn"], properties["Endpoint"], properties["Protocol"]
        )
        scope = properties.get("FilterPolicyScope")
        if scope:
            backend.set_subscription_attributes(made.arn, "FilterPolicyScope", scope)
        policy = properties.get("FilterPolicy")
        backend.set_subscription_attributes(
            made.arn, "FilterPolicy", json.dumps(policy) if policy else ""
        )
        raw = str(properties.get("RawMessageDelivery", False)).lower() == "true"
        backend.set_subscription_attributes(made.arn, "RawMessageDelivery", raw)
        return cls(made)

    def delete(self, account: str, region: str) -> None:
        """Unsubscribe."""
        sns_backends[account][region].unsubscribe(self._subscription.arn)
