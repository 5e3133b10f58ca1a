"""What a run's jobs cost, estimated: hours, times machines, times the price of one for an hour."""

from collections.abc import Mapping, Sequence
from typing import Any

_HOUR = 3600


def job_usd(job: Mapping[str, Any]) -> float | None:
    """Estimate one job (contracts.JobTime as JSON); None when its machine's price is unknown.

    SageMaker bills a training job's billable seconds, which spot makes fewer, for each instance
    (docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeTrainingJob.html).
    """
    price = job.get("hourly_usd")
    if price is None:
        return None
    billable = job.get("billable_seconds")
    seconds = float(job["seconds"] if billable is None else billable)
    return round(seconds / _HOUR * float(job["instance_count"]) * float(price), 6)


def total_usd(jobs: Sequence[Mapping[str, Any]]) -> float | None:
    """Estimate all jobs of a run; None when one's price is unknown, or there are none."""
    costs = [job_usd(job) for job in jobs]
    known = [cost for cost in costs if cost is not None]
    return round(sum(known), 6) if known and len(known) == len(costs) else None
