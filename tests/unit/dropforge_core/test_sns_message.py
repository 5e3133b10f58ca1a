from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from dropforge_core.announcement import announce
from dropforge_core.contracts import RunNews, StepError
from dropforge_core.guide import Guide
from dropforge_core.sns_message import sns_message

from tests.unit.dropforge_core.news import HERE, HOSTILE, ON_AWS, RUN, a_job, some_news

NOW = datetime(2026, 11, 21, 5, 21, 23, tzinfo=UTC)


def request(news: RunNews, guide: Guide = HERE) -> dict[str, Any]:
    """What is published of some news."""
    return sns_message(news, announce(news, guide, NOW))


def test_all_that_slack_is_told_is_there() -> None:
    """As text: title, reason, then a line for each metric, fact, job, command and page."""
    news = some_news(
        "REJECTED", "NONE", metrics={"accuracy": 0.5}, champion_metrics={"accuracy": 0.75},
        jobs=(a_job(),),
    )  # fmt: skip
    lines = request(news, ON_AWS)["Message"].splitlines()
    assert lines[:3] == ["🛑 iris: rejected, endpoint untouched", "", "So it was."]
    for line in (
        "accuracy: 0.5, champion 0.75 (-0.25)",
        f"Run: {RUN}",
        "Data: 3 objects, 4.2 kB",
        "Train job: 1 h 0 min on ml.m5.large, cost about $1.00",
        f"See the run: dropforge show {RUN} --stack flowers --target aws",
    ):
        assert line in lines
    assert any(line.startswith("Execution: https://eu-west-1.console.aws") for line in lines)
    assert any("set aside" in line for line in lines)


def test_attributes_to_filter_by() -> None:
    """A subscriber can take one pipeline's failures only."""
    assert request(some_news("FAILED"))["MessageAttributes"] == {
        "pipeline": {"DataType": "String", "StringValue": "iris"},
        "status": {"DataType": "String", "StringValue": "FAILED"},
    }


@pytest.mark.parametrize(
    ("pipeline", "subject"),
    [
        ("iris", "Dropforge iris: deployed, endpoint created"),
        ("i\r\nBcc: x\x00\x7f", "Dropforge i Bcc: x : deployed, endpoint created"),
        ("Blüten", "Dropforge Blten: deployed, endpoint created"),
        ("x" * 300, "Dropforge " + "x" * 89),
    ],
)
def test_the_subject_is_short_ascii_on_one_line(pipeline: str, subject: str) -> None:
    """SNS refuses the message else."""
    said = request(some_news(pipeline=pipeline))["Subject"]
    assert said == subject
    assert said.isascii()
    assert len(said) < 100


@pytest.mark.parametrize("unit", ["x", "ä", "😀", "\ud800", "\n", HOSTILE])
def test_a_message_fits_whatever_there_is_to_say(unit: str) -> None:
    """Below 256 KiB of UTF-8, and never cut within a character."""
    news = some_news("REJECTED", metrics={f"{n}": unit * 5000 for n in range(100)})
    made = request(news)
    assert len(made["Message"].encode()) <= 200_003
    shape = botocore.session.get_session().get_service_model("sns").operation_model("Publish")
    assert shape.input_shape is not None
    report = ParamValidator().validate({"TopicArn": "a", **made}, shape.input_shape)
    assert not report.has_errors(), report.generate_report()


def test_no_address_but_the_consoles() -> None:
    """The chart's link is a secret, and dead before a mail is read."""
    error = StepError(
        step="Train", error="E", cause="see https://secret.example/?X-Amz-Signature=1"
    )
    assert "http" not in request(some_news("FAILED", error=error))["Message"]
