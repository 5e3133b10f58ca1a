"""Watches CloudWatch's alarms: evaluates them every second, and tells of each change of state.

A change is an event for EventBridge and, when the alarm says so, a message to SNS topics that
admit CloudWatch. Sources: CloudWatch user guide, "Alarm events and EventBridge"; the messages
that topics are sent, as clients report them.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from moto.cloudwatch.models import MetricAggregatedDatum
from moto.sns.models import sns_backends

from embedded_aws.alarm_evaluation import Condition, Sample, judge, stamp
from embedded_aws.cloudwatch import CloudWatch
from embedded_aws.policies import admits
from embedded_aws.settings import Settings

_LOOK_SECONDS = 1.0
_ACTIONS = {
    "ALARM": "alarm_actions",
    "OK": "ok_actions",
    "INSUFFICIENT_DATA": "insufficient_data_actions",
}
_log = logging.getLogger(__name__)

type Emit = Callable[[str, str, dict[str, Any], list[str]], None]


class Alarms:
    """The alarms of the settings' account and region."""

    def __init__(self, settings: Settings, cloudwatch: CloudWatch, emit: Emit) -> None:
        """Send events by `emit`; nothing is evaluated before `start`."""
        self._settings = settings
        self._cloudwatch = cloudwatch
        self._emit = emit
        self._stopping = threading.Event()

    def start(self) -> None:
        """Begin to evaluate."""
        threading.Thread(target=self._run, name="alarms", daemon=True).start()

    def stop(self) -> None:
        """Evaluate nothing any more."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            try:
                self.look(datetime.now(UTC))
            except Exception:  # noqa: BLE001 - logged; the next look may do better
                _log.exception("alarms could not be evaluated")

    def look(self, now: datetime) -> None:
        """Give every alarm the state that its metric calls for."""
        backend = self._cloudwatch.backend
        data = list(backend.metric_data)
        for alarm in list(backend.alarms.values()):
            if time.monotonic() < getattr(alarm, "held_until", 0.0):
                continue
            condition = _condition(alarm)
            span = timedelta(seconds=condition.period * condition.periods)
            verdict = judge(condition, _samples(alarm, data, now - span), now)
            if verdict and verdict.state != alarm.state_value:
                alarm.update_state(verdict.reason, verdict.reason_data, verdict.state)

    def changed(self, alarm: Any, before: dict[str, Any]) -> None:
        """Tell of a change of state; `before` is the state that the alarm had."""
        detail = {
            "alarmName": alarm.name,
            "configuration": _configuration(alarm),
            "previousState": before,
            "state": state(alarm),
        }
        self._emit("aws.cloudwatch", "CloudWatch Alarm State Change", detail, [alarm.alarm_arn])
        if alarm.actions_enabled:
            for topic in getattr(alarm, _ACTIONS[alarm.state_value]):
                self._notify(topic, alarm, before["value"])

    def _notify(self, topic: str, alarm: Any, old: str) -> None:
        backend = sns_backends[self._settings.account][self._settings.region]
        found = backend.topics.get(topic)
        if found is None:
            _log.warning("alarm %s: there is no topic %s", alarm.name, topic)
            return
        statements = json.loads(found.policy)["Statement"]
        service = "cloudwatch.amazonaws.com"
        if not admits(statements, service, "sns:Publish", alarm.alarm_arn):
            _log.warning("alarm %s: the policy of %s does not admit it", alarm.name, topic)
            return
        message = _message(alarm, old, self._settings)
        subject = f'{alarm.state_value}: "{alarm.name}" in {self._settings.region}'[:100]
        backend.publish(json.dumps(message), topic, subject=subject)


def state(alarm: Any) -> dict[str, Any]:
    """Tell an alarm's state as its events do."""
    return {
        "value": alarm.state_value,
        "reason": alarm.state_reason,
        "reasonData": alarm.state_reason_data,
        "timestamp": stamp(alarm.state_updated_timestamp),
    }


def _condition(alarm: Any) -> Condition:
    return Condition(
        statistic=alarm.statistic,
        comparison=alarm.comparison_operator,
        threshold=float(alarm.threshold),
        period=int(alarm.period),
        periods=int(alarm.evaluation_periods),
        datapoints=int(alarm.datapoints_to_alarm or alarm.evaluation_periods),
        missing=alarm.treat_missing_data or "missing",
    )


def _samples(alarm: Any, data: Sequence[Any], since: datetime) -> list[Sample]:
    wanted = _dimensions(alarm)
    found = []
    for datum in data:
        if (datum.namespace, datum.name) != (alarm.namespace, alarm.metric_name):
            continue
        at = datum.timestamp if datum.timestamp.tzinfo else datum.timestamp.replace(tzinfo=UTC)
        is_unit = alarm.unit is None or datum.unit == alarm.unit
        if at > since and is_unit and _dimensions(datum) == wanted:
            found.append(_sample(datum, at))
    return found


def _sample(datum: Any, at: datetime) -> Sample:
    if isinstance(datum, MetricAggregatedDatum):
        return Sample(at, datum.sum, datum.sample_count, datum.min, datum.max)
    return Sample(at, datum.value, 1.0, datum.value, datum.value)


def _dimensions(of: Any) -> dict[str, str]:
    return {dimension.name: dimension.value for dimension in of.dimensions}


def _configuration(alarm: Any) -> dict[str, Any]:
    metric = {
        "namespace": alarm.namespace,
        "name": alarm.metric_name,
        "dimensions": _dimensions(alarm),
    }
    statistic = {"metric": metric, "period": int(alarm.period), "stat": alarm.statistic}
    configuration = {"metrics": [{"id": str(uuid4()), "metricStat": statistic, "returnData": True}]}
    return {"description": alarm.description, **configuration}


def _message(alarm: Any, old: str, settings: Settings) -> dict[str, Any]:
    return {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": settings.account,
        "AlarmConfigurationUpdatedTimestamp": stamp(alarm.configuration_updated_timestamp),
        "NewStateValue": alarm.state_value,
        "NewStateReason": alarm.state_reason,
        "StateChangeTime": stamp(alarm.state_updated_timestamp),
        "Region": settings.region,
        "AlarmArn": alarm.alarm_arn,
        "OldStateValue": old,
        "OKActions": alarm.ok_actions,
        "AlarmActions": alarm.alarm_actions,
        "InsufficientDataActions": alarm.insufficient_data_actions,
        "Trigger": {
            "MetricName": alarm.metric_name,
            "Namespace": alarm.namespace,
            "StatisticType": "Statistic",
            "Statistic": str(alarm.statistic).upper(),
            "Unit": alarm.unit,
            "Dimensions": [
                {"value": value, "name": name} for name, value in _dimensions(alarm).items()
            ],
            "Period": int(alarm.period),
            "EvaluationPeriods": int(alarm.evaluation_periods),
            "DatapointsToAlarm": int(alarm.datapoints_to_alarm or alarm.evaluation_periods),
            "ComparisonOperator": alarm.comparison_operator,
            "Threshold": float(alarm.threshold),
            "TreatMissingData": alarm.treat_missing_data or "missing",
            "EvaluateLowSampleCountPercentile": "",
        },
    }
