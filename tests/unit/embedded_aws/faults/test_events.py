"""Faults of events and messages: lost, late, twice, in another order."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Embedded
from tests.unit.embedded_aws.conftest import Force, Pending
from tests.unit.embedded_aws.conftest import faults as control
from tests.unit.embedded_aws.test_events import ACCOUNT, OPEN, messages, queue, rule

DEADLINE_SECONDS = 10.0


class Route:
    """A rule that sends events of one source to a queue."""

    def __init__(self, embedded: Embedded, name: str) -> None:
        """Make both."""
        self._embedded = embedded
        self.source = f"faults.{name}"
        self.url = queue(embedded, f"faults-{name}", OPEN)
        rule(embedded, self.source, {"Arn": f"{ACCOUNT}faults-{name}"})

    def send(self, *says: str, kind: str = "t") -> None:
        """Send events, one by one."""
        for say in says:
            entry = {"Source": self.source, "DetailType": kind, "Detail": json.dumps({"say": say})}
            self._embedded.client("events").put_events(Entries=[entry])

    def arrived(self) -> list[tuple[str, str]]:
        """Tell what has arrived since the last look: each event's id, and what it says."""
        bodies = [json.loads(each["Body"]) for each in messages(self._embedded, self.url)]
        return [(body["id"], body["detail"]["say"]) for body in bodies]

    def says(self) -> list[str]:
        """Tell what the events say that have arrived since the last look."""
        return [say for _, say in self.arrived()]

    def wait(self) -> list[str]:
        """Wait for something to arrive."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not (says := self.says()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return says


@pytest.fixture
def route(embedded: Embedded, request: pytest.FixtureRequest) -> Route:
    """A rule and a queue of this test's own."""
    return Route(embedded, request.node.originalname.removeprefix("test_").replace("_", "-"))


def test_an_event_is_dropped(route: Route, force: Force, pending: Pending) -> None:
    """Only the one that is meant by source, detail type and text."""
    force(kind="event", source=route.source, detail_type="t", match="bad", then="dropped")
    route.send("bad", kind="u")
    route.send("good")
    assert route.says() == ["bad", "good"]
    assert len(pending()) == 1
    route.send("bad", "bad")
    assert route.says() == ["bad"]
    assert pending() == []


def test_an_event_comes_late(route: Route, force: Force) -> None:
    """Who sent it does not wait, and others overtake it."""
    force(kind="event", source=route.source, then="delayed", seconds=3)
    began = time.monotonic()
    route.send("first", "second")
    assert time.monotonic() - began < 3
    assert route.says() == ["second"]
    assert route.wait() == ["first"]
    assert time.monotonic() - began >= 3


def test_an_event_comes_several_times(route: Route, force: Force) -> None:
    """The copies are the same event, with its id; at once or later."""
    force(kind="event", source=route.source, then="duplicated", copies=2)
    route.send("a")
    first, *others = route.arrived()
    assert others == [first, first]
    force(kind="event", source=route.source, then="duplicated", seconds=0.5)
    route.send("b")
    assert route.says() == ["b"]
    assert route.wait() == ["b"]


def test_events_come_in_reverse(route: Route, force: Force) -> None:
    """They are held until as many are there as the fault has times."""
    force(kind="event", source=route.source, then="reordered", times=3, after=1)
    route.send("0", "1", "2")
    assert route.says() == ["0"]
    route.send("3", "4")
    assert route.says() == ["3", "2", "1", "4"]


def test_what_is_held_is_not_lost(embedded: Embedded, route: Route, force: Force) -> None:
    """When the faults are forgotten it is delivered."""
    force(kind="event", source=route.source, then="reordered", times=3)
    route.send("1", "2")
    assert route.says() == []
    control(embedded, "DELETE")
    assert route.says() == ["2", "1"]


def test_s3_and_schedules_are_sources_like_others(
    embedded: Embedded, force: Force, pending: Pending
) -> None:
    """An object's event, and the event of a rule that is fired, pass the same seam."""
    embedded.client("s3").create_bucket(Bucket="faults-of-events")
    embedded.client("s3").put_bucket_notification_configuration(
        Bucket="faults-of-events", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    url = queue(embedded, "faults-objects", OPEN)
    pattern = json.dumps({"source": ["aws.s3"], "detail-type": ["Object Created"]})
    rule(embedded, "faults.objects", {"Arn": f"{ACCOUNT}faults-objects"}, EventPattern=pattern)
    force(kind="event", source="aws.s3", detail_type="Object Created", then="dropped", match="gön")
    for key in ("gönnt", "kept"):
        embedded.client("s3").put_object(Bucket="faults-of-events", Key=key)
    [arrived] = messages(embedded, url)
    assert json.loads(arrived["Body"])["detail"]["object"]["key"] == "kept"
    assert pending() == []


def test_an_event_of_sagemaker_is_dropped(
    embedded: Embedded, force: Force, pending: Pending
) -> None:
    """The services' own events pass the same seam."""
    url = queue(embedded, "faults-packages", OPEN)
    pattern = json.dumps({"detail-type": ["SageMaker Model Package State Change"]})
    rule(embedded, "faults.packages", {"Arn": f"{ACCOUNT}faults-packages"}, EventPattern=pattern)
    sagemaker = embedded.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="faults-of-events")
    force(kind="event", source="aws.sagemaker", then="dropped", match="faults-of-events/1")
    for _ in range(2):
        sagemaker.create_model_package(
            ModelPackageGroupName="faults-of-events", ModelPackageDescription="d"
        )
    bodies = [json.loads(each["Body"]) for each in messages(embedded, url)]
    assert [body["detail"]["ModelPackageVersion"] for body in bodies] == [2]
    assert pending() == []


def test_a_message_is_delivered_twice(embedded: Embedded, force: Force, pending: Pending) -> None:
    """Under one id, and each delivery is deleted by itself."""
    sqs = embedded.client("sqs")
    url = queue(embedded, "faults-twice")
    force(kind="message", queue="faults-twice", match="meant", copies=2)
    sqs.send_message(QueueUrl=url, MessageBody="other")
    sent = sqs.send_message(QueueUrl=url, MessageBody="meant")["MessageId"]
    other, *received = messages(embedded, url)
    assert other["Body"] == "other"
    assert [each["MessageId"] for each in received] == [sent] * 3
    assert len({each["ReceiptHandle"] for each in received}) == 3
    assert pending() == []


def test_a_message_comes_again_after_it_was_deleted(
    embedded: Embedded, force: Force, eventually: Callable[..., Any]
) -> None:
    """As SQS warns: the copy on a server that was away when the message was deleted."""
    sqs = embedded.client("sqs")
    url = queue(embedded, "faults-again")
    force(kind="message", queue="faults-again", seconds=0.5)
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    [first] = messages(embedded, url)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    [again] = eventually(lambda: messages(embedded, url))
    assert again["MessageId"] == first["MessageId"]
