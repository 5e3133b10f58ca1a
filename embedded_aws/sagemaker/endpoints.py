"""All endpoints, by name; names differ in more than case."""

import threading
from collections.abc import Mapping

from embedded_aws.errors import AwsError
from embedded_aws.sagemaker.endpoint import Endpoint, not_found
from embedded_aws.sagemaker.endpoint_configs import Variant
from embedded_aws.sagemaker.invocation import Answer, Invocation
from embedded_aws.sagemaker.platform import Platform
from embedded_aws.sagemaker.ports import Ports


class Endpoints:
    """The endpoints that there are; thread safe."""

    def __init__(self, platform: Platform) -> None:
        """Start with none."""
        self._platform = platform
        self._ports = Ports()
        self._lock = threading.Lock()
        self._endpoints: dict[str, Endpoint] = {}

    def create(self, name: str, variant: Variant, tags: list[dict[str, str]] | None) -> str:
        """Begin to create an endpoint; return its ARN. Raises AwsError when there is one."""
        endpoint = Endpoint(name, variant.config, self._platform, self._ports)
        with self._lock:
            if endpoint.arn in self._endpoints:
                message = f'Cannot create already existing endpoint "{endpoint.arn}".'
                raise AwsError("ValidationException", message)
            self._endpoints[endpoint.arn] = endpoint
            self._platform.tags.start(endpoint.arn, tags)
        endpoint.create(variant)
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
        endpoint.delete(lambda: self._forget(endpoint))

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

    def _forget(self, endpoint: Endpoint) -> None:
        with self._lock:
            del self._endpoints[endpoint.arn]
        self._platform.tags.forget(endpoint.arn)
