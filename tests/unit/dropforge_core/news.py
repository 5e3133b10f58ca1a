"""News of runs, for the tests of what tells them."""

from typing import Any

from dropforge_core.contracts import (
    EndpointChange,
    JobTime,
    RunData,
    RunNews,
)
from dropforge_core.guide import Guide

RUN = "iris-20261121t052011-1a2b3c4d"
EXECUTION = f"arn:aws:states:eu-west-1:123456789012:execution:dropforge-retrain:{RUN}-1"
HERE = Guide(stack="dropforge", artifacts_bucket="artifacts", on_aws=False)
ON_AWS = Guide(stack="flowers", artifacts_bucket="flowers-artifacts", on_aws=True)
HOSTILE = "<!channel> <@U1> <https://evil.example|click> & *bold* @here :smile:"


def some_news(status: Any = "DEPLOYED", action: Any = "CREATED", **changes: Any) -> RunNews:
    """How a run goes or ended."""
    values: dict[str, Any] = {
        "run_id": RUN,
        "pipeline": "iris",
        "attempt": 1,
        "execution": EXECUTION,
        "status": status,
        "data": RunData(objects=3, bytes=4200, manifest="s3://data/runs/manifest.json"),
        "first_event_at": "2026-11-21T05:20:11.000Z",
        "reason": "So it was.",
        "endpoint": EndpointChange(name="dropforge-iris", action=action),
    }
    return RunNews(**{**values, **changes})


def a_job(step: str = "Train", **changes: Any) -> JobTime:
    """What a job took, on a machine that costs a dollar an hour."""
    values: dict[str, Any] = {
        "step": step,
        "seconds": 3600.0,
        "instance_type": "ml.m5.large",
        "instance_count": 1,
        "volume_gb": 10,
        "hourly_usd": 1.0,
    }
    return JobTime(**{**values, **changes})
