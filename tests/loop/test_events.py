"""Every sample event, given to its function in a stack that was just deployed and holds nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dropforge import function

from .stack import ROOT, Stack
from .tool import Tool, quick_tool

EVENTS = sorted((ROOT / "events").glob("*.json"))
BATCH_DONE: dict[str, Any] = {"batchItemFailures": []}
MALFORMED = "059f36b4-87a3-44ab-83d2-661975830a0{}"
NO_ENDPOINT = {"exists": False, "status": "Missing", "updatable": False}
NOBODY_WAITS = {"endpoint": "dropforge-iris", "answered": False}
UNKNOWN_RUN = {"closed": False}
NOTHING_REMOVED: dict[str, Any] = {"runs": []}
TOLD = {"channel": "slack", "delivered": True, "published": True}
JOB_FAILED = json.loads((ROOT / "events/restore_inputs.job_failed.json").read_text("utf-8"))
ANSWERS: dict[str, Any] = {
    "start_retraining.one_object": BATCH_DONE,
    "start_retraining.look": BATCH_DONE,
    "start_retraining.requested": BATCH_DONE,
    "start_retraining.schedule": BATCH_DONE,
    "start_retraining.drift": BATCH_DONE,
    "start_retraining.burst": BATCH_DONE,
    "start_retraining.not_published": BATCH_DONE,
    "start_retraining.malformed": {
        "batchItemFailures": [{"itemIdentifier": MALFORMED.format(number)} for number in (6, 7, 8)]
    },
    "check_endpoint.in_service": {"endpoint": "dropforge-iris"} | NO_ENDPOINT,
    "check_endpoint.missing": {"endpoint": "dropforge-never-deployed"} | NO_ENDPOINT,
    "answer_endpoint_wait.in_service": NOBODY_WAITS,
    "answer_endpoint_wait.failed": NOBODY_WAITS,
    # The token is nobody's: SageMaker was asked, and to answer it was no use.
    "answer_endpoint_wait.wait": {
        "endpoint": "dropforge-never-deployed",
        "answered": False,
        "status": "Missing",
    },
    # The package is not in the registry, and the token is nobody's.
    "answer_approval.wait": {"answered": [], "waiting": []},
    "answer_approval.approved": {"answered": [], "waiting": []},
    "sweep_pipelines.schedule": {},
    # No run of this id: what failed stays failed.
    "restore_inputs.job_failed": {name: JOB_FAILED[name] for name in ("data", "error")},
    "finish_run.deployed": UNKNOWN_RUN,
    "finish_run.rejected": UNKNOWN_RUN,
    "finish_run.failed": UNKNOWN_RUN,
    "finish_run.skipped": UNKNOWN_RUN,
    "finish_run.execution_died": UNKNOWN_RUN,
    "smoke_test.iris": {
        "passed": False,
        "reason": "The smoke test failed: sample 1 ('5.1,3.5,1.4,0.2') could not be asked:"
        " ValidationError: Endpoint dropforge-iris of account 123456789012 not found.",
    },
    "smoke_test.json_answers": {
        "passed": False,
        "reason": "The smoke test failed: sample 1 ('{\"instances\": [[5.1, 3.5, 1.4, 0.2]]}')"
        " could not be asked: ValidationError: Endpoint dropforge-never-deployed of account"
        " 123456789012 not found.",
    },
    "judge_model.promoted": {
        "promoted": True,
        "reason": "accuracy 0.9778 is 0.0111 better than the champion's"
        " (95 % interval -0.0444 to 0.0667, 45 rows).",
        "champion_metrics": {"accuracy": 0.9666666666666667, "rows": 45},
    },
    "judge_model.rejected": {
        "promoted": False,
        "reason": "accuracy 0.9111 is 0.0667 worse than the champion's"
        " (95 % interval -0.1556 to 0, 45 rows), more than the margin of 0.05.",
        "champion_metrics": {"accuracy": 0.9777777777777777, "rows": 45},
    },
    "remove_models.deployed": NOTHING_REMOVED,
    "remove_models.without_input": NOTHING_REMOVED,
    "report_progress.schedule": {"told": []},
    "notify_metrics.deployed": TOLD,
    "notify_metrics.rejected": TOLD,
    "notify_metrics.rolled_back": TOLD,
    "notify_metrics.failed": TOLD,
    "notify_metrics.skipped": TOLD,
    "notify_metrics.waiting_for_approval": TOLD,
    "notify_metrics.unusable": TOLD,
}
# What becomes of the objects that the events tell of, while nothing is published.
ARRIVALS = {
    ("iris", "incoming/iris/two-species.csv"),
    ("iris", "incoming/iris/third species, 2026.csv"),
    ("iris", "incoming/iris/stations/north%2F1.csv"),
    ("iris", "incoming/iris/Blüten/süd.csv"),
    ("never_published", "incoming/never_published/data.csv"),
}
MESSAGES = {
    "notify_metrics.deployed": ("deployed", "0.97"),
    "notify_metrics.rejected": ("rejected", "0.35"),
    "notify_metrics.rolled_back": ("rolled back", "health check"),
    "notify_metrics.failed": ("failed", "max_leaf_nodes must be a whole number"),
    "notify_metrics.skipped": ("skipped", "iris-20261120t041500-9f8e7d6c"),
    "notify_metrics.waiting_for_approval": ("waits for approval", "dropforge approve iris-2026"),
    "notify_metrics.unusable": ("skipped", "station 7.csv", "/quarantine/iris/"),
}
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    """The command line in a project of quick pipelines."""
    with quick_tool(tmp_path_factory.mktemp("events")) as tool:
        yield tool


@pytest.fixture(scope="module")
def empty(tool: Tool) -> Stack:
    """A stack that nothing was published or dropped in."""
    return tool.up()


def invoke(stack: Stack, event: Path) -> Any:
    """Give an event to the function that its name starts with, as `function invoke` does."""
    name = "".join(word.capitalize() for word in event.name.partition(".")[0].split("_"))
    done = function.invoke(stack.target, name, function.read_event(str(event)))
    assert not done.failed, done.answer
    return done.answer


@pytest.fixture(scope="module")
def answers(empty: Stack) -> dict[str, Any]:
    """What each event is answered, and under "messages" what Slack heard of each."""
    found: dict[str, Any] = {"messages": {}}
    for event in EVENTS:
        before = len(empty.slack())
        found[event.stem] = invoke(empty, event)
        found["messages"][event.stem] = empty.slack()[before:]
    return found


@pytest.fixture(scope="module")
def deployed(empty: Stack, answers: dict[str, Any]) -> dict[str, Any]:
    """A run of a pipeline iris, after all events were answered on the empty stack."""
    assert answers
    empty.publish("iris")
    run = empty.run("iris")
    assert run["status"] == "DEPLOYED"
    return run


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.stem)
def test_each_event_is_answered(answers: dict[str, Any], event: Path) -> None:
    """No function fails on its samples; an event without a line in the table is a failure."""
    assert answers[event.stem] == ANSWERS[event.stem]


def test_the_table_has_no_event_that_is_not_there() -> None:
    """A sample that was removed leaves the table, too."""
    assert set(ANSWERS) == {event.stem for event in EVENTS}


def test_objects_of_unpublished_pipelines_are_recorded(
    empty: Stack, answers: dict[str, Any]
) -> None:
    """Each object once, ignored for that reason; those of malformed messages not at all."""
    assert answers
    ours = [
        (name, arrival)
        for name in ("", "iris", "never_published")
        for arrival in empty.target.ledger.arrivals(name)
        if arrival.event_time.startswith("2026-11-21T05:20:1")
    ]
    assert {(name, one.key) for name, one in ours} == ARRIVALS
    for name, one in ours:
        assert (one.status, one.reason) == ("IGNORED", f"The pipeline {name} is not published.")


@pytest.mark.parametrize("event", MESSAGES)
def test_slack_is_told_of_each_outcome(answers: dict[str, Any], event: str) -> None:
    """One message for each, with the run's id, the outcome and what matters of it."""
    (message,) = answers["messages"][event]
    said = json.dumps(message, ensure_ascii=False)
    assert "iris-20261121t052011-1a2b3c4d" in said
    for words in MESSAGES[event]:
        assert words in said.lower()


