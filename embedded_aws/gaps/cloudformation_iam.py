"""Gap: CloudFormation drops the managed policies of a role, and most of a role's update.

It deletes neither managed policies nor roles that have some.
"""

import json
from typing import Any

from moto.core.config import default_user_config
from moto.iam.models import ManagedPolicy, Role, iam_backends
from moto.utilities.utils import get_partition

from embedded_aws.cloudformation import models


def apply() -> None:
    """Attach them; AWS's own policies have to be there for that."""
    default_user_config["iam"] = {"load_aws_managed_policies": True}
    models.finish(Role, _complete)
    ManagedPolicy.delete = _delete_policy
    Role.delete = _delete_role
    Role.update_from_cloudformation_json = classmethod(_update)


def _update(
    _: Any,
    original_resource: Any,
    new_resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
) -> Any:
    role, properties = original_resource, cloudformation_json["Properties"]
    if properties.get("RoleName", role.name) != role.name:
        raise NotImplementedError(f"renaming a role, to {new_resource_name}")
    role.description = properties.get("Description", "")
    role.max_session_duration = properties.get("MaxSessionDuration", 3600)
    role.assume_role_policy_document = json.dumps(properties["AssumeRolePolicyDocument"])
    for name in list(role.policies):
        role.delete_policy(name)
    for policy in properties.get("Policies", []):
        role.put_policy(policy["PolicyName"], policy["PolicyDocument"])
    backend = iam_backends[account_id][get_partition(region_name)]
    for arn in list(role.managed_policies):
        backend.detach_role_policy(arn, role.name)
    _complete(role, properties, account_id, region_name)
    return role


def _complete(role: Any, properties: dict[str, Any], account: str, region: str) -> None:
    backend = iam_backends[account][get_partition(region)]
    for arn in properties.get("ManagedPolicyArns", []):
        backend.attach_role_policy(arn, role.name)


def _delete_role(role: Any, account: str, region: str) -> None:
    backend = iam_backends[account][get_partition(region)]
    for name in list(role.policies):
        role.delete_policy(name)
    for arn in list(role.managed_policies):
        backend.detach_role_policy(arn, role.name)
    backend.delete_role(role.name)


def _delete_policy(policy: Any, account: str, region: str) -> None:
    backend = iam_backends[account][get_partition(region)]
    for role in list(backend.roles.values()):
        if policy.arn in role.managed_policies:
            backend.detach_role_policy(policy.arn, role.name)
    backend.delete_policy(policy.arn)
