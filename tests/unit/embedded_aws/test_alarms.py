"""Alarms on the embedded AWS: evaluated, set by hand, heard of."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Embedded
from tests.unit.embedded_aws.gaps.conftest import create_stack
from tests.unit.embedded_aws.test_events import ACCOUNT, OPEN, messages, queue, rule

TOPIC = "arn:aws:sns:us-east-1:123456789012:alarms"


def put_alarm(embedded: Embedded, name: str, **more: Any) -> None:
    """Put an alarm on a metric of its own name: one error in ten seconds."""
    given = {
        "Namespace": "Test",
        "MetricName": name,
        "Dimensions": [{"Name": "A", "Value": "1"}, {"Name": "B", "Value": "2"}],
        "Statistic": "Sum",
        "Period": 10,
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    }
    embedded.client("cloudwatch").put_metric_alarm(AlarmName=name, **{**given, **more})


def put_value(embedded: Embedded, name: str, value: float) -> None:
    """Put a value of an alarm's metric, its dimensions in another order."""
    datum = {
        "MetricName": name,
        "Value": value,
        "Dimensions": [{"Name": "B", "Value": "2"}, {"Name": "A", "Value": "1"}],
    }
    embedded.client("cloudwatch").put_metric_data(Namespace="Test", MetricData=[datum])


def described(embedded: Embedded, name: str) -> dict[str, Any]:
    """Describe an alarm."""
    [alarm] = embedded.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return dict(alarm)


def wait_for(embedded: Embedded, name: str, state: str) -> dict[str, Any]:
    """Wait for a state of an alarm."""
    deadline = time.monotonic() + 20
    while True:
        alarm = described(embedded, name)
        if alarm["StateValue"] == state:
            return alarm
        assert time.monotonic() < deadline, alarm
        time.sleep(0.1)


def received(embedded: Embedded, url: str, enough: Callable[[list[Any]], bool]) -> list[Any]:
    """Receive from a queue until it is enough."""
    found: list[Any] = []
    deadline = time.monotonic() + 20
    while not enough(found):
        assert time.monotonic() < deadline, found
        found += [json.loads(message["Body"]) for message in messages(embedded, url)]
        time.sleep(0.05)
    return found


def test_an_alarm_sounds_and_is_heard(embedded: Embedded) -> None:
    """A value beyond the threshold becomes ALARM within seconds, an event and a message."""
    heard, told = queue(embedded, "alarm-events", OPEN), queue(embedded, "alarm-topic", OPEN)
    pattern = {
        "source": ["aws.cloudwatch"],
        "detail-type": ["CloudWatch Alarm State Change"],
        "detail": {"alarmName": ["sounds"]},
    }
    target = {"Arn": f"{ACCOUNT}alarm-events"}
    rule(embedded, "alarm.events", target, EventPattern=json.dumps(pattern))
    sns = embedded.client("sns")
    sns.create_topic(Name="alarms")
    sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=f"{ACCOUNT}alarm-topic")
    put_alarm(embedded, "sounds", AlarmActions=[TOPIC], AlarmDescription="too many")
    assert described(embedded, "sounds")["StateValue"] == "INSUFFICIENT_DATA"
    wait_for(embedded, "sounds", "OK")
    put_value(embedded, "sounds", 3.0)
    alarm = wait_for(embedded, "sounds", "ALARM")
    assert "[3.0 (" in alarm["StateReason"]

    *_, event = received(
        embedded, heard, lambda found: any(e["detail"]["state"]["value"] == "ALARM" for e in found)
    )
    assert event["resources"] == ["arn:aws:cloudwatch:us-east-1:123456789012:alarm:sounds"]
    detail = event["detail"]
    assert detail["previousState"]["value"] == "OK"
    assert detail["configuration"]["description"] == "too many"
    metric = detail["configuration"]["metrics"][0]["metricStat"]
    assert metric["metric"]["dimensions"] == {"A": "1", "B": "2"}
    assert (metric["period"], metric["stat"]) == (10, "Sum")

    [envelope] = received(embedded, told, lambda found: len(found) == 1)
    assert envelope["Subject"].startswith('ALARM: "sounds" in ')
    message = json.loads(envelope["Message"])
    assert (message["OldStateValue"], message["NewStateValue"]) == ("OK", "ALARM")
    assert message["Trigger"]["MetricName"] == "sounds"


