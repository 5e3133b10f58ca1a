"""Faults of what is judged and of who is told: no number, no model; no Slack, the same run."""

import json
import re
from typing import Any

import pytest

from embedded_aws import slack_blocks

from .fault_book import Fault, Outcome
from .stack import Stack

FOREVER = 50
REJECTED = Outcome(runs=("REJECTED",), objects=("SET_ASIDE",), answer=None)
FAILED = Outcome(runs=("FAILED",), answer=None)
MARKUP = "<!channel> & <script>alert('x')</script> *bold* <https://evil.example|here> " * 12
pytestmark = pytest.mark.timeout(240)


@pytest.mark.fault(19)
@pytest.mark.parametrize(
    ("what", "evaluation", "expected"),
    [
        ("missing", '{"metrics": {}}', REJECTED),
        ("below threshold", '{"metrics": {"accuracy": 0.5}}', REJECTED),
        ("NaN", '{"metrics": {"accuracy": NaN}}', FAILED),
        ("Infinity", '{"metrics": {"accuracy": Infinity}}', FAILED),
        ("infinite", '{"metrics": {"accuracy": 1e999}}', FAILED),
        ("over 256 KiB", "large", FAILED),
    ],
)
def test_metrics_that_say_nothing(
    stack: Stack, fault: Fault, what: str, evaluation: str, expected: Outcome
) -> None:
    """Whatever evaluation.json holds instead of good numbers, nothing is deployed."""
    name = f"f19_{what.lower().replace(' ', '_')}"
    stack.publish(name, evaluation=evaluation)
    run = stack.run(name)
    fault.check(stack, name, f"The metric was {what}", expected)
    assert run["endpoint"]["action"] == "NONE"


def secret(stack: Stack) -> str:
    """Return the part of the webhook's URL that is one."""
    return (stack.project.state / "slack-webhook").read_text("utf-8").rpartition("/")[2]


@pytest.mark.fault(20)
@pytest.mark.parametrize(
    ("what", "strike", "told"),
    [
        ("429", {"code": "rate_limited", "status": 429, "headers": {"Retry-After": "1"}}, 1),
        ("429 for 10 minutes", {"code": "x", "status": 429, "headers": {"Retry-After": "600"}}, 0),
        ("500 twice", {"code": "server_error", "status": 500, "times": 2}, 1),
        ("503 for ever", {"code": "server_error", "status": 503, "times": FOREVER}, 0),
        ("cut off", {"breaks": True}, 1),
        ("taken, but answered after 6 s", {"seconds": 6, "happens": True}, 1),
        ("a revoked URL", {"code": "no_service", "status": 404}, 0),
    ],
)
def test_slack_fails(
    stack: Stack, fault: Fault, what: str, strike: dict[str, Any], told: int
) -> None:
    """It is tried again for a while; the run is what it is, and the URL is in no log."""
    name = f"f20_{re.sub('[^a-z0-9]+', '_', what.lower())[:18].strip('_')}"
    stack.publish(name)
    stack.strike(service="slack", operation="Post", match=name, **strike)
    stack.run(name)
    if strike.get("times") == FOREVER:
        stack.clear_faults()
    fault.check(stack, name, f"Slack: {what}", Outcome(told=told))
    for log in stack.project.state.rglob("*.log"):
        assert secret(stack) not in log.read_text("utf-8", errors="replace"), log


@pytest.mark.fault(20)
def test_oversize_and_injected_markup(stack: Stack, fault: Fault) -> None:
    """What a job says is cut and escaped: it calls nobody, and is no link."""
    name = "f20_markup"
    stack.publish(name, train="hang")
    stack.strike(kind="job", job="f20-markup", then="failed", reason=MARKUP, after=1)
    run = stack.run(name)
    done = f"A job failed with {len(MARKUP)} characters of Slack's markup"
    fault.check(stack, name, done, FAILED)
    (message,) = stack.slack_about(run["run_id"])
    assert slack_blocks.problems(message["blocks"]) == []
    said = json.dumps(message)
    assert "&lt;!channel&gt; &amp; &lt;script&gt;" in said
    for markup in ("<!channel>", "<script>", "evil.example"):
        assert markup not in said
