import pytest
from dropforge_core.costs import job_usd, total_usd

JOB = {"step": "Train", "seconds": 1800.0, "instance_count": 2, "hourly_usd": 0.5}


def test_a_job_costs_hours_times_machines_times_price() -> None:
    """Half an hour of two machines at half a dollar."""
    assert job_usd(JOB) == 0.5


@pytest.mark.parametrize(("billable", "usd"), [(360, 0.1), (0, 0.0), (None, 0.5)])
def test_what_is_billed_counts(billable: float | None, usd: float) -> None:
    """Spot training is billed for less than it took."""
    assert job_usd(JOB | {"billable_seconds": billable}) == usd


def test_a_sum_needs_every_price() -> None:
    """A sum that lacks a part would be taken for the whole."""
    unknown = {name: value for name, value in JOB.items() if name != "hourly_usd"}
    assert job_usd(unknown) is None
    assert total_usd([JOB, JOB]) == 1.0
    assert total_usd([JOB, unknown]) is None
    assert total_usd([]) is None
