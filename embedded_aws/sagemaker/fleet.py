"""What serves one config of an endpoint: a chain of containers, and the requests in it."""

import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from embedded_aws.errors import AwsError
from embedded_aws.sagemaker.endpoint_configs import Variant
from embedded_aws.sagemaker.invocation import Answer, Invocation
from embedded_aws.sagemaker.invocation_metrics import InvocationMetrics, Invoked, Served
from embedded_aws.sagemaker.platform import Platform
from embedded_aws.sagemaker.serving import NotServingError, ServingContainer

_UNAVAILABLE = 503


class Fleet:
    """The containers of one variant; thread safe once it is started."""

    def __init__(
        self,
        endpoint: str,
        variant: Variant,
        platform: Platform,
        metrics: InvocationMetrics,
    ) -> None:
        """Choose folders and logs; `start` starts it."""
        self.variant = variant
        self._platform = platform
        self._metrics = metrics
        self._served = Served(endpoint, variant.name, variant.config)
        name = f"{variant.name}-{secrets.token_hex(4)}"
        self._folder = platform.settings.state / "endpoints" / endpoint / name
        logs = [
            platform.log_file("Endpoints", endpoint, f"{name}-{spec.name}.log")
            for spec in variant.containers
        ]
        self._logs = logs
        self._instance = f"{variant.name}/i-{secrets.token_hex(8)}"
        self._containers = [
            ServingContainer(
                spec, variant.needs, self._served, self._folder, log, platform=platform
            )
            for spec, log in zip(variant.containers, logs, strict=True)
        ]
        self._inside = 0
        self._changed = threading.Condition()

    def start(self) -> None:
        """Start every container and wait until all are healthy; raises NotServingError.

        The message is what DescribeEndpoint is to say as FailureReason.
        """
        group = f"/aws/sagemaker/Endpoints/{self._served.endpoint}"
        for spec, path in zip(self.variant.containers, self._logs, strict=True):
            # A pipeline's containers have a stream each.
            stream = self._instance if spec.place is None else f"{self._instance}/{spec.name}"
            self._platform.logs.follow(path, group, stream)
        for container in self._containers:
            container.launch()
        deadline = time.monotonic() + self.variant.startup_seconds
        for container in self._containers:
            try:
                container.wait_until_healthy(deadline)
            except NotServingError as err:
                raise NotServingError(
                    f"The {container.spec.name} container for production variant"
                    f" {self.variant.name} did not pass the ping health check."
                    " Please check CloudWatch logs for this endpoint."
                ) from err

    def enter(self) -> None:
        """Count a request in; raises AwsError when a serverless variant has its fill."""
        with self._changed:
            most = self.variant.max_concurrency
            if most is not None and self._inside >= most:
                # API reference, "Common Error Types"; clients report that there is no message.
                raise AwsError("ThrottlingException", "")
            self._inside += 1

    def invoke(self, invocation: Invocation) -> Answer:
        """Answer a request that has entered, and count it out."""
        with self._leaving():
            invocation.check(self.variant.name, self.variant.max_body_bytes)
            asked = invocation.choose(self._containers, is_direct=self.variant.is_direct)
            begun = time.perf_counter()
            try:
                answer = invocation.forward(asked, self.variant.name, self._platform.settings)
            except AwsError as err:
                latency = time.perf_counter() - begun
                self._metrics.count(self._served, Invoked(err.status, latency))
                raise
            self._metrics.count(self._served, self._invoked(answer, invocation.received))
            return answer

    def drain(self, seconds: float) -> None:
        """Wait until no request is inside, or until `seconds` are over."""
        with self._changed:
            self._changed.wait_for(lambda: self._inside == 0, seconds)

    def stop(self) -> None:
        """Stop the containers and remove their files."""
        for container in self._containers:
            container.stop()
        for path in self._logs:
            self._platform.logs.finish(path)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _invoked(self, answer: Answer, received: float) -> Invoked:
        passage = answer.passage
        latency = sum(seconds for _, seconds in passage.seconds)
        overhead = time.perf_counter() - received - latency
        # An answer that did not come counts as the container's failure.
        status = passage.reply.status or _UNAVAILABLE
        each = passage.seconds if len(self._containers) > 1 else ()
        return Invoked(status, latency, overhead, each)

    @contextmanager
    def _leaving(self) -> Iterator[None]:
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()
