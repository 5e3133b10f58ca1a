"""The whole loop of `iris` in containers, and in processes: they learn and say the same."""

import pytest

from .conftest import Loop
from .engine import left_behind

pytestmark = pytest.mark.timeout(900)


def test_drop_retrain_update_reject_and_go_back(iris_loops: dict[str, Loop]) -> None:
    """Each run ends as it should, and the endpoint says what its model has learned."""
    played = iris_loops["docker"].played.result()
    ends = [(run["status"], run["endpoint"]["action"]) for run in played.runs]
    assert ends == [
        ("DEPLOYED", "CREATED"),
        ("DEPLOYED", "UPDATED"),
        ("REJECTED", "NONE"),
        ("DEPLOYED", "UPDATED"),
    ]
    first, *later = played.answers
    assert later == ["virginica", "virginica", first]
    assert first != "virginica"
    assert left_behind(iris_loops["docker"].state) == []


def test_both_runtimes_learn_and_say_the_same(iris_loops: dict[str, Loop]) -> None:
    """Metrics, the champion's metrics and predictions."""
    in_containers, in_processes = (iris_loops[name].played.result() for name in iris_loops)
    told = ("status", "metrics", "champion_metrics")
    for contained, processed in zip(in_containers.runs, in_processes.runs, strict=True):
        assert contained["status"] != "REJECTED" or contained["metrics"]
        assert {name: contained[name] for name in told} == {name: processed[name] for name in told}
    assert in_containers.answers == in_processes.answers
