import time

import pytest
from dropforge_core.redaction import redact


@pytest.mark.parametrize(
    "text",
    [
        "posted to https://hooks.slack.com/services/T0/B0/SECRET.",
        "posted to hooks.slack-gov.com/services/T0/B0/SECRET",
        "path /services/T0AB/B0AB/SECRET of a proxy",
        "url=xhooks.slack.com/SECRET",
        "a chart: https://bucket.s3.amazonaws.com/chart.png?X-Amz-Signature=SECRET",
        'quoted "HTTPS://EXAMPLE.COM/SECRET"',
    ],
)
def test_addresses_are_removed(text: str) -> None:
    """Webhooks, however they are written, and links that were signed."""
    assert "SECRET" not in redact(text)
    assert "(address removed)" in redact(text)


def test_what_is_no_web_address_stays() -> None:
    """People need to read where data lies."""
    text = "s3://bucket/runs/iris/evaluation.json lacks accuracy; see /services for more"
    assert redact(text) == text


def test_a_long_word_takes_no_time() -> None:
    """A cause may be 32,768 characters without a space."""
    started = time.monotonic()
    assert redact("x" * 32_768) == "x" * 32_768
    assert time.monotonic() - started < 10
