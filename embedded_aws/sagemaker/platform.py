"""What all parts of this SageMaker share: settings, limits, S3, names, and who hears of changes."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from embedded_aws.faults import EndpointFault, JobFault
from embedded_aws.faults.running import Running
from embedded_aws.sagemaker.changes import Changes
from embedded_aws.sagemaker.log_streams import LogStreams, Put
from embedded_aws.sagemaker.runtime import Runtime
from embedded_aws.sagemaker.storage import Storage
from embedded_aws.sagemaker.tags import Tags
from embedded_aws.settings import Settings

_log = logging.getLogger(__name__)

type Emit = Callable[[str, str, dict[str, Any], list[str]], None]


class CloudWatch(Protocol):
    """What SageMaker needs of CloudWatch."""

    def alarm_state(self, name: str) -> str | None:
        """Give an alarm's state, "OK", "ALARM" or "INSUFFICIENT_DATA"; None if there is none."""

    def put(self, namespace: str, data: Sequence[dict[str, Any]]) -> None:
        """Keep metric data, each as PutMetricData's MetricDatum, of this moment."""


@dataclass(frozen=True)
class Limits:
    """SageMaker's time limits, in seconds. Tests shorten them.

    Sources: API reference (StopTrainingJob, InvokeEndpoint, ProductionVariant); developer guide,
    "Custom inference code with hosting services" and "Invoke a serverless endpoint".
    """

    stop_grace: float = 120  # of a job, between SIGTERM and SIGKILL
    checkpoint_interval: float = 1  # between looks at a job's checkpoints; AWS's is unknown
    serving_grace: float = 30  # of a serving container, likewise
    startup: float = 480  # until /ping answers, unless the variant says otherwise
    serverless_startup: float = 180
    ping: float = 2
    ping_interval: float = 0.1  # AWS: 5
    invocation: float = 60
    restart_delay: float = 1  # doubles with each failed restart
    longest_restart_delay: float = 30


@dataclass(frozen=True)
class Platform:
    """One SageMaker's surroundings."""

    settings: Settings
    emit: Emit
    runtime: Runtime
    limits: Limits
    storage: Storage
    cloudwatch: CloudWatch
    running_jobs: Running[JobFault]
    running_containers: Running[EndpointFault]
    tags: Tags = field(default_factory=Tags)
    changes: Changes = field(default_factory=Changes)
    closing: threading.Event = field(default_factory=threading.Event)
    put_logs: Put | None = None

    @cached_property
    def logs(self) -> LogStreams:
        """What follows log files into CloudWatch Logs."""
        return LogStreams(self.put_logs, self.closing)

    def arn(self, kind: str, name: str) -> str:
        """Name a resource of a kind, say "training-job"; AWS writes the name in lower case."""
        return f"{self.arn_start}{kind}/{name.lower()}"

    @property
    def arn_start(self) -> str:
        """How every ARN of this account and region begins."""
        return f"arn:aws:sagemaker:{self.settings.region}:{self.settings.account}:"

    def announce(self, detail_type: str, detail: dict[str, Any], arn: str) -> None:
        """Tell EventBridge, and whoever waits for a change. Nobody is told once we stop."""
        if self.closing.is_set():
            return
        try:
            self.emit("aws.sagemaker", detail_type, detail, [arn])
        except Exception:  # noqa: BLE001  AWS's own events are best effort: no job fails for one
            _log.exception("event %s of %s", detail_type, arn)
        self.changes.happened()

    def log_file(self, *parts: str) -> Path:
        """Make the folder of a log file named after SageMaker's log group and stream."""
        path = self.settings.state.joinpath("logs", "aws", "sagemaker", *parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def now() -> datetime:
    """Tell the time as AWS's answers do: with a zone, to the millisecond."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def for_event(value: Any) -> Any:
    """Turn what Describe says into what AWS's events say: times are epoch milliseconds."""
    if isinstance(value, datetime):
        return round(value.timestamp() * 1000)
    if isinstance(value, dict):
        return {key: for_event(part) for key, part in value.items()}
    if isinstance(value, list):
        return [for_event(part) for part in value]
    return value
