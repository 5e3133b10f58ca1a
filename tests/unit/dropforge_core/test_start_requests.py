import json
from typing import Any

import pytest
from dropforge_core.errors import InvalidInputError
from dropforge_core.intake import Dropped
from dropforge_core.messages import read_message
from dropforge_core.records import Request
from dropforge_core.start_requests import Asked, drift_alarm, message, record

from tests.unit.dropforge_core.stack import ACCOUNT, REGION, Stack
from tests.unit.dropforge_core.test_intake import BUCKET, an_event

MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:dropforge-retrain"
TIME = "2026-11-28T03:00:00Z"
ALARM = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:dropforge/drift/iris"


def read(body: Any) -> Any:
    """Read a message as this stack's trigger does."""
    text = body if isinstance(body, str) else json.dumps(body)
    return read_message(text, bucket=BUCKET, stack="dropforge", state_machine=MACHINE)


def asked(cause: str = "PERSON", stack: str = "dropforge", **changes: Any) -> dict[str, Any]:
    """Our own message, perhaps with something wrong in it."""
    return message(stack, "iris", cause, "a-1", TIME) | changes


def sounding(
    name: str = "dropforge/drift/iris", value: str = "ALARM", **changes: Any
) -> dict[str, Any]:
    """EventBridge's event of an alarm, perhaps with something wrong in it."""
    event: dict[str, Any] = {
        "version": "0",
        "id": "c4c1c1c9-6542-e61b-6ef0-8c4d36933a92",
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "time": TIME,
        "resources": [ALARM.replace("dropforge/drift/iris", name)],
        "detail": {"alarmName": name, "state": {"value": value}, "configuration": {}},
    }
    return {**event, **changes}


def test_each_kind_of_message_is_read() -> None:
    """S3's event is data; our own message and a drift alarm are requests, with who asked."""
    assert isinstance(read(an_event()), Dropped)
    assert read(asked("SCHEDULE")) == Asked(
        "iris",
        Request(request_id="a-1", cause="SCHEDULE", asked_at="2026-11-28T03:00:00.000Z"),
    )
    alarm = read(sounding())
    assert (alarm.pipeline, alarm.request.cause) == ("iris", "DRIFT")
    assert alarm.request.request_id == "c4c1c1c9-6542-e61b-6ef0-8c4d36933a92"


@pytest.mark.parametrize(
    "body",
    [
        "no JSON",
        "[]",
        "[" * 100_000,
        asked(stack="another"),
        asked("DRIFT"),
        asked(id="x" * 65),
        asked(id="a b"),
        asked(time="yesterday"),
        asked(time="2026-13-41T03:00:00Z"),
        asked(more="fields"),
        asked(detail={"stack": "dropforge", "pipeline": "../iris", "cause": "PERSON"}),
        asked(detail={"stack": "dropforge", "pipeline": "iris"}),
        asked(**{"detail-type": "Object Created"}),
        sounding(value="OK"),
        sounding("dropforge/iris"),
        sounding("another/drift/iris"),
        sounding("dropforge/drift/"),
        sounding("dropforge/drift/no-name"),
        sounding(resources=[]),
        sounding(resources=[ALARM, ALARM]),
        sounding(resources=[ALARM.replace(ACCOUNT, "999999999999")]),
        sounding(resources=[ALARM.replace(REGION, "eu-west-1")]),
        sounding(resources=[ALARM.replace("iris", "car")]),
        {**sounding(), "source": "aws.s3"},
    ],
)
def test_what_is_no_request_of_this_stack_is_refused(body: Any) -> None:
    """Another shape, stack, account, region or alarm; the error quotes nothing of it."""
    with pytest.raises(InvalidInputError) as caught:
        read(body)
    assert "another/" not in str(caught.value)
    assert "yesterday" not in str(caught.value)


def test_an_alarm_names_its_pipeline() -> None:
    """Of two stacks whose names begin alike, each knows its own alarms."""
    assert drift_alarm("dropforge", "iris") == "dropforge/drift/iris"
    with pytest.raises(InvalidInputError):
        read(sounding(drift_alarm("dropforge-2", "iris")))


def test_a_request_is_recorded_once_and_only_for_what_is_published(stack: Stack) -> None:
    """The second message of one request is nothing new; nobody's request is REFUSED."""
    request = read(asked()).request
    (refused,) = record(stack.ledger, "iris", [request])
    assert (refused.status, refused.reason) == ("REFUSED", "The pipeline iris is not published.")
    stack.publish("car")
    assert record(stack.ledger, "car", [request]) == [request]
    assert record(stack.ledger, "car", [request]) == []
    assert stack.ledger.request("car", "a-1") == request
