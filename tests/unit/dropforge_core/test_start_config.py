from typing import Any

import pytest
from dropforge_core.contracts import StartPolicy
from dropforge_core.start_config import Start
from pydantic import ValidationError


def test_runs_start_at_once() -> None:
    """Unless the pipeline says otherwise."""
    assert Start().resolved() is None


@pytest.mark.parametrize(
    "given",
    [
        {"quiet_seconds": 60, "at_latest_seconds": 600},
        {"marker": "_SUCCESS"},
        {"marker": "_SUCCESS", "at_latest_seconds": 600},
    ],
)
def test_what_a_run_waits_for(given: dict[str, Any]) -> None:
    """Goes to the trigger as it was written."""
    assert Start(**given).resolved() == StartPolicy(**given)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"quiet_seconds": 60}, "needs at_latest_seconds"),
        ({"quiet_seconds": 60, "at_latest_seconds": 59}, "at least quiet_seconds"),
        ({"quiet_seconds": 60, "at_latest_seconds": 600, "marker": "x"}, "not both"),
        ({"at_latest_seconds": 60}, "goes with"),
        ({"quiet_seconds": 0}, "greater than"),
        ({"marker": "a/b"}, "pattern"),
        ({"marker": ""}, "pattern"),
        ({"quiet": 60}, "Extra inputs"),
    ],
)
def test_what_makes_no_sense(given: dict[str, Any], problem: str) -> None:
    """Is refused before anything is published."""
    with pytest.raises(ValidationError, match=problem):
        Start(**given)
