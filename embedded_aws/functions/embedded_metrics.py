"""Metrics in a function's log: CloudWatch Logs takes them out of lines in its embedded format.

Source: CloudWatch user guide, "Specification: Embedded metric format".
"""

import json
from collections.abc import Iterator
from typing import Any

from embedded_aws.cloudwatch import CloudWatch

_MARK = '"CloudWatchMetrics"'


def keep(text: str, cloudwatch: CloudWatch) -> None:
    """Keep the metrics of these lines of a log; what has not that format is no metric."""
    for line in text.splitlines():
        if _MARK not in line:
            continue
        try:
            found = list(_metrics(json.loads(line)))
        except (ValueError, KeyError, TypeError):
            continue
        for namespace, data in found:
            cloudwatch.put(namespace, data)


def _metrics(document: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield each namespace with its data, one for each metric and set of dimensions."""
    for directive in document["_aws"]["CloudWatchMetrics"]:
        yield (
            directive["Namespace"],
            [
                {
                    "MetricName": metric["Name"],
                    "Unit": metric.get("Unit", "None"),
                    "Value": float(value),
                    "Dimensions": [
                        {"Name": name, "Value": str(document[name])} for name in dimensions
                    ],
                }
                for metric in directive["Metrics"]
                for value in _values(document[metric["Name"]])
                for dimensions in directive["Dimensions"]
            ],
        )


def _values(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
