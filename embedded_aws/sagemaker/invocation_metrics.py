"""Metrics of invocations: added up in memory, and put into CloudWatch every second.

Each endpoint's variant has its metrics under the dimensions EndpointName and VariantName, and once
more with EndpointConfigName, by which an alarm tells a new fleet from the old one.

Source: developer guide, "Amazon SageMaker AI endpoint invocation metrics" and the alarm examples
of "Auto-Rollback Configuration and Monitoring". There errors are the container's own; here one
that is not there, or does not answer in time, counts as a 5xx too. `ContainerLatency` is from
"Inference Pipeline Logs and Metrics".
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from embedded_aws.sagemaker.platform import CloudWatch

_NAMESPACE = "AWS/SageMaker"
_FLUSH_SECONDS = 1.0
_CLIENT_ERRORS, _SERVER_ERRORS = range(400, 500), range(500, 600)
_MICROSECONDS = 1_000_000


class Served(NamedTuple):
    """What answered."""

    endpoint: str
    variant: str
    config: str


class Invoked(NamedTuple):
    """One invocation: its container's status, and where its time went, in seconds.

    ``containers`` are those of an inference pipeline, each with its own time.
    """

    status: int
    latency: float
    overhead: float = 0.0
    containers: Sequence[tuple[str, float]] = ()


@dataclass
class _Times:
    """What a latency metric needs of many times; in microseconds."""

    count: int = 0
    total: float = 0.0
    least: float = 0.0
    most: float = 0.0

    def add(self, seconds: float) -> None:
        microseconds = seconds * _MICROSECONDS
        self.least = min(self.least, microseconds) if self.count else microseconds
        self.most = max(self.most, microseconds)
        self.total += microseconds
        self.count += 1


@dataclass
class _Sums:
    count: int = 0
    client_errors: int = 0
    server_errors: int = 0
    latency: _Times = field(default_factory=_Times)
    overhead: _Times = field(default_factory=_Times)
    containers: dict[str, _Times] = field(default_factory=dict)


class InvocationMetrics:
    """Counts invocations; thread safe, and cheap for who counts."""

    def __init__(self, cloudwatch: CloudWatch, closing: threading.Event) -> None:
        """Put into this CloudWatch until `closing` is set."""
        self._cloudwatch = cloudwatch
        self._closing = closing
        self._lock = threading.Lock()
        self._sums: dict[Served, _Sums] = {}
        self._is_running = False

    def count(self, served: Served, invoked: Invoked) -> None:
        """Count one invocation."""
        with self._lock:
            sums = self._sums.setdefault(served, _Sums())
            sums.count += 1
            sums.client_errors += invoked.status in _CLIENT_ERRORS
            sums.server_errors += invoked.status in _SERVER_ERRORS
            sums.latency.add(invoked.latency)
            sums.overhead.add(invoked.overhead)
            for name, seconds in invoked.containers:
                sums.containers.setdefault(name, _Times()).add(seconds)
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._run, name="invocation-metrics", daemon=True).start()

    def flush(self) -> None:
        """Put what was counted since the last time."""
        with self._lock:
            counted, self._sums = self._sums, {}
        data = [datum for served, sums in counted.items() for datum in _data(served, sums)]
        if data:
            self._cloudwatch.put(_NAMESPACE, data)

    def _run(self) -> None:
        while not self._closing.wait(_FLUSH_SECONDS):
            self.flush()


def _data(served: Served, sums: _Sums) -> Sequence[dict[str, Any]]:
    metrics = [
        # One for each invocation, and for each a 1 or a 0: so counts are sums, rates averages.
        _datum("Invocations", sums.count, sums.count),
        _datum("Invocation4XXErrors", sums.count, sums.client_errors),
        _datum("Invocation5XXErrors", sums.count, sums.server_errors),
        _latency("ModelLatency", sums.latency),
        _latency("OverheadLatency", sums.overhead),
    ]
    variant = [
        {"Name": "EndpointName", "Value": served.endpoint},
        {"Name": "VariantName", "Value": served.variant},
    ]
    fleet = [*variant, {"Name": "EndpointConfigName", "Value": served.config}]
    each = [
        {
            **_latency("ContainerLatency", times),
            "Dimensions": [*variant, {"Name": "ContainerName", "Value": name}],
        }
        for name, times in sums.containers.items()
    ]
    return [
        {**metric, "Dimensions": dimensions}
        for dimensions in (variant, fleet)
        for metric in metrics
    ] + each


def _datum(name: str, count: int, total: float) -> dict[str, Any]:
    statistics = {
        "SampleCount": count,
        "Sum": total,
        "Minimum": 1.0 if total == count else 0.0,
        "Maximum": 1.0 if total else 0.0,
    }
    return {"MetricName": name, "Unit": "None", "StatisticValues": statistics}


def _latency(name: str, times: _Times) -> dict[str, Any]:
    statistics = {
        "SampleCount": times.count,
        "Sum": times.total,
        "Minimum": times.least,
        "Maximum": times.most,
    }
    return {"MetricName": name, "Unit": "Microseconds", "StatisticValues": statistics}
