"""All endpoints, by name; names differ in more than case."""

import threading
from collections.abc import Mapping
from typing import Any

from embedded_aws.errors import AwsError
from embedded_aws.sagemaker.endpoint import Endpoint, Update, not_found
from embedded_aws.sagemaker.endpoint_configs import Variant
from embedded_aws.sagemaker.fleet import Fleet
from embedded_aws.sagemaker.forcing import Order, Plan
from embedded_aws.sagemaker.guardrails import Guardrails
from embedded_aws.sagemaker.invocation import Answer, Invocation
from embedded_aws.sagemaker.invocation_metrics import InvocationMetrics
from embedded_aws.sagemaker.platform import Platform


class Endpoints:
    """The endpoints that there are; thread safe."""

    def __init__(self, platform: Platform) -> None:
        """Start with none."""
        self._platform = platform
        self._metrics = InvocationMetrics(platform.cloudwatch, platform.closing)
        self._lock = threading.Lock()
        self._endpoints: dict[str, Endpoint] = {}
        self._plans: dict[str, Plan] = {}

    def create(
        self,
        name: str,
        variant: Variant,
        deployment: Mapping[str, Any] | None,
        tags: list[dict[str, str]] | None,
    ) -> str:
        """Begin to create an endpoint; return its ARN. Raises AwsError when there is one."""
        if deployment:
            Guardrails.read(deployment, variant, self._platform.cloudwatch.alarm_state)
        endpoint = Endpoint(
            name, variant.config, self._platform, lambda variant: self._fleet(name, variant)
        )
        with self._lock:
            if endpoint.arn in self._endpoints:
                message = f'Cannot create already existing endpoint "{endpoint.arn}".'
                raise AwsError("ValidationException", message)
            self._endpoints[endpoint.arn] = endpoint
            self._platform.tags.start(endpoint.arn, tags)
        endpoint.create(variant, deployment, self._take_plan(endpoint.arn))
        return endpoint.arn

    def update(self, name: str, variant: Variant, asked: Update) -> str:
        """Begin to update an endpoint; return its ARN. Raises AwsError when that cannot be."""
        endpoint = self.get(name)
        endpoint.update(variant, asked, lambda: self._take_plan(endpoint.arn))
        return endpoint.arn

    def get(self, name: str) -> Endpoint:
        """Find an endpoint; raises AwsError with the message that names its ARN."""
        arn = self._platform.arn("endpoint", name)
        with self._lock:
            endpoint = self._endpoints.get(arn)
        if endpoint is None:
            raise AwsError("ValidationException", f'Could not find endpoint "{arn}".')
        return endpoint

    def delete(self, name: str) -> None:
        """Begin to delete an endpoint."""
        endpoint = self.get(name)
        endpoint.delete(lambda: self._take_plan(endpoint.arn), lambda: self._forget(endpoint))

    def invoke(self, name: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Answer InvokeEndpoint."""
        invocation = Invocation.read(name, body, headers)
        with self._lock:
            endpoint = self._endpoints.get(self._platform.arn("endpoint", name))
        if endpoint is None:
            raise not_found(name, self._platform)
        return endpoint.invoke(invocation)

    def all(self) -> list[Endpoint]:
        """List the endpoints, oldest first."""
        with self._lock:
            return list(self._endpoints.values())

    def force(self, document: Any) -> None:
        """Do what a document of `forcing.py` asks for; raises AwsError when that cannot be."""
        order = Order.read(document)
        if order.status:
            self.get(order.name).force(order.status, order.plan)
        else:
            with self._lock:
                self._plans[self._platform.arn("endpoint", order.name)] = order.plan

    def forced(self) -> dict[str, Any]:
        """Tell the status of every endpoint, and what is planned for which, by name."""
        statuses = {each.name: each.describe()["EndpointStatus"] for each in self.all()}
        with self._lock:
            plans = {
                arn.rpartition("/")[2]: {"next": plan.outcome, "seconds": plan.seconds}
                for arn, plan in self._plans.items()
            }
        return {"statuses": statuses, "planned": plans}

    def forget_plans(self) -> None:
        """Drop what is planned."""
        with self._lock:
            self._plans.clear()

    def _fleet(self, endpoint: str, variant: Variant) -> Fleet:
        return Fleet(endpoint, variant, self._platform, self._metrics)

    def _take_plan(self, arn: str) -> Plan:
        with self._lock:
            return self._plans.pop(arn, Plan())

    def _forget(self, endpoint: Endpoint) -> None:
        with self._lock:
            del self._endpoints[endpoint.arn]
        self._platform.tags.forget(endpoint.arn)
