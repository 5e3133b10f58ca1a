from typing import Any

import pytest
from dropforge_core.errors import ServiceUnavailableError

from tests.unit.dropforge_core.stack import Stack


def test_every_pipeline_is_swept(functions: Any, stack: Stack, sample: Any, output: Any) -> None:
    """Data that nobody started a run for gets one."""
    stack.publish("iris")
    stack.publish("idle")
    stack.drop("a.csv", "first")
    swept = functions.invoke("sweep_pipelines", sample("sweep_pipelines.schedule"))
    (run,) = stack.ledger.runs("iris")
    nothing: dict[str, Any] = {"closed": [], "answered": [], "started": []}
    assert swept == {"idle": nothing, "iris": nothing | {"started": [run.run_id]}}
    assert output()[1] == {"SweptClosed": 0, "SweptAnswered": 0, "SweptStarted": 1}


def test_one_pipelines_trouble_leaves_the_others_alone(
    functions: Any, stack: Stack, sample: Any, output: Any
) -> None:
    """The rest is swept, the failure is logged, counted and seen by Lambda."""
    stack.publish("broken")
    stack.publish("iris")
    stack.drop("a.csv", "first")
    stack.drop("a.csv", "first", pipeline="broken")
    assert stack.ledger.acquire("broken", "another starter", 2_000_000_000) is not None
    module = functions.load("sweep_pipelines")
    module.__dict__["StartSettings"] = hasty(module.StartSettings, stack)
    with pytest.raises(ServiceUnavailableError, match="broken"):
        functions.invoke("sweep_pipelines", sample("sweep_pipelines.schedule"))
    assert len(stack.ledger.runs("iris")) == 1
    assert output()[1]["SweepFailed"] == 1


def hasty(settings: Any, stack: Stack) -> Any:
    """Settings whose starter waits for nobody."""

    class Hasty(settings):  # type: ignore[misc]
        def starter(self, clients: Any) -> Any:
            assert clients is stack.clients
            return stack.starter()

    return Hasty