def test_only_notify_metrics_writes_to_slack(answers: dict[str, Any]) -> None:
    """No other function does."""
    told = {event for event, messages in answers["messages"].items() if messages}
    assert told == set(MESSAGES)


def test_after_a_run_the_endpoint_is_in_service(empty: Stack, deployed: dict[str, Any]) -> None:
    """The sample whose name says so is answered with what serves, and the run that made it."""
    config = deployed["endpoint"]["config"]
    sagemaker = empty.target.client("sagemaker")
    model = sagemaker.describe_model(ModelName=config)
    modified = sagemaker.describe_endpoint(EndpointName="dropforge-iris")["LastModifiedTime"]
    assert invoke(empty, ROOT / "events/check_endpoint.in_service.json") == {
        "endpoint": "dropforge-iris",
        "exists": True,
        "status": "InService",
        "updatable": True,
        "config": config,
        "modified_at": round(modified.timestamp() * 1000),
        "instance_count": 1,
        "champion": {
            "model_data": model["PrimaryContainer"]["ModelDataUrl"],
            "run_id": deployed["run_id"],
        },
    }


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.stem)
def test_after_a_run_the_samples_change_nothing(
    empty: Stack, deployed: dict[str, Any], event: Path
) -> None:
    """They tell of objects, runs and tokens that are not there: the run and its endpoint stay."""
    invoke(empty, event)
    assert empty.ended_run("iris") == deployed
    assert len(empty.target.ledger.runs("iris")) == 1
    assert empty.answer("iris") == "1"
