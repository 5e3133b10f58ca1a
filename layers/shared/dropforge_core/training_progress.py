"""What a training job says of itself while it runs: its metrics in CloudWatch, minute by minute.

Namespace and dimension as in the SageMaker Python SDK's TrainingJobAnalytics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dropforge_core.naming import aws_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from dropforge_core.published import PublishedPipeline
    from dropforge_core.records import Run

PERIOD_SECONDS = 60  # CloudWatch keeps no smaller ones of them


def job_name(run: Run) -> str:
    """Name the training job of a run."""
    return f"{aws_name(run.run_id)}-train-{run.attempt}"


def metric_names(config: PublishedPipeline) -> list[str]:
    """Name what a pipeline's training jobs tell."""
    return [each.name for each in config.train.metric_definitions]


def latest(
    cloudwatch: Any, job: str, names: Iterable[str], begin: datetime, end: datetime
) -> dict[str, float]:
    """Give each metric of a job by its mean of the last minute that has any, between two times.

    Raises:
        botocore.exceptions.ClientError: CloudWatch does not tell.
    """
    queries = {f"m{number}": name for number, name in enumerate(names)}
    if not queries:
        return {}
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=[_query(query, name, job) for query, name in queries.items()],
        StartTime=begin,
        EndTime=end,
        ScanBy="TimestampDescending",
    )
    return {
        queries[result["Id"]]: float(result["Values"][0])
        for result in answer["MetricDataResults"]
        if result["Values"]
    }


def _query(query: str, name: str, job: str) -> dict[str, Any]:
    metric = {
        "Namespace": "/aws/sagemaker/TrainingJobs",
        "MetricName": name,
        "Dimensions": [{"Name": "TrainingJobName", "Value": job}],
    }
    return {
        "Id": query,
        "MetricStat": {"Metric": metric, "Period": PERIOD_SECONDS, "Stat": "Average"},
        "ReturnData": True,
    }
