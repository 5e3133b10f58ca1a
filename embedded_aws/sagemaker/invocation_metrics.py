"""Metrics of invocations: added up in memory, and put into CloudWatch every second.

Each endpoint's variant has its metrics under the dimensions EndpointName and VariantName, and once
more with EndpointConfigName, by which an alarm tells a new fleet from the old one.

Source: developer guide, "Amazon SageMaker AI endpoint invocation metrics" and the alarm examples
of "Auto-Rollback Configuration and Monitoring". There errors are the container's own; here one
that is not there, or does not answer in time, counts as a 5xx too.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass
class _Sums:
    count: int = 0
    client_errors: int = 0
    server_errors: int = 0
    latency: float = 0.0
    least: float = 0.0
    most: float = 0.0


class InvocationMetrics:
    """Counts invocations; thread safe, and cheap for who counts."""

    def __init__(self, cloudwatch: CloudWatch, closing: threading.Event) -> None:
        """Put into this CloudWatch until `closing` is set."""
        self._cloudwatch = cloudwatch
        self._closing = closing
        self._lock = threading.Lock()
        self._sums: dict[Served, _Sums] = {}
        self._is_running = False

    def count(self, served: Served, status: int, seconds: float) -> None:
        """Count one invocation, by its container's status and the time until that came."""
        microseconds = seconds * _MICROSECONDS
        with self._lock:
            sums = self._sums.setdefault(served, _Sums())
            sums.least = min(sums.least, microseconds) if sums.count else microseconds
            sums.most = max(sums.most, microseconds)
            sums.count += 1
            sums.latency += microseconds
            sums.client_errors += status in _CLIENT_ERRORS
            sums.server_errors += status in _SERVER_ERRORS
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
    latency = _datum("ModelLatency", "Microseconds", sums.count, sums.latency)
    latency["StatisticValues"] |= {"Minimum": sums.least, "Maximum": sums.most}
    metrics = [
        # One for each invocation, and for each a 1 or a 0: so counts are sums, rates averages.
        _datum("Invocations", "None", sums.count, sums.count),
        _datum("Invocation4XXErrors", "None", sums.count, sums.client_errors),
        _datum("Invocation5XXErrors", "None", sums.count, sums.server_errors),
        latency,
    ]
    variant = [
        {"Name": "EndpointName", "Value": served.endpoint},
        {"Name": "VariantName", "Value": served.variant},
    ]
    fleet = [*variant, {"Name": "EndpointConfigName", "Value": served.config}]
    return [
        {**metric, "Dimensions": dimensions}
        for dimensions in (variant, fleet)
        for metric in metrics
    ]


def _datum(name: str, unit: str, count: int, total: float) -> dict[str, Any]:
    statistics = {
        "SampleCount": count,
        "Sum": total,
        "Minimum": 1.0 if total == count else 0.0,
        "Maximum": 1.0 if total else 0.0,
    }
    return {"MetricName": name, "Unit": unit, "StatisticValues": statistics}
