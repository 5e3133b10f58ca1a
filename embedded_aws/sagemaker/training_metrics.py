"""What a training job's metric definitions find in its log, put into CloudWatch as it comes.

Source: developer guide, "Use Amazon CloudWatch metrics to monitor and analyze training jobs";
namespace and dimension as in the SageMaker Python SDK's TrainingJobAnalytics.
"""

import math
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from embedded_aws.sagemaker.platform import CloudWatch, now

_NAMESPACE = "/aws/sagemaker/TrainingJobs"
_LOOK_SECONDS = 1.0


class TrainingMetrics:
    """Follows one job's log; `start` and `finish` are called by the job's thread."""

    def __init__(
        self,
        definitions: Sequence[dict[str, str]],
        job: str,
        log: Path,
        cloudwatch: CloudWatch,
    ) -> None:
        """Look for these definitions, as of a CreateTrainingJob request."""
        self._patterns = {each["Name"]: re.compile(each["Regex"]) for each in definitions}
        self._dimensions = [{"Name": "TrainingJobName", "Value": job}]
        self._log = log
        self._cloudwatch = cloudwatch
        self._read = 0
        self._last: dict[str, dict[str, Any]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"metrics-{job}", daemon=True)

    def start(self) -> None:
        """Begin to follow the log."""
        if self._patterns:
            self._thread.start()

    def finish(self) -> list[dict[str, Any]]:
        """Read what is left; list the last value of each metric, as FinalMetricDataList does."""
        if not self._patterns:
            return []
        self._ended.set()
        self._thread.join()
        self._look(is_last=True)
        return [self._last[name] for name in self._patterns if name in self._last]

    def _follow(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            self._look(is_last=False)

    def _look(self, *, is_last: bool) -> None:
        if not self._log.exists():
            return  # no program has begun
        with self._log.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        # A line that is still being written is read when it is whole.
        end = len(text) if is_last else text.rfind(b"\n") + 1
        self._read += end
        data = []
        for line in text[:end].decode(errors="replace").splitlines():
            for name, value in self._found(line):
                data.append({"MetricName": name, "Value": value, "Dimensions": self._dimensions})
                self._last[name] = {"MetricName": name, "Value": value, "Timestamp": now()}
        if data:
            self._cloudwatch.put(_NAMESPACE, data)

    def _found(self, line: str) -> list[tuple[str, float]]:
        """List the metrics in a line; what is no number is passed over."""
        found = []
        for name, pattern in self._patterns.items():
            for match in pattern.finditer(line):
                try:
                    value = float(match[1])
                except (IndexError, TypeError, ValueError):
                    continue
                # CloudWatch takes neither NaN nor the infinities.
                if math.isfinite(value):
                    found.append((name, value))
        return found
