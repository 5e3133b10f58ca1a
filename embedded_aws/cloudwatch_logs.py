"""CloudWatch Logs, that is moto's, as the embedded AWS's own services use it: without HTTP."""

import time
from collections.abc import Sequence
from typing import Any

from moto.logs.models import logs_backends

from embedded_aws.settings import Settings

_MOST_EVENTS = 10_000  # PutLogEvents


class CloudWatchLogs:
    """The log groups of the settings' account and region."""

    def __init__(self, settings: Settings) -> None:
        """Use moto's backend."""
        self._settings = settings

    def put(self, group: str, stream: str, messages: Sequence[str]) -> None:
        """Put messages of this moment, making group and stream when they are not there."""
        backend: Any = logs_backends[self._settings.account][self._settings.region]
        if group not in backend.groups:
            backend.create_log_group(group, {})
        if stream not in backend.groups[group].streams:
            backend.create_log_stream(group, stream)
        at = time.time_ns() // 1_000_000
        for start in range(0, len(messages), _MOST_EVENTS):
            events = [
                {"timestamp": at, "message": message}
                for message in messages[start : start + _MOST_EVENTS]
            ]
            backend.put_log_events(group, stream, events)
