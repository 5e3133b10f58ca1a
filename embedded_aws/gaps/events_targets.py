"""Gap: a rule's Lambda target raises an error that moto swallows; so does any other it lacks.

Besides, disabled rules deliver, rules with a schedule deliver every event, a target's input and
dead-letter queue are ignored, and queues take messages that their policies would refuse.
"""

from collections.abc import Callable, Mapping
from typing import Any

from moto.events.exceptions import ValidationException
from moto.events.models import EventsBackend, Rule

from embedded_aws import event_input
from embedded_aws.errors import AwsError

_PROPERTIES = {
    "Arn",
    "DeadLetterConfig",
    "Id",
    "Input",
    "InputPath",
    "InputTransformer",
    "RetryPolicy",
    "RoleArn",
    "SqsParameters",
}


def apply(send: Callable[[Any, Mapping[str, Any]], None]) -> None:
    """Let rules deliver by `send(rule, event)`; take only targets that it can reach."""
    Rule.send_to_targets = lambda rule, original_event, **_: send(rule, original_event)
    accept = EventsBackend.put_targets

    def put_targets(
        backend: Any, name: str, event_bus_arn: str | None, targets: list[dict[str, Any]]
    ) -> None:
        for target in targets:
            _check(target)
        accept(backend, name, event_bus_arn, targets)

    EventsBackend.put_targets = put_targets


def _check(target: dict[str, Any]) -> None:
    if not (":sqs:" in target["Arn"] or ":function:" in target["Arn"]):
        raise ValidationException(
            "The embedded AWS delivers to SQS queues and Lambda functions only,"
            f" not to {target['Arn']}."
        )
    unknown = sorted(target.keys() - _PROPERTIES)
    if unknown:
        raise ValidationException(
            f"The embedded AWS does not support {', '.join(unknown)} of a target."
        )
    try:
        event_input.check(target)
    except AwsError as err:
        raise ValidationException(err.message) from err
