"""SageMaker on a played clock: jobs and endpoint take their minutes, the benchmark does not.

The clock is the real one plus jumps. A Wait state jumps its seconds; a `.sync` task jumps to the
job's end; an endpoint is announced by its event at the moment at which it is in service. What the
machines and handlers themselves take passes in real time, so delays can be read off the clock.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

JOB_SECONDS = {"preprocess": 600.0, "train": 1800.0, "evaluate": 600.0}
_BEFORE_THE_EVENT_SECONDS = 0.3
_ARN = "arn:aws:sagemaker:us-east-1:123456789012"
_IGNORED = ("CreateModel", "CreateEndpointConfig")

Emit = Callable[[str, str, dict[str, Any], list[str]], None]


class Clock:
    """Real time plus jumps, in epoch seconds."""

    def __init__(self) -> None:
        """Start at the real time."""
        self._ahead = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return the played time."""
        return time.time() + self._ahead

    def jump(self, seconds: float) -> None:
        """Let that much time pass at once."""
        with self._lock:
            self._ahead += max(seconds, 0.0)


@dataclass
class Played:
    """Stands in the place of the embedded SageMaker. `announce` says whether an event tells."""

    clock: Clock
    emit: Emit
    endpoint_seconds: float = 480.0
    announce: bool = True
    noticed_at: float = 0.0
    # The embedded AWS's own calls would force these; nobody does here.
    endpoints: None = None
    _ends: dict[str, float] = field(default_factory=dict)
    _endpoints: dict[str, tuple[str, float]] = field(default_factory=dict)
    _announced: bool = False

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer the operations that a retraining makes."""
        if operation in _IGNORED:
            return {}
        if operation == "CreateModelPackage":
            group = f"{_ARN}:model-package/{request['ModelPackageGroupName']}"
            return {"ModelPackageArn": f"{group}/1"}
        if operation in {"CreateProcessingJob", "CreateTrainingJob"}:
            return self._create_job(request)
        if operation in {"DescribeProcessingJob", "DescribeTrainingJob"}:
            return self._describe_job(request)
        if operation in {"CreateEndpoint", "UpdateEndpoint"}:
            return self._create_endpoint(request)
        if operation == "DescribeEndpoint":
            return self._describe_endpoint(request["EndpointName"])
        message = f"{operation} is not played."
        raise NotImplementedError(message)

    def wait_for_change(self, seconds: float) -> None:
        """Jump to the end of the job that ends next; `.sync` waits here."""
        del seconds
        to_come = [end - self.clock.now() for end in self._ends.values()]
        self.clock.jump(min((s for s in to_come if s > 0), default=0.0))

    def stop(self) -> None:
        """Have nothing to stop."""

    @property
    def ready_at(self) -> float:
        """The played time from which the endpoint is in service."""
        (ready,) = (ready for _, ready in self._endpoints.values())
        return ready

    def _create_job(self, request: dict[str, Any]) -> dict[str, Any]:
        name = _job_name(request)
        kind = next(kind for kind in JOB_SECONDS if kind in name)
        self._ends[name] = self.clock.now() + JOB_SECONDS[kind]
        return {}

    def _describe_job(self, request: dict[str, Any]) -> dict[str, Any]:
        name = _job_name(request)
        status = "Completed" if self.clock.now() >= self._ends[name] else "InProgress"
        return {
            "ProcessingJobName": name,
            "ProcessingJobStatus": status,
            "TrainingJobName": name,
            "TrainingJobStatus": status,
            "ModelArtifacts": {"S3ModelArtifacts": "s3://played/model.tar.gz"},
        }

    def _create_endpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        ready = self.clock.now() + self.endpoint_seconds
        self._endpoints[request["EndpointName"]] = (request["EndpointConfigName"], ready)
        return {"EndpointArn": f"{_ARN}:endpoint/e"}

    def _describe_endpoint(self, name: str) -> dict[str, Any]:
        from embedded_aws.errors import AwsError  # noqa: PLC0415

        if name not in self._endpoints:
            missing = f'Could not find endpoint "{_ARN}:endpoint/{name}".'
            raise AwsError("ValidationException", missing)
        config, ready = self._endpoints[name]
        now = self.clock.now()
        in_service = now >= ready
        if in_service:
            self.noticed_at = now
        elif self.announce and not self._announced:
            self._announced = True
            threading.Timer(_BEFORE_THE_EVENT_SECONDS, self._go_in_service, (name,)).start()
        return {
            "EndpointName": name,
            "EndpointConfigName": config,
            "EndpointStatus": "InService" if in_service else "Creating",
            "LastModifiedTime": datetime.fromtimestamp(min(ready, now), UTC),
        }

    def _go_in_service(self, name: str) -> None:
        self.clock.jump(self.ready_at - self.clock.now())
        detail = {"EndpointName": name, "EndpointStatus": "IN_SERVICE"}
        self.emit("aws.sagemaker", "SageMaker Endpoint State Change", detail, [])


def _job_name(request: dict[str, Any]) -> str:
    name: str = request.get("ProcessingJobName") or request["TrainingJobName"]
    return name
