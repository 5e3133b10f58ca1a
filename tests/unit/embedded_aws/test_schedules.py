"""Scheduled rules: fired in time, once, and on demand."""

import json
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from botocore.exceptions import ClientError
from moto.events.models import events_backends

from embedded_aws.schedules import Schedules
from embedded_aws.settings import Settings
from tests.conftest import Embedded
from tests.unit.embedded_aws.test_events import ACCOUNT, OPEN, messages, queue, rule

type Control = Callable[..., Any]


@pytest.fixture
def control(embedded: Embedded) -> Control:
    """Give a way to call the control endpoints of schedules."""

    def call(path: str, document: Any = None) -> Any:
        body = json.dumps(document).encode() if document else None
        request = urllib.request.Request(f"{embedded.endpoint_url}/_embedded/{path}", body)  # noqa: S310
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return json.load(answer)

    return call


def test_a_rule_is_fired_on_demand(embedded: Embedded, control: Control) -> None:
    """Its targets get the documented event, without waiting for the time."""
    url = queue(embedded, "schedules-fired", OPEN)
    target = {"Arn": f"{ACCOUNT}schedules-fired"}
    schedule = {"ScheduleExpression": "rate(1 day)", "EventPattern": ""}
    arn = rule(embedded, "schedules.fired", target, **schedule)
    [told] = [each for each in control("schedules") if each.get("rule") == "schedules.fired"]
    assert told["expression"] == "rate(1 day)"
    assert datetime.fromisoformat(told["next"]) > datetime.now(UTC) + timedelta(hours=23)
    for name in ("schedules.fired", arn):
        answer = control("schedules/fire", {"rule": name})
        assert answer == {"rule": arn, "targets": [target["Arn"]]}
    bodies = [json.loads(message["Body"]) for message in messages(embedded, url)]
    assert len(bodies) == 2
    assert bodies[0]["source"] == "aws.events"
    assert bodies[0]["detail-type"] == "Scheduled Event"
    assert (bodies[0]["resources"], bodies[0]["detail"]) == ([arn], {})


def test_what_cannot_be_fired(embedded: Embedded, control: Control) -> None:
    """No such rule, one without a schedule and a disabled one are told apart."""
    rule(embedded, "schedules.pattern", {"Arn": f"{ACCOUNT}q"})
    more = {"ScheduleExpression": "rate(1 day)", "EventPattern": "", "State": "DISABLED"}
    rule(embedded, "schedules.off", {"Arn": f"{ACCOUNT}q"}, **more)
    cases = [
        ({"rule": "nobody"}, 404, "there is no rule 'nobody'"),
        ({"rule": "schedules.pattern"}, 404, "with a schedule"),
        ({"rule": "schedules.off"}, 400, "is disabled"),
        (["schedules.off"], 404, "give its name or its ARN"),
    ]
    for document, status, message in cases:
        with pytest.raises(HTTPError) as caught:
            control("schedules/fire", document)
        assert caught.value.code == status
        assert message in json.load(caught.value)["message"]


def test_an_expression_that_is_none_is_refused(embedded: Embedded) -> None:
    """PutRule says so, rather than keeping a rule that never fires."""
    for expression, message in (
        ("rate(5 minute)", "Parameter ScheduleExpression is not valid."),
        ("cron(0 0 L * ? *)", "does not support L, W and #"),
    ):
        with pytest.raises(ClientError, match="ValidationException") as caught:
            embedded.client("events").put_rule(Name="bad", ScheduleExpression=expression)
        assert message in caught.value.response["Error"]["Message"]


def test_rules_are_fired_when_they_are_due(tmp_path: Path) -> None:
    """Each at its time, once, from when it was put; a changed rule starts anew."""
    settings = Settings(tmp_path, 0, account="222222222222")
    events = events_backends[settings.account][settings.region]
    fired: list[str] = []
    schedules = Schedules(settings, lambda rule: fired.append(rule.name))
    start = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)

    def look(minutes: float) -> list[str]:
        fired.clear()
        schedules.look(start + timedelta(minutes=minutes))
        return list(fired)

    events.put_rule("often", scheduled_expression="rate(5 minutes)")
    events.put_rule("hourly", scheduled_expression="cron(0 * * * ? *)")
    events.put_rule("off", scheduled_expression="rate(5 minutes)", state="DISABLED")
    events.put_rule("pattern", event_pattern='{"source": ["s"]}')
    assert look(0) == []
    assert look(4.9) == []
    assert look(5) == ["often"]
    assert look(5.1) == []
    # The machine may have slept: what was missed is done once.
    assert look(61) == ["often", "hourly"]
    events.put_rule("often", scheduled_expression="rate(10 minutes)")
    assert look(62) == []
    assert look(71.9) == []
    assert look(72) == ["often"]
    events.delete_rule("often", None)
    assert look(90) == []
