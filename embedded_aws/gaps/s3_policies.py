"""Gap: a bucket policy's conditions are ignored, so a policy that asks for TLS locks everyone out.

A statement counts only when its condition is met. Requests come over the loopback interface,
which counts as secure transport; no other key of a condition is known.
"""

import json
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket

from embedded_aws.policies import holds

_CONTEXT = {"aws:securetransport": "true"}


def apply() -> None:
    """Let only the statements whose conditions are met decide."""
    FakeBucket.get_permission = _permission


def _permission(bucket: Any, action: str, resource: str) -> Any:
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    policy = json.loads(bucket.policy)
    statements = [
        statement
        for statement in policy["Statement"]
        if holds(statement.get("Condition", {}), _CONTEXT)
    ]
    if not statements:
        return PermissionResult.NEUTRAL
    return IAMPolicy(json.dumps(policy | {"Statement": statements})).is_action_permitted(
        action, resource
    )
