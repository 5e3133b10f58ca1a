"""Gap: GetMetricData finds a metric of several dimensions in one order of them only."""

from typing import Any

from moto.cloudwatch.models import Dimension


def apply() -> None:
    """Sort dimensions by name."""
    Dimension.__lt__ = _is_before


def _is_before(dimension: Any, other: Any) -> bool:
    return bool((dimension.name, dimension.value) < (other.name, other.value))
