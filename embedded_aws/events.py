"""EventBridge's part after a rule has matched: what each target is sent, and how it arrives.

Rules deliver to SQS queues and Lambda functions, and to a target's dead-letter queue what could not
be delivered, for the reasons that AWS would have: no such target, or a resource policy that does
not admit EventBridge.
"""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

from moto.events.models import events_backends

from embedded_aws import event_input
from embedded_aws.deliveries import Deliveries, Invoker
from embedded_aws.errors import AwsError
from embedded_aws.faults.events import EventFaults
from embedded_aws.settings import Settings

_log = logging.getLogger(__name__)


class EventBridge:
    """Sends events to the rules of the default bus, and from there to their targets."""

    def __init__(self, settings: Settings, functions: Invoker, faults: EventFaults) -> None:
        """Deliver to the queues of `settings.account`, and to functions through `functions`."""
        self._settings = settings
        self._faults = faults
        self._deliveries = Deliveries("events.amazonaws.com", settings, functions)

    def emit(
        self, source: str, detail_type: str, detail: dict[str, Any], resources: list[str]
    ) -> None:
        """Send an AWS service's own event, such as source "aws.sagemaker"."""
        event = self._event(source, detail_type, detail, resources)
        backend = events_backends[self._settings.account][self._settings.region]
        for rule in list(backend.event_buses["default"].rules.values()):
            self.send(rule, event)

    def send(self, rule: Any, event: Mapping[str, Any]) -> None:
        """Send an event to each target of a rule, if the rule is enabled and matches it."""
        sent = {name: value for name, value in event.items() if name != "ingestion-time"}
        if not isinstance(sent["time"], str):
            sent["time"] = _iso_8601(float(sent["time"]))
        has_pattern = bool(rule.event_pattern.dump())  # else it is a schedule
        if rule.state != "ENABLED" or not has_pattern or not rule.event_pattern.matches_event(sent):
            return
        self._send_to_targets(rule, sent)

    def fire(self, rule: Any) -> None:
        """Send a scheduled rule's event to its targets."""
        self._send_to_targets(rule, self._event("aws.events", "Scheduled Event", {}, [rule.arn]))

    def _event(
        self, source: str, detail_type: str, detail: dict[str, Any], resources: list[str]
    ) -> dict[str, Any]:
        return {
            "version": "0",
            "id": str(uuid4()),
            "detail-type": detail_type,
            "source": source,
            "account": self._settings.account,
            "time": _iso_8601(datetime.now(UTC).timestamp()),
            "region": self._settings.region,
            "resources": resources,
            "detail": detail,
        }

    def _send_to_targets(self, rule: Any, event: dict[str, Any]) -> None:
        for target in list(rule.targets):
            self._faults.deliver(event, partial(self._deliver, rule, target, event))

    def _deliver(self, rule: Any, target: dict[str, Any], event: dict[str, Any]) -> None:
        try:
            payload = event_input.render(target, event, rule)
            if ":sqs:" in target["Arn"]:
                group = target.get("SqsParameters", {}).get("MessageGroupId")
                self._deliveries.send(target["Arn"], payload, rule.arn, group=group)
            else:
                self._deliveries.invoke(target["Arn"], payload, rule.arn)
        except AwsError as failure:
            _log.warning("rule %s could not reach %s: %s", rule.name, target["Arn"], failure)
            self._bury(rule, target, event, failure)

    def _bury(
        self, rule: Any, target: dict[str, Any], event: dict[str, Any], failure: AwsError
    ) -> None:
        queue = target.get("DeadLetterConfig", {}).get("Arn")
        if queue is None:
            return
        attributes = {
            "ERROR_CODE": failure.code,
            "ERROR_MESSAGE": failure.message,
            "RULE_ARN": rule.arn,
            "TARGET_ARN": target["Arn"],
            "RETRY_ATTEMPTS": "0",
        }
        try:
            self._deliveries.send(queue, json.dumps(event), rule.arn, attributes=attributes)
        except AwsError as lost:
            _log.warning("rule %s could not reach its dead-letter queue: %s", rule.name, lost)


def _iso_8601(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
