"""Metrics that a function writes into its log are in CloudWatch."""

import json
from pathlib import Path
from typing import Any

from embedded_aws.cloudwatch import CloudWatch
from embedded_aws.functions.embedded_metrics import keep
from embedded_aws.settings import Settings


def a_line(**more: Any) -> str:
    """Return a line as Powertools writes it."""
    directive = {
        "Namespace": "Mine",
        "Dimensions": [["service", "pipeline"], []],
        "Metrics": [{"Name": "Seen", "Unit": "Count"}, {"Name": "Drift"}],
    }
    document = {
        "_aws": {"Timestamp": 1, "CloudWatchMetrics": [directive]},
        "service": "s",
        "pipeline": "p",
        "Seen": [1.0, 2.0],
        "Drift": 0.25,
    }
    return json.dumps(document | more)


def kept(text: str, tmp_path: Path, account: str) -> list[tuple[str, float, dict[str, str]]]:
    """Return what is kept of a log, in an account of its own."""
    cloudwatch = CloudWatch(Settings(tmp_path, 0, account=account))
    keep(text, cloudwatch)
    return [
        (datum.name, datum.value, {each.name: each.value for each in datum.dimensions})
        for datum in cloudwatch.backend.metric_data
    ]


def test_each_value_is_a_datum_for_each_set_of_dimensions(tmp_path: Path) -> None:
    """Also without dimensions; the other lines of the log are none."""
    log = f'START\n{a_line()}\nnot JSON with "CloudWatchMetrics"\nEND\n'
    by = {"service": "s", "pipeline": "p"}
    found = kept(log, tmp_path, "333333333331")
    assert sorted(found, key=str) == sorted(
        [
            ("Seen", 1.0, by),
            ("Seen", 1.0, {}),
            ("Seen", 2.0, by),
            ("Seen", 2.0, {}),
            ("Drift", 0.25, by),
            ("Drift", 0.25, {}),
        ],
        key=str,
    )


def test_what_is_not_in_the_format_is_no_metric(tmp_path: Path) -> None:
    """A dimension that is missing, a value that is no number: nothing is kept, nothing fails."""
    broken = json.loads(a_line())
    del broken["service"]
    log = f"{json.dumps(broken)}\n{a_line(Drift='much')}\n"
    assert kept(log, tmp_path, "333333333332") == []
