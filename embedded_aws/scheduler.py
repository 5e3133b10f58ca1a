"""EventBridge Scheduler: what schedules send to their targets, as the roles that they name.

Targets are SQS queues. A role's own policies count, as far as they need no condition; what cannot
be delivered goes to the schedule's dead-letter queue. Nothing is tried again: nothing throttles.
Sources: EventBridge Scheduler user guide, "Adding context attributes" and "Configuring a
dead-letter queue".
"""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

from moto.iam.models import iam_backends
from moto.scheduler.models import scheduler_backends

from embedded_aws.deliveries import Deliveries, Invoker
from embedded_aws.errors import AwsError
from embedded_aws.policies import admits, allows
from embedded_aws.schedules import Timed
from embedded_aws.settings import Settings

SERVICE = "scheduler.amazonaws.com"
_log = logging.getLogger(__name__)


class Scheduler:
    """The schedules of the settings' account and region."""

    def __init__(self, settings: Settings, functions: Invoker) -> None:
        """Use moto's records of them."""
        self._settings = settings
        self._deliveries = Deliveries(SERVICE, settings, functions)

    def schedules(self) -> list[Timed]:
        """List all schedules, each by the name `group/name`."""
        groups = scheduler_backends[self._settings.account][self._settings.region].schedule_groups
        found = [one for group in list(groups.values()) for one in list(group.schedules.values())]
        return [
            Timed(
                kind="schedule",
                name=f"{one.group_name}/{one.name}",
                arn=one.arn,
                expression=one.schedule_expression,
                timezone=one.schedule_expression_timezone,
                state=one.state,
                targets=(one.target["Arn"],),
                version=one.target,  # UpdateSchedule gives it another
                fire=partial(self._send, one),
            )
            for one in found
        ]

    def _send(self, schedule: Any, planned: datetime) -> None:
        execution = str(uuid4())
        context = {
            "<aws.scheduler.schedule-arn>": schedule.arn,
            "<aws.scheduler.scheduled-time>": f"{planned.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "<aws.scheduler.execution-id>": execution,
            "<aws.scheduler.attempt-number>": "1",
        }
        body = schedule.target.get("Input", "{}")
        for name, value in context.items():
            body = body.replace(name, value)
        target = schedule.target["Arn"]
        try:
            self._check_role(schedule, target)
            self._deliveries.send_as_role(target, body)
        except AwsError as failure:
            _log.warning("schedule %s could not reach %s: %s", schedule.name, target, failure)
            attributes = {
                "ERROR_CODE": failure.code,
                "ERROR_MESSAGE": failure.message,
                "EXECUTION_ID": execution,
                "RETRY_ATTEMPTS": "0",
                "SCHEDULE_ARN": schedule.arn,
                "TARGET_ARN": target,
            }
            self._bury(schedule, body, attributes)

    def _bury(self, schedule: Any, body: str, attributes: dict[str, str]) -> None:
        queue = schedule.target.get("DeadLetterConfig", {}).get("Arn")
        if queue is None:
            return
        try:
            self._check_role(schedule, queue)
            self._deliveries.send_as_role(queue, body, attributes)
        except AwsError as lost:
            _log.warning("schedule %s could not reach its dead letters: %s", schedule.name, lost)

    def _check_role(self, schedule: Any, queue: str) -> None:
        """Make sure that the schedule's role may send to a queue."""
        role = role_of(self._settings.account, schedule.target["RoleArn"])
        check_trust(role, schedule.arn)
        if not allows(list(_statements(role)), "sqs:SendMessage", queue):
            message = f"the role {role.name} may not send to {queue}"
            raise AwsError("NO_PERMISSIONS", message)


def role_of(account: str, arn: str) -> Any:
    """Find a role, or raise AwsError."""
    backend = iam_backends[account]["global"]
    role = next((one for one in backend.roles.values() if one.arn == arn), None)
    if role is None:
        raise AwsError("ValidationException", f"The execution role {arn} does not exist.")
    return role


def check_trust(role: Any, schedule_arn: str) -> None:
    """Make sure that Scheduler may assume a role for a schedule, which it does for its group."""
    group = schedule_arn.replace(":schedule/", ":schedule-group/").rpartition("/")[0]
    statements = json.loads(role.assume_role_policy_document).get("Statement", [])
    if not admits(statements, SERVICE, "sts:AssumeRole", group):
        what = "allow AWS EventBridge Scheduler to assume the role"
        raise AwsError("ValidationException", f"The execution role you provide must {what}.")


def _statements(role: Any) -> Iterator[dict[str, Any]]:
    documents = [*role.policies.values(), *(one.document for one in role.managed_policies.values())]
    for document in documents:
        found = json.loads(document) if isinstance(document, str) else document
        statements = found["Statement"]
        yield from statements if isinstance(statements, list) else [statements]
