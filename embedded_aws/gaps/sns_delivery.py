"""Gap: SNS delivers to queues whose policies would refuse it, and to functions only by Docker.

A queue that is gone makes Publish fail, and http subscriptions really post to wherever they say.
Here queues and functions get messages when their policies admit the topic; what is lost is logged.
E-mail subscriptions are kept and get nothing; other protocols are refused by Subscribe.
Source: SNS developer guide, "Fanout to Amazon SQS queues" and "to Lambda functions".
"""

import json
import logging
from typing import Any

from moto.core.utils import iso_8601_datetime_with_milliseconds
from moto.sns.exceptions import SNSInvalidParameter
from moto.sns.models import SNSBackend, Subscription

from embedded_aws.deliveries import Deliveries
from embedded_aws.errors import AwsError

_PROTOCOLS = ("email", "email-json", "lambda", "sqs")
_log = logging.getLogger(__name__)


def apply(deliveries: Deliveries) -> None:
    """Deliver as `deliveries`, which are SNS's, can."""
    to_queue = Subscription.publish
    subscribe = SNSBackend.subscribe

    def publish(subscription: Any, message: str, message_id: str, **more: Any) -> None:
        if not _wants(subscription, message, more.get("message_attributes")):
            return
        try:
            if subscription.protocol == "sqs":
                deliveries.check_queue(subscription.endpoint, subscription.topic.arn)
                to_queue(subscription, message, message_id, **more)
            elif subscription.protocol == "lambda":
                event = json.dumps(_event(subscription, message, message_id, more))
                deliveries.invoke(subscription.endpoint, event, subscription.topic.arn)
        except AwsError as failure:
            _log.warning("%s was not delivered: %s", subscription.arn, failure)

    def checked_subscribe(backend: Any, topic_arn: str, endpoint: str, protocol: str) -> Any:
        if protocol not in _PROTOCOLS:
            raise SNSInvalidParameter(
                f"The embedded AWS does not support the protocol {protocol!r},"
                f" only {', '.join(_PROTOCOLS)}."
            )
        return subscribe(backend, topic_arn, endpoint, protocol)

    def no_sms(backend: Any, message: str, arn: str | None, **more: Any) -> Any:
        if more.get("phone_number"):
            raise NotImplementedError("PhoneNumber: nobody gets an SMS")
        return publish_to_topic(backend, message, arn, **more)

    publish_to_topic = SNSBackend.publish
    Subscription.publish = publish
    SNSBackend.subscribe = checked_subscribe
    SNSBackend.publish = no_sms


def _wants(subscription: Any, message: str, attributes: Any) -> bool:
    matcher = subscription._filter_policy_matcher  # noqa: SLF001
    return matcher is None or bool(matcher.matches(attributes, message))


def _event(
    subscription: Any, message: str, message_id: str, more: dict[str, Any]
) -> dict[str, Any]:
    if more.get("message_structure") == "json":
        message = subscription._parse_message_structure(message, "lambda")  # noqa: SLF001
    notification = {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": subscription.topic.arn,
        "Subject": more.get("subject"),
        "Message": message,
        "Timestamp": iso_8601_datetime_with_milliseconds(),
        "MessageAttributes": more.get("message_attributes") or {},
    }
    return {
        "Records": [
            {
                "EventVersion": "1.0",
                "EventSubscriptionArn": subscription.arn,
                "EventSource": "aws:sns",
                "Sns": notification,
            }
        ]
    }
