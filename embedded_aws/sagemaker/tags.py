"""The tags of every resource, by ARN."""

import threading
from collections.abc import Iterable, Mapping

from embedded_aws.errors import AwsError

_MOST = 50


class Tags:
    """Tags of the resources that exist; thread safe."""

    def __init__(self) -> None:
        """Start with none."""
        self._lock = threading.Lock()
        self._tags: dict[str, dict[str, str]] = {}

    def start(self, arn: str, tags: Iterable[Mapping[str, str]] | None) -> None:
        """Begin with what a new resource was created with."""
        with self._lock:
            self._tags[arn] = {tag["Key"]: tag["Value"] for tag in tags or ()}

    def forget(self, arn: str) -> None:
        """End with the resource."""
        with self._lock:
            self._tags.pop(arn, None)

    def of(self, arn: str) -> dict[str, str]:
        """List a resource's tags; raises AwsError when there is no such resource."""
        with self._lock:
            return dict(self._find(arn))

    def add(self, arn: str, tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
        """Add or replace tags; list the resource's tags."""
        with self._lock:
            merged = self._find(arn) | {tag["Key"]: tag["Value"] for tag in tags}
            if len(merged) > _MOST:
                message = f"A resource can have at most {_MOST} tags."
                raise AwsError("ValidationException", message)
            self._tags[arn] = merged
            return dict(merged)

    def delete(self, arn: str, keys: Iterable[str]) -> None:
        """Delete tags; those that are not there are no error."""
        with self._lock:
            found = self._find(arn)
            for key in keys:
                found.pop(key, None)

    def _find(self, arn: str) -> dict[str, str]:
        found = self._tags.get(arn)
        if found is None:
            raise AwsError("ValidationException", f"Could not find resource with ARN {arn}.")
        return found
