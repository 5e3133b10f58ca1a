"""Gap: every S3 event that moto sends to EventBridge has the same id and sequencer.

It also names the ETag `eTag` and the reason `ObjectCreated:Put`, gives the version id "null" for
unversioned objects, sends nothing when a delete marker is made, tells of tags at each upload, and
tells of a multipart upload twice.
Rules of buses that S3 never sends to see the events, too.

Source: S3 user guide, "EventBridge event message structure".
"""

import itertools
import time
from typing import Any
from uuid import uuid4

from flask import has_request_context, request
from moto.events.models import events_backends
from moto.s3 import notifications
from moto.s3.models import S3Backend

from embedded_aws.answers import new_s3_request_id

_REASONS = {
    "s3:ObjectCreated:Put": "PutObject",
    "s3:ObjectCreated:Post": "POST Object",
    "s3:ObjectCreated:Copy": "CopyObject",
    "s3:ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "s3:ObjectRemoved:Delete": "DeleteObject",
    "s3:ObjectRemoved:DeleteMarkerCreated": "DeleteObject",
}
_DELETION_TYPES = {
    "s3:ObjectRemoved:Delete": "Permanently Deleted",
    "s3:ObjectRemoved:DeleteMarkerCreated": "Delete Marker Created",
}
# Rises from event to event, hence also for each key, and from one start to the next.
_sequencer = itertools.count(time.time_ns())


def apply() -> None:
    """Send events as S3 does."""
    notifications._send_event_bridge_message = _send  # noqa: SLF001
    set_delete_marker = S3Backend._set_delete_marker  # noqa: SLF001

    def set_and_tell(backend: Any, bucket_name: str, key_name: str) -> Any:
        marker = set_delete_marker(backend, bucket_name, key_name)
        event = notifications.S3NotificationEvent.OBJECT_REMOVED_DELETE_MARKER_CREATED_EVENT
        notifications.send_event(backend.account_id, event, backend.get_bucket(bucket_name), marker)
        return marker

    S3Backend._set_delete_marker = set_and_tell  # noqa: SLF001


def _send(account_id: str, bucket: Any, event_name: Any, key: Any) -> None:
    if _is_part_of_another(str(event_name.value)):
        return
    event = {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": notifications._detail_type(event_name),  # noqa: SLF001
        "source": "aws.s3",
        "account": account_id,
        "time": time.time(),
        "region": bucket.region_name,
        "resources": [bucket.arn],
        "detail": _detail(account_id, bucket, str(event_name.value), key),
    }
    bus = events_backends[account_id][bucket.region_name].event_buses["default"]
    for rule in list(bus.rules.values()):
        rule.send_to_targets(event)


def _is_part_of_another(event_name: str) -> bool:
    """Say whether moto has only come by here on its way to something else.

    It sets an object's tags, often none, at each upload, and puts an object to complete a
    multipart upload.
    """
    if not has_request_context():
        return False
    return ("Tagging" in event_name and "tagging" not in request.args) or (
        event_name == "s3:ObjectCreated:Put" and "uploadId" in request.args
    )


def _detail(account_id: str, bucket: Any, event_name: str, key: Any) -> dict[str, Any]:
    thing: dict[str, Any] = {"key": key.name, "sequencer": f"{next(_sequencer):018X}"}
    if event_name not in _DELETION_TYPES:
        thing |= {"size": key.size, "etag": key.etag.strip('"')}
    if bucket.is_versioned:
        thing["version-id"] = key.version_id
    detail = {
        "version": "0",
        "bucket": {"name": bucket.name},
        "object": thing,
        "request-id": new_s3_request_id(),
        "requester": account_id,
        "source-ip-address": request.remote_addr if has_request_context() else "127.0.0.1",
    }
    if event_name in _REASONS:
        detail["reason"] = _REASONS[event_name]
    if event_name in _DELETION_TYPES:
        detail["deletion-type"] = _DELETION_TYPES[event_name]
    return detail