def test_a_state_set_by_hand_is_heard_and_lasts(embedded: Embedded) -> None:
    """SetAlarmState tells as any change, and holds although the metric says otherwise."""
    heard = queue(embedded, "alarm-forced", OPEN)
    pattern = {"source": ["aws.cloudwatch"], "detail": {"alarmName": ["forced"]}}
    target = {"Arn": f"{ACCOUNT}alarm-forced"}
    rule(embedded, "alarm.forced", target, EventPattern=json.dumps(pattern))
    put_alarm(embedded, "forced", Period=60)
    wait_for(embedded, "forced", "OK")
    embedded.client("cloudwatch").set_alarm_state(
        AlarmName="forced", StateValue="ALARM", StateReason="a test"
    )
    found = received(embedded, heard, lambda found: len(found) == 2)
    assert [each["detail"]["state"]["value"] for each in found] == ["OK", "ALARM"]
    assert found[1]["detail"]["state"]["reason"] == "a test"
    time.sleep(1.5)  # an evaluation or two
    assert described(embedded, "forced")["StateValue"] == "ALARM"


def test_a_topic_must_admit_alarms(embedded: Embedded) -> None:
    """A topic whose policy leaves CloudWatch out is told nothing."""
    told = queue(embedded, "alarm-closed", OPEN)
    sns = embedded.client("sns")
    arn = sns.create_topic(Name="closed")["TopicArn"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=f"{ACCOUNT}alarm-closed")
    admits_events = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sns:Publish",
    }
    policy = json.dumps({"Statement": [admits_events]})
    sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
    put_alarm(embedded, "unheard", OKActions=[arn])
    wait_for(embedded, "unheard", "OK")
    time.sleep(0.2)
    assert messages(embedded, told) == []


def test_a_changed_alarm_keeps_its_state(embedded: Embedded) -> None:
    """Putting it again, by the API or by a stack, does not make it forget."""
    name = "alarm-changed"
    properties: dict[str, Any] = {
        "AlarmName": name,
        "Namespace": "Test",
        "MetricName": name,
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "ignore",
    }
    resources = {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}}
    create_stack(embedded, name, {"Resources": resources})
    embedded.client("cloudwatch").set_alarm_state(
        AlarmName=name, StateValue="ALARM", StateReason="a test"
    )
    properties["Threshold"] = 2
    template = json.dumps({"Resources": resources})
    embedded.client("cloudformation").update_stack(StackName=name, TemplateBody=template)
    alarm = described(embedded, name)
    assert (alarm["Threshold"], alarm["StateValue"]) == (2.0, "ALARM")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"ExtendedStatistic": "p99", "Statistic": "Sum"}, "ExtendedStatistic"),
        ({"AlarmActions": ["arn:aws:lambda:us-east-1:1:function:f"]}, "the action arn:aws:lambda"),
        ({"ComparisonOperator": "LessThanLowerThreshold"}, "LessThanLowerThreshold"),
        ({"Period": 45}, "Period must be"),
        ({"DatapointsToAlarm": 2}, "DatapointsToAlarm must be between 1 and"),
        ({"TreatMissingData": "good"}, "TreatMissingData cannot be good"),
    ],
)
def test_what_would_not_be_evaluated_is_refused(
    embedded: Embedded, given: dict[str, Any], named: str
) -> None:
    """An alarm that could not do what it says is refused by name."""
    with pytest.raises(ClientError) as caught:
        put_alarm(embedded, "refused", **given)
    assert named in caught.value.response["Error"]["Message"]


def test_metrics_of_two_dimensions_are_found_in_any_order(embedded: Embedded) -> None:
    """GetMetricData does not mind how dimensions were sorted."""
    put_value(embedded, "order", 7.0)
    now = time.time()
    dimensions = [{"Name": "A", "Value": "1"}, {"Name": "B", "Value": "2"}]
    metric = {"Namespace": "Test", "MetricName": "order", "Dimensions": dimensions}
    statistic = {"Metric": metric, "Period": 300, "Stat": "Sum"}
    for ordered in (dimensions, dimensions[::-1]):
        metric["Dimensions"] = ordered
        answer = embedded.client("cloudwatch").get_metric_data(
            MetricDataQueries=[{"Id": "m", "MetricStat": statistic}],
            StartTime=now - 120,
            EndTime=now + 60,
        )
        assert answer["MetricDataResults"][0]["Values"] == [7.0]
