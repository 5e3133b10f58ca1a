import json
from datetime import UTC, datetime
from typing import Any

import pytest
from dropforge_core.announcement import announce
from dropforge_core.contracts import EndpointChange, RunEnd, StepError
from dropforge_core.records import Run
from dropforge_core.slack_message import slack_message

NOW = datetime(2026, 11, 21, 5, 21, 23, tzinfo=UTC)
RUN = "iris-20261121t052011-1a2b3c4d"


def an_end(status: Any = "DEPLOYED", action: Any = "CREATED", **changes: Any) -> RunEnd:
    """How a run ended."""
    values: dict[str, Any] = {
        "run_id": RUN,
        "pipeline": "iris",
        "attempt": 1,
        "execution": "arn",
        "status": status,
        "reason": "So it was.",
        "endpoint": EndpointChange(name="dropforge-iris", action=action),
    }
    return RunEnd(**{**values, **changes})


def a_record(objects: int = 3, size: int = 4200) -> Run:
    """The ledger's record of that run."""
    return Run(
        run_id=RUN,
        pipeline="iris",
        status="RUNNING",
        endpoint={},
        data={"objects": objects, "bytes": size},
        started_at="2026-11-21T05:20:15.000Z",
        first_event_at="2026-11-21T05:20:11.000Z",
        manifest_hash="",
        version="v1",
    )


def texts(value: Any) -> list[str]:
    """All texts of a message's blocks, each of which must be plain."""
    if isinstance(value, list):
        return [text for inner in value for text in texts(inner)]
    if not isinstance(value, dict):
        return []
    if isinstance(value.get("text"), str):
        assert value["type"] == "plain_text"
        return [value["text"]]
    return [text for inner in value.values() for text in texts(inner)]


def message(end: RunEnd, run: Run | None = None) -> dict[str, Any]:
    """A run's end as Slack's message."""
    return slack_message(announce(end, run, NOW))


@pytest.mark.parametrize(
    ("status", "action", "title"),
    [
        ("DEPLOYED", "CREATED", "✅ iris: deployed, endpoint created"),
        ("DEPLOYED", "UPDATED", "✅ iris: deployed, endpoint updated"),
        ("REJECTED", "NONE", "🛑 iris: rejected, endpoint untouched"),
        ("SKIPPED", "NONE", "⏭️ iris: skipped, nothing new"),
        ("FAILED", "NONE", "❌ iris: failed"),
    ],
)
def test_each_outcome_has_its_title(status: str, action: str, title: str) -> None:
    """The header and the fallback say how the run ended."""
    made = message(an_end(status, action))
    assert made["blocks"][0]["type"] == "header"
    assert made["blocks"][0]["text"]["text"] == title
    assert made["text"] == f"{title}. So it was."


@pytest.mark.parametrize(
    ("status", "title"),
    [
        ("DEPLOYED", "↩️ iris: went back to the model of {}"),
        ("ROLLED_BACK", "↩️ iris: the model of {} did not hold, the one before serves"),
        ("FAILED", "❌ iris: going back to the model of {} failed"),
    ],
)
def test_a_rollback_has_titles_of_its_own(status: str, title: str) -> None:
    """They name the run whose model was to serve again; no data was dropped for it."""
    made = message(an_end(status, restores="iris-20261120t081500-5e6f7a8b"), a_record())
    assert made["blocks"][0]["text"]["text"] == title.format("iris-20261120t081500-5e6f7a8b")
    assert "3 objects" not in str(made)


@pytest.mark.parametrize(
    ("config", "serves"), [("iris-1", "the old model serves"), (None, "there is no endpoint")]
)
def test_a_rollback_says_what_serves(config: str | None, serves: str) -> None:
    """The first model that does not hold leaves none behind."""
    endpoint = EndpointChange(name="dropforge-iris", action="NONE", config=config)
    made = message(an_end("ROLLED_BACK", endpoint=endpoint))
    assert made["blocks"][0]["text"]["text"] == f"↩️ iris: rolled back, {serves}"


def test_what_people_want_to_know() -> None:
    """Metrics, reason, data, duration, endpoint and run are there."""
    end = an_end(
        metrics={"accuracy": 0.9777777777777777, "rows": 45, "nested": {"a": [1]}},
        endpoint=EndpointChange(name="dropforge-iris", action="UPDATED", config=f"{RUN}-1"),
    )
    said = texts(message(end, a_record())["blocks"])
    for text in (
        "accuracy\n0.977778",
        "rows\n45",
        'nested\n{"a": [1]}',
        "So it was.",
        f"Run\n{RUN}",
        f"Endpoint\ndropforge-iris: updated, serves {RUN}-1",
        "Data\n3 objects, 4.2 kB",
        "Since the first object came\n1 min 12 s",
    ):
        assert text in said


