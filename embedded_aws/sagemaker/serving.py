"""One serving container: its process, its health, its restarts, and calls to it.

Source: developer guide, "Use your own inference code with hosting services".
"""

import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from embedded_aws.errors import AwsError
from embedded_aws.faults import EndpointFault
from embedded_aws.sagemaker.archive import ArchiveError, unpack
from embedded_aws.sagemaker.connections import (
    Connections,
    NoAnswerError,
    Reply,
    UnreachableError,
)
from embedded_aws.sagemaker.invocation_metrics import Served
from embedded_aws.sagemaker.models import ContainerSpec
from embedded_aws.sagemaker.platform import Platform
from embedded_aws.sagemaker.runtime import CannotStartError, Container, Needs, Program, inside
from embedded_aws.sagemaker.storage import StorageError

_MODEL = "/opt/ml/model"
_CLOSING_GRACE_SECONDS = 1.0
_HEALTHY = 200
_log = logging.getLogger(__name__)


class NotServingError(Exception):
    """The container did not come up; the message says why, for the endpoint's FailureReason."""


class ServingContainer:
    """A container that serves until it is stopped; started again when its process dies."""

    def __init__(  # noqa: PLR0913 - the parts are what they are
        self,
        spec: ContainerSpec,
        needs: Needs,
        served: Served,
        folder: Path,
        log: Path,
        *,
        platform: Platform,
    ) -> None:
        """Choose; nothing runs before `launch`."""
        self.spec = spec
        self._needs = needs
        self._served = served
        self._folder = folder
        self._log_file = log
        self._platform = platform
        self._connections: Connections | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._restarts = True
        self._container: Container | None = None
        self._program: Program | None = None

    def launch(self) -> None:
        """Fetch the model and start the program; raises NotServingError."""
        self._container = self._platform.runtime.container(
            self._folder / self.spec.name, self.spec.image, self._needs, self.spec.place
        )
        self._fetch_model(self._container)
        try:
            self._start(self._container)
        except (CannotStartError, OSError) as err:
            self._log_file.write_text(f"{err}\n")
            raise NotServingError(str(err)) from err

    def wait_until_healthy(self, deadline: float) -> None:
        """Wait for /ping to answer 200; raises NotServingError at `deadline` (monotonic).

        A program that has ended is not waited for.
        """
        while time.monotonic() < deadline:
            if self._program is None or self._program.has_ended():
                raise NotServingError("the program has ended")
            if self._answers_ping():
                threading.Thread(target=self._keep_running, daemon=True).start()
                return
            if self._stopping.wait(self._platform.limits.ping_interval):
                raise NotServingError("the endpoint is being stopped")
        raise NotServingError("/ping did not answer 200 in time")

    def invoke(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Pass on an invocation; raises UnreachableError or NoAnswerError."""
        if self._connections is None:
            raise UnreachableError("it was not started")
        seconds = self._platform.limits.invocation
        return self._connections.call("POST", "/invocations", headers, body, seconds)

    def stop(self) -> None:
        """End the program, with SageMaker's grace, and remove the container."""
        self._stopping.set()
        closing = self._platform.closing.is_set()
        grace = _CLOSING_GRACE_SECONDS if closing else self._platform.limits.serving_grace
        with self._lock:
            if self._program:
                self._program.stop(grace)
        if self._connections:
            self._connections.close()
        if self._container:
            self._container.remove()

    def _fetch_model(self, container: Container) -> None:
        model = inside(container.root, _MODEL)
        model.mkdir()
        uri = self.spec.model_data
        if uri is None:
            return
        archive = container.root / "model.tar.gz"
        try:
            self._platform.storage.download_file(uri, archive)
            unpack(archive, model)
        except StorageError as err:
            raise NotServingError(
                f'Failed to download model data for container "{self.spec.name}" from URL:'
                f' "{uri}". Please ensure that there is an object located at the URL and that the'
                " role passed to CreateModel has permissions to download the object."
            ) from err
        except ArchiveError as err:
            raise NotServingError(
                f'Failed to extract model data archive for container "{self.spec.name}" from URL:'
                f' "{uri}": {err}'
            ) from err
        finally:
            archive.unlink(missing_ok=True)

    def _start(self, container: Container) -> None:
        with self._lock:
            if self._stopping.is_set():
                return
            self._program = container.serve(self.spec.environment, self._log_file)
            # A program that was started again may be at another address.
            host, port = container.address
            if self._connections is None or self._connections.address != (host, port):
                self._connections = Connections(host, port)

    def _answers_ping(self) -> bool:
        if self._connections is None:
            return False
        try:
            reply = self._connections.call("GET", "/ping", {}, b"", self._platform.limits.ping)
        except (UnreachableError, NoAnswerError):
            return False
        return reply.status == _HEALTHY

    def _is_meant(self, fault: EndpointFault) -> bool:
        return fault.endpoint in self._served.endpoint and fault.match in self._served.config

    def _suffer(self, fault: EndpointFault) -> None:
        """Let a fault kill the program."""
        self._restarts = fault.restarts
        if self._program:
            self._program.kill()

    def _keep_running(self) -> None:
        limits = self._platform.limits
        delay = limits.restart_delay
        while self._program and self._container:
            started = time.monotonic()
            with self._platform.running_containers.watch(self._is_meant, self._suffer):
                self._program.wait()
            if self._stopping.is_set() or not self._restarts:
                return
            # What it leaves running may hold the port.
            status = self._program.stop(0)
            if time.monotonic() - started > limits.longest_restart_delay:
                delay = limits.restart_delay
            name = f"{self._folder.name}, {self.spec.name}"
            _log.warning("%s: the program ended with status %s; again in %s s", name, status, delay)
            if self._stopping.wait(delay):
                return
            delay = min(delay * 2, limits.longest_restart_delay)
            try:
                self._start(self._container)
            except (CannotStartError, AwsError, OSError, RuntimeError) as err:
                _log.warning("%s: %s", name, err)
