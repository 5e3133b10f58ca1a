"""Gap: schedules never fire, and any text inside `cron(...)` or `rate(...)` is taken for one.

Firing is done by `embedded_aws.schedules`.
"""

from typing import Any

from moto.events.exceptions import ValidationException
from moto.events.models import EventsBackend

from embedded_aws import schedule_expressions
from embedded_aws.errors import AwsError


def apply() -> None:
    """Refuse expressions that EventBridge refuses, or that we would not fire."""
    put = EventsBackend.put_rule

    def put_rule(backend: Any, name: str, **given: Any) -> Any:
        expression = given.get("scheduled_expression")
        if expression:
            try:
                schedule_expressions.read(expression)
            except AwsError as err:
                raise ValidationException(err.message) from err
        return put(backend, name, **given)

    EventsBackend.put_rule = put_rule
