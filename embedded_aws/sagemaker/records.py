"""Models and endpoint configurations: what is created once, told again, listed and deleted."""

import copy
import threading
from dataclasses import dataclass
from typing import Any

from embedded_aws.errors import AwsError
from embedded_aws.sagemaker.platform import Platform, now


@dataclass(frozen=True)
class RecordKind:
    """What sets one kind of record apart."""

    field: str  # "Model" in ModelName and ModelArn
    resource: str  # as in ARNs
    label: str  # as in AWS's messages


class Records:
    """All records of one kind; thread safe."""

    def __init__(self, kind: RecordKind, platform: Platform) -> None:
        """Start with none."""
        self._kind = kind
        self._platform = platform
        self._lock = threading.Lock()
        self._records: dict[str, dict[str, Any]] = {}

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        """Keep a request as a record; raises AwsError when there is one of that name."""
        name = request[f"{self._kind.field}Name"]
        arn = self._arn(name)
        asked = {key: copy.deepcopy(value) for key, value in request.items() if key != "Tags"}
        with self._lock:
            if arn in self._records:
                message = f'Cannot create already existing {self._kind.label} "{arn}".'
                raise AwsError("ValidationException", message)
            self._records[arn] = {
                **asked,
                f"{self._kind.field}Arn": arn,
                "CreationTime": now(),
            }
            self._platform.tags.start(arn, request.get("Tags"))
        return {f"{self._kind.field}Arn": arn}

    def describe(self, name: str) -> dict[str, Any]:
        """Tell a record; raises AwsError when there is none."""
        with self._lock:
            return copy.deepcopy(self._find(name))

    def delete(self, name: str) -> None:
        """Delete a record; raises AwsError when there is none."""
        with self._lock:
            self._find(name)
            del self._records[self._arn(name)]
            self._platform.tags.forget(self._arn(name))

    def all(self) -> list[dict[str, Any]]:
        """List the records, oldest first."""
        with self._lock:
            return copy.deepcopy(list(self._records.values()))

    def _find(self, name: str) -> dict[str, Any]:
        record = self._records.get(self._arn(name))
        if record is None:
            message = f'Could not find {self._kind.label} "{self._arn(name)}".'
            raise AwsError("ValidationException", message)
        return record

    def _arn(self, name: str) -> str:
        return self._platform.arn(self._kind.resource, name)
