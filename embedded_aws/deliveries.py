"""How services deliver to queues and functions: only where a resource policy lets them in."""

import json
from typing import Any, Protocol

from moto.awslambda.models import lambda_backends
from moto.sqs.models import sqs_backends

from embedded_aws.errors import AwsError
from embedded_aws.policies import admits
from embedded_aws.settings import Settings


class Invoker(Protocol):
    """What deliveries need of the Lambda runtime."""

    def invoke_async(self, function: str, payload: bytes) -> None:
        """Invoke a function, asynchronously."""


class Deliveries:
    """Deliveries of one service, such as events.amazonaws.com, on behalf of its resources.

    Each raises AwsError RESOURCE_NOT_FOUND or NO_PERMISSIONS, as EventBridge names them.
    """

    def __init__(self, service: str, settings: Settings, functions: Invoker) -> None:
        """Deliver to the settings' region, and to functions through `functions`."""
        self._service = service
        self._region = settings.region
        self._functions = functions

    def check_queue(self, arn: str, source_arn: str) -> None:
        """Make sure that there is a queue, and that it admits the source."""
        queue = self._queues(arn).queues.get(arn.split(":")[5])
        if queue is None:
            raise AwsError("RESOURCE_NOT_FOUND", f"there is no queue {arn}")
        policy = json.loads(queue.policy) if queue.policy else {}
        if not admits(policy.get("Statement", []), self._service, "sqs:SendMessage", source_arn):
            raise AwsError("NO_PERMISSIONS", f"the policy of {arn} does not admit {source_arn}")

    def send(
        self,
        arn: str,
        body: str,
        source_arn: str,
        *,
        group: str | None = None,
        attributes: dict[str, str] | None = None,
    ) -> None:
        """Send a message to a queue."""
        self.check_queue(arn, source_arn)
        self._send(arn, body, attributes, group)

    def send_as_role(self, arn: str, body: str, attributes: dict[str, str] | None = None) -> None:
        """Send a message to a queue on behalf of a role, whose policies were looked at."""
        if self._queues(arn).queues.get(arn.split(":")[5]) is None:
            raise AwsError("RESOURCE_NOT_FOUND", f"there is no queue {arn}")
        self._send(arn, body, attributes)

    def invoke(self, arn: str, payload: str, source_arn: str) -> None:
        """Invoke a function, asynchronously."""
        account = arn.split(":")[4]
        try:
            function = lambda_backends[account][self._region].get_function(arn)
        except Exception as err:
            raise AwsError("RESOURCE_NOT_FOUND", f"there is no function {arn}") from err
        statements = function.policy.statements
        if not admits(statements, self._service, "lambda:InvokeFunction", source_arn):
            raise AwsError("NO_PERMISSIONS", f"the policy of {arn} does not admit {source_arn}")
        self._functions.invoke_async(arn, payload.encode())

    def _send(
        self, arn: str, body: str, attributes: dict[str, str] | None, group: str | None = None
    ) -> None:
        self._queues(arn).send_message(
            arn.split(":")[5],
            body,
            message_attributes={
                key: {"DataType": "String", "StringValue": value}
                for key, value in (attributes or {}).items()
            },
            group_id=group,
        )

    def _queues(self, arn: str) -> Any:
        return sqs_backends[arn.split(":")[4]][self._region]
