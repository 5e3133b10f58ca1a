"""A run that reads only what is new, or a window by time or count."""

from typing import Any

import pytest
from dropforge_core.data_config import Data
from dropforge_core.ledger import STARTING_SECONDS
from dropforge_core.published import DataPolicy
from dropforge_core.records import Run
from pydantic import ValidationError

from tests.unit.dropforge_core.stack import Stack
from tests.unit.dropforge_core.test_starting import Died, Interrupted, die

NEW = DataPolicy(scope="new")


def read(stack: Stack, run: Run) -> dict[str, bool]:
    """Return the names that a run reads, and whether it is told that they are new."""
    objects = stack.document(run)["objects"]
    return {one["key"].rpartition("/")[2]: one["new"] for one in objects}


def after(stack: Stack, status: Any) -> None:
    """Let a run of two objects end so, and a day go by."""
    stack.drop("a.csv", "first", order=1)
    stack.drop("b.csv", "second", order=2)
    (run,) = stack.starter().start_waiting("iris")
    stack.end(run, status)
    stack.clock.advance(86_400)


@pytest.mark.parametrize("status", ["DEPLOYED", "SKIPPED", "ROLLED_BACK"])
def test_only_what_is_new(stack: Stack, status: str) -> None:
    """A run leaves out what another has read, however that ended, unless it failed."""
    stack.publish(data=NEW)
    after(stack, status)
    stack.drop("c.csv", "third", order=3)
    stack.drop("d.csv", "first", order=4)
    (run,) = stack.starter().start_waiting("iris")
    assert read(stack, run) == {"c.csv": True}
    assert run.data["objects"] == 1
    stack.end(run, "DEPLOYED")
    assert {fate for _, fate in stack.fates()} == {"USED"}


@pytest.mark.parametrize("step", [None, "change_arrivals"])
def test_what_a_failed_run_read_is_read_once_more(stack: Stack, step: str | None) -> None:
    """By the next run, whose it is from then on, also when its starter died before it said so."""
    stack.publish(data=NEW)
    after(stack, "FAILED")
    stack.drop("c.csv", "third", order=3)
    if step:
        with pytest.raises(Died):
            stack.starter(Interrupted(stack, step, die)).start_waiting("iris")
        stack.clock.advance(STARTING_SECONDS + 1)
    (second,) = stack.starter().start_waiting("iris")
    assert read(stack, second) == {"a.csv": True, "b.csv": True, "c.csv": True}
    stack.end(second, "DEPLOYED")
    stack.drop("d.csv", "fourth", order=4)
    (third,) = stack.starter().start_waiting("iris")
    assert read(stack, third) == {"d.csv": True}


def test_nothing_is_new(stack: Stack) -> None:
    """Bytes that were read before make no run."""
    stack.publish(data=NEW)
    after(stack, "DEPLOYED")
    again = stack.drop("c.csv", "first", order=3)
    (run,) = stack.starter().start_waiting("iris")
    assert (run.status, run.execution) == ("SKIPPED", "")
    assert "nothing that was dropped is new" in run.reason
    assert stack.fate(again).status == "SKIPPED"


@pytest.mark.parametrize(
    ("policy", "names"),
    [
        (DataPolicy(scope="window", objects=1), {"d.csv"}),
        (DataPolicy(scope="window", objects=3), {"b.csv", "c.csv", "d.csv"}),
        (DataPolicy(scope="window", seconds=3_600), set()),
        (DataPolicy(scope="window", seconds=86_400 + 60), {"a.csv", "b.csv", "c.csv", "d.csv"}),
        (DataPolicy(scope="window", seconds=86_400 + 60, objects=2), {"c.csv", "d.csv"}),
    ],
)
def test_a_window(stack: Stack, policy: DataPolicy, names: set[str]) -> None:
    """By time, by count, or both; what waits outside it is done with."""
    stack.publish()
    after(stack, "DEPLOYED")
    stack.publish(version="v2", data=policy)
    # Their events are as old as the others: they came late.
    stack.drop("c.csv", "third", order=3)
    late = stack.drop("d.csv", "fourth", order=4)
    runs = stack.starter().start_waiting("iris")
    assert {name for run in runs for name in read(stack, run)} == names
    fate = stack.fate(late)
    if names:
        assert fate.status == "IN_RUN"
    else:
        assert (fate.status, fate.reason) == (
            "SKIPPED",
            "It is outside the window of data that the pipeline reads.",
        )
        assert stack.ledger.lock("iris") is None


@pytest.mark.parametrize(
    ("given", "policy"),
    [
        ({}, None),
        ({"read": "new"}, NEW),
        ({"read": "window", "days": 0.5}, DataPolicy(scope="window", seconds=43_200)),
        ({"read": "window", "objects": 3}, DataPolicy(scope="window", objects=3)),
    ],
)
def test_what_pipeline_yaml_says(given: dict[str, Any], policy: DataPolicy | None) -> None:
    """Goes to the trigger in seconds."""
    assert Data(**given).resolved() == policy


@pytest.mark.parametrize(
    "given", [{"read": "window"}, {"read": "new", "days": 1}, {"objects": 3}, {"read": "old"}]
)
def test_what_makes_no_sense(given: dict[str, Any]) -> None:
    """Is refused."""
    with pytest.raises(ValidationError):
        Data(**given)
