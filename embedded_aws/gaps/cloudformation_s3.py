"""Gap: CloudFormation drops most of a bucket's properties, and skips bucket policies.

Versioning, public access block, ownership, lifecycle, notifications to EventBridge and the
bucket key are dropped without a word.
"""

import json
from typing import Any

from moto.core.common_models import CloudFormationModel
from moto.s3.models import FakeBucket, s3_backends
from moto.utilities.utils import get_partition

from embedded_aws.cloudformation import models


def apply() -> None:
    """Complete buckets; defining `BucketPolicy` makes it known."""
    models.finish(FakeBucket, _complete)


def _complete(bucket: Any, properties: dict[str, Any], account: str, region: str) -> None:
    backend = s3_backends[account][get_partition(region)]
    name = bucket.name
    if "VersioningConfiguration" in properties:
        backend.put_bucket_versioning(name, properties["VersioningConfiguration"]["Status"])
    if "PublicAccessBlockConfiguration" in properties:
        backend.put_public_access_block(name, properties["PublicAccessBlockConfiguration"])
    for rule in properties.get("OwnershipControls", {}).get("Rules", []):
        backend.put_bucket_ownership_controls(name, rule["ObjectOwnership"])
    for rule in properties.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", []):
        if "BucketKeyEnabled" in rule:
            bucket.encryption["Rule"]["BucketKeyEnabled"] = rule["BucketKeyEnabled"]
    if "LifecycleConfiguration" in properties:
        rules = properties["LifecycleConfiguration"]["Rules"]
        backend.put_bucket_lifecycle_configuration(name, [_api_rule(rule) for rule in rules])
    bridge = properties.get("NotificationConfiguration", {}).get("EventBridgeConfiguration")
    if bridge is not None and str(bridge.get("EventBridgeEnabled", True)).lower() == "true":
        backend.put_bucket_notification_configuration(name, {"EventBridgeConfiguration": {}})


def _api_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """Give a lifecycle rule in the form of S3's own API, which has other names."""
    kept = ("AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration", "Status")
    api: dict[str, Any] = {name: rule[name] for name in kept if name in rule}
    api["Filter"] = {"Prefix": rule.get("Prefix", "")}
    if "Id" in rule:
        api["ID"] = rule["Id"]
    if "ExpirationInDays" in rule:
        api["Expiration"] = {"Days": rule["ExpirationInDays"]}
    return api


class BucketPolicy(models.NewType, CloudFormationModel):  # type: ignore[misc]
    """The policy of a bucket."""

    TYPE = "AWS::S3::BucketPolicy"

    def __init__(self, bucket: str, account: str, region: str) -> None:
        """Stand for the policy of a bucket."""
        self.bucket = bucket
        self._backend = s3_backends[account][get_partition(region)]

    @property
    def physical_resource_id(self) -> str:
        """The bucket's name, as on AWS."""
        return self.bucket

    @classmethod
    def create_from_cloudformation_json(
        cls, _: str, cloudformation_json: dict[str, Any], account: str, region: str, **__: Any
    ) -> "BucketPolicy":
        """Set the policy of the bucket that the properties name."""
        properties = cloudformation_json["Properties"]
        policy = cls(properties["Bucket"], account, region)
        document = json.dumps(properties["PolicyDocument"]).encode()
        policy._backend.put_bucket_policy(policy.bucket, document)
        return policy

    def delete(self, _: str, __: str) -> None:
        """Remove the policy."""
        self._backend.delete_bucket_policy(self.bucket)
