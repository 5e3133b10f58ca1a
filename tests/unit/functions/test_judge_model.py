from typing import Any

import pytest
from botocore.stub import Stubber
from dropforge_core.errors import InvalidInputError, ServiceUnavailableError
from dropforge_core.records import Run

from tests.unit.dropforge_core.stack import Stack


def deployed(stack: Stack, accuracy: float) -> Run:
    """An earlier run in the ledger."""
    run = Run(
        run_id="iris-20261119t081500-0a0b0c0d",
        pipeline="iris",
        status="DEPLOYED",
        endpoint={},
        data={},
        started_at="2026-11-19T08:15:00.000Z",
        first_event_at="2026-11-19T08:15:00.000Z",
        manifest_hash="0a0b0c0d",
        version="v1",
        metrics={"accuracy": accuracy},
    )
    stack.ledger.put_run(run)
    return run


@pytest.mark.parametrize(
    ("case", "promoted", "metric"),
    [("promoted", True, "JudgedPromoted"), ("rejected", False, "JudgedRejected")],
)
def test_a_verdict(  # noqa: PLR0913 - fixtures
    functions: Any, sample: Any, output: Any, case: str, *, promoted: bool, metric: str
) -> None:
    """The verdict, its reason and the champion's metrics are told, logged and counted."""
    event = sample(f"judge_model.{case}")
    answer = functions.invoke("judge_model", event)
    assert answer["promoted"] == promoted
    assert answer["champion_metrics"] == event["champion"]["metrics"]
    lines, counted = output()
    assert (lines[0]["run_id"], lines[0]["reason"]) == (event["run_id"], answer["reason"])
    assert counted == {metric: 1}


def test_the_ledger_knows_what_was_deployed(functions: Any, stack: Stack, sample: Any) -> None:
    """A challenger that may replace the champion is stopped by a better one before it."""
    best = deployed(stack, accuracy=1.03)
    answer = functions.invoke("judge_model", sample("judge_model.promoted"))
    assert not answer["promoted"]
    assert best.run_id in answer["reason"]


def test_a_first_model_needs_no_ledger(functions: Any, stack: Stack, sample: Any) -> None:
    """Without a champion no table is read."""
    event = sample("judge_model.promoted")
    del event["champion"], event["comparison"]
    with Stubber(stack.clients.dynamodb):
        answer = functions.invoke("judge_model", event)
    assert answer["promoted"]
    assert "champion_metrics" not in answer


@pytest.mark.filterwarnings("ignore:No application metrics")
def test_a_throttled_ledger_is_tried_again(functions: Any, stack: Stack, sample: Any) -> None:
    """The state machine retries it by this name."""
    with Stubber(stack.clients.dynamodb) as stub:
        stub.add_client_error("query", "ThrottlingException")
        with pytest.raises(ServiceUnavailableError):
            functions.invoke("judge_model", sample("judge_model.promoted"))


@pytest.mark.filterwarnings("ignore:No application metrics")
@pytest.mark.parametrize("missing", ["run_id", "judge", "metrics"])
def test_wrong_input_is_refused(functions: Any, sample: Any, missing: str) -> None:
    """An evaluation without metrics is nothing to judge by."""
    event = sample("judge_model.promoted")
    del event[missing]
    with pytest.raises(InvalidInputError, match=missing):
        functions.invoke("judge_model", event)
