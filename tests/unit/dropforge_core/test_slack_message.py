import json
from datetime import UTC, datetime
from typing import Any

import pytest
from dropforge_core.announcement import announce
from dropforge_core.contracts import RunNews, StepError
from dropforge_core.guide import Guide
from dropforge_core.slack_message import slack_message

from tests.unit.dropforge_core.news import HERE, HOSTILE, ON_AWS, RUN, a_job, some_news

NOW = datetime(2026, 11, 21, 5, 21, 23, tzinfo=UTC)
CHART = "https://artifacts.example/chart.png?X-Amz-Expires=3600&X-Amz-Signature=abc"


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


def message(news: RunNews, guide: Guide = HERE, chart: str | None = None) -> dict[str, Any]:
    """News of a run as Slack's message."""
    return slack_message(announce(news, guide, NOW), chart)


def test_the_header_says_what_happened() -> None:
    """And the fallback, which notifications show, why."""
    made = message(some_news("DEPLOYED", "CREATED"))
    assert made["blocks"][0]["type"] == "header"
    assert made["blocks"][0]["text"]["text"] == "✅ iris: deployed, endpoint created"
    assert made["text"] == "✅ iris: deployed, endpoint created. So it was."


def test_all_that_is_announced_is_there() -> None:
    """Reason, note, metrics, facts, jobs and commands."""
    made = message(some_news("REJECTED", "NONE", metrics={"accuracy": 0.5}, jobs=(a_job(),)))
    said = texts(made["blocks"])
    for text in (
        "So it was.",
        "accuracy\n0.5",
        f"Run\n{RUN}",
        "Data\n3 objects, 4.2 kB",
        "Since the first object came\n1 min 12 s",
        "Train job\n1 h 0 min on ml.m5.large, cost about $1.00",
        "Look at the objects\ndropforge data iris",
        f"See the run\ndropforge show {RUN}",
    ):
        assert text in said
    assert any("set aside" in text for text in said)


def test_the_chart_is_an_image_with_words_for_it() -> None:
    """Below what it shows in words; without a chart there is no image."""
    blocks = message(some_news(), chart=CHART)["blocks"]
    (image,) = [block for block in blocks if block["type"] == "image"]
    assert image["image_url"] == CHART
    assert image["alt_text"] == "The metrics as a chart: So it was."
    assert [b["type"] for b in blocks[:3]] == ["header", "section", "image"]
    assert "image" not in [block["type"] for block in message(some_news())["blocks"]]
    too_long = message(some_news(), chart="https://" + "x" * 3000)
    assert "image" not in [block["type"] for block in too_long["blocks"]]


def test_only_our_own_links_are_markup() -> None:
    """The console's pages, in the last block; everything else is plain."""
    blocks = message(some_news(metrics={"accuracy": 1}), ON_AWS)["blocks"]
    (links,) = blocks[-1]["elements"]
    assert links["type"] == "mrkdwn"
    assert links["text"].count("<https://eu-west-1.console.aws.amazon.com/") == 3
    assert "|Report>" in links["text"]
    assert "&amp;prefix=" in links["text"]
    assert texts(blocks[:-1])


@pytest.mark.parametrize("guide", [HERE, ON_AWS])
def test_nothing_becomes_markup(guide: Guide) -> None:
    """Control characters are escaped, all text is plain, the fallback is not read as markup."""
    error = StepError(step=HOSTILE, error=HOSTILE, cause=HOSTILE)
    news = some_news(
        "FAILED",
        pipeline=HOSTILE,
        run_id=HOSTILE,
        error=error,
        metrics={HOSTILE: HOSTILE},
        champion_metrics={HOSTILE: HOSTILE},
        model_package=HOSTILE,
        waits_until=HOSTILE,
        jobs=(a_job(HOSTILE, instance_type=HOSTILE),),
    )
    made = message(news, guide, CHART)
    blocks = made["blocks"][:-1] if guide is ON_AWS else made["blocks"]
    alt_text = next(b["alt_text"] for b in blocks if b["type"] == "image")
    for text in [made["text"], alt_text, *texts(blocks)]:
        assert "<" not in text
        assert ">" not in text
        assert "& " not in text
    assert made["mrkdwn"] is False
    assert made["parse"] == "none"
    fields = [field for block in blocks for field in block.get("fields", [])]
    assert all(field["emoji"] is False for field in fields)
    if guide is ON_AWS:
        assert "evil.example|" not in made["blocks"][-1]["elements"][0]["text"]


@pytest.mark.parametrize("chart", [None, CHART, "https://" + "x" * 2990])
@pytest.mark.parametrize("unit", ["x", "&", "ä", "😀", '"', "\n"])
def test_limits_hold_by_cutting(unit: str, chart: str | None) -> None:
    """However much there is to say, the message keeps to Slack's limits."""
    long = unit * 5000
    news = some_news(
        "REJECTED",
        pipeline=long,
        run_id=long,
        reason=long,
        metrics={f"{number}{long}": long for number in range(300)},
        champion_metrics={f"{number}{long}": long for number in range(300)},
        model_package=long,
        waits_until=long,
        error=StepError(step=long, error=long, cause=long),
        jobs=tuple(a_job(long, instance_type=long) for _ in range(60)),
    )
    made = message(news, ON_AWS if unit == "x" else HERE, chart)
    blocks = made["blocks"]
    assert len(blocks) <= 50
    assert len(json.dumps(blocks, ensure_ascii=False)) <= 13_000
    assert len(blocks[0]["text"]["text"]) <= 150
    plain = [block for block in blocks if block["type"] != "context"]
    assert all(0 < len(text) <= 3000 for text in texts(plain))
    assert all(len(block.get("fields", [])) <= 10 for block in blocks)
    assert "more metrics" in json.dumps(blocks)
    assert "…|" not in json.dumps(blocks, ensure_ascii=False), "a link that was cut leads nowhere"
    assert ("image" in [block["type"] for block in blocks]) == (chart is not None)
    assert len(made["text"]) <= 3000


def test_a_cut_never_splits_an_escape() -> None:
    """Where text is cut, an escaped character stays whole."""
    header = message(some_news(pipeline="&" * 200))["blocks"][0]["text"]["text"]
    assert header.endswith("&amp;…")