def test_challenger_and_champion() -> None:
    """Where both have a metric its difference is told, and the package with what was judged."""
    end = an_end(
        metrics={"accuracy": 0.9777777777777777, "rows": 45, "odd": "NaN", "new": 1.5},
        champion_metrics={"accuracy": 0.9666666666666667, "rows": 45, "odd": 1, "old": 2},
        model_package="arn:aws:sagemaker:us-east-1:123456789012:model-package/dropforge-iris/2",
    )
    said = texts(message(end, a_record())["blocks"])
    for text in (
        "accuracy\n0.977778, champion 0.966667 (+0.01111)",
        "rows\n45, champion 45 (+0)",
        "odd\nNaN, champion 1",
        "new\n1.5",
        "Model package\narn:aws:sagemaker:us-east-1:123456789012:model-package/dropforge-iris/2",
    ):
        assert text in said


def test_a_failure_says_where_and_how_to_look() -> None:
    """The step, the worded error and the command are there, and no reason of its own."""
    error = StepError(step="Train", error="States.TaskFailed", cause='{"FailureReason": "no"}')
    made = message(an_end("FAILED", "NONE", reason="", error=error))
    said = texts(made["blocks"])
    assert "Train failed with States.TaskFailed: no." in said
    assert "Failed step\nTrain" in said
    assert f"Look at it\ndropforge show {RUN}" in said
    assert made["blocks"][0]["text"]["text"] == "❌ iris: failed in Train"


HOSTILE = "<!channel> <@U1> <https://evil.example|click> & *bold* @here :smile:"


def test_nothing_becomes_markup() -> None:
    """Control characters are escaped, all text is plain, the fallback is not read as markup."""
    error = StepError(step=HOSTILE, error=HOSTILE, cause=HOSTILE)
    end = an_end(
        "FAILED",
        pipeline=HOSTILE,
        error=error,
        metrics={HOSTILE: HOSTILE},
        champion_metrics={HOSTILE: HOSTILE},
        model_package=HOSTILE,
    )
    made = message(end, a_record())
    for text in [made["text"], *texts(made["blocks"])]:
        assert "<" not in text
        assert ">" not in text
        assert "& " not in text
    assert made["mrkdwn"] is False
    assert made["parse"] == "none"
    fields = [field for block in made["blocks"] for field in block.get("fields", [])]
    assert all(field["emoji"] is False for field in fields)


@pytest.mark.parametrize("unit", ["x", "&", "ä", "😀", '"', "\n"])
def test_limits_hold_by_cutting(unit: str) -> None:
    """However much there is to say, the message keeps to Slack's limits."""
    long = unit * 5000
    end = an_end(
        "REJECTED",
        pipeline=long,
        reason=long,
        metrics={f"{number}{long}": long for number in range(300)},
        champion_metrics={f"{number}{long}": long for number in range(300)},
        model_package=long,
    )
    made = message(end, a_record())
    blocks = made["blocks"]
    assert len(blocks) <= 50
    assert len(json.dumps(blocks, ensure_ascii=False)) <= 13_000
    assert len(blocks[0]["text"]["text"]) <= 150
    assert all(0 < len(text) <= 3000 for text in texts(blocks))
    assert all(len(block.get("fields", [])) <= 10 for block in blocks)
    assert any("more metrics" in text for text in texts(blocks))
    assert len(made["text"]) <= 3000


def test_a_cut_never_splits_an_escape() -> None:
    """Where text is cut, an escaped character stays whole."""
    header = message(an_end(pipeline="&" * 200))["blocks"][0]["text"]["text"]
    assert header.endswith("&amp;…")


def test_no_secret_in_a_reason() -> None:
    """A webhook's address in a reason is taken out."""
    made = message(an_end(reason="posted to https://hooks.slack.com/services/T0/B0/XXXX"))
    assert "XXXX" not in json.dumps(made)


@pytest.mark.parametrize(
    ("size", "said"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (2_500_000, "2.5 MB")],
)
def test_sizes(size: int, said: str) -> None:
    """Bytes are told in the unit that people use, and one object is no objects."""
    assert f"Data\n1 object, {said}" in texts(message(an_end(), a_record(1, size))["blocks"])
