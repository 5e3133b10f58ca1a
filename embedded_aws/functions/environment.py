"""An execution environment: one function's process, used for one invocation at a time."""

import datetime as dt
import math
import secrets
import shutil
import signal
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from embedded_aws.cloudwatch import CloudWatch
from embedded_aws.errors import AwsError
from embedded_aws.functions import embedded_metrics, outcomes
from embedded_aws.functions.code import CodeStore, python_paths
from embedded_aws.functions.interruptions import Flight, Interruptions
from embedded_aws.functions.logs import LogStream
from embedded_aws.functions.outcomes import Outcome
from embedded_aws.functions.process import RuntimeProcess
from embedded_aws.functions.records import RUNTIME, FunctionRecord
from embedded_aws.functions.runtime_api import (
    Answered,
    Event,
    Exited,
    InitFailed,
    Ready,
    TimedOut,
    Work,
)
from embedded_aws.functions.runtime_folder import Runtime
from embedded_aws.processes import Children
from embedded_aws.settings import Settings

_INIT_START = f"INIT_START Runtime Version: {RUNTIME} {sys.version.split()[0]}"
_INIT_SECONDS = 10.0  # Lambda's limit for the Init phase
# The only limit that works without root is on the address space, and an interpreter with a few
# threads maps far more than it uses: this much is left to it on top of the function's memory.
_ADDRESS_SPACE_SPARE_MIB = 2048


@dataclass(frozen=True)
class Invocation:
    """Lambda's answer to Invoke. `function_error` is "Unhandled" or None."""

    payload: bytes
    function_error: str | None
    log_tail: str


@dataclass(frozen=True)
class Platform:
    """What all environments share."""

    settings: Settings
    children: Children
    runtime: Runtime
    code: CodeStore
    interruptions: Interruptions
    cloudwatch: CloudWatch

    @property
    def environments(self) -> Path:
        """Where each environment has a folder while it lives."""
        return self.settings.state / "functions" / "environments"


class Environment:
    """Its process starts with the first invocation or ahead of it, and is kept for further ones."""

    def __init__(self, record: FunctionRecord, platform: Platform) -> None:
        """Unpack the code and the layers; raises AwsError when they are no zip files."""
        self.record = record
        self._platform = platform
        self._task_root = platform.code.unpack(record.code)
        # Lambda lays the layers over each other in one folder: the last one wins.
        self._layers = [platform.code.unpack(layer) for layer in reversed(record.layers)]
        self._log = LogStream(platform.settings.state / "logs", record.name, record.version)
        identity = uuid.uuid4().hex
        self._access_key = f"{record.name}.{identity}"
        self._folder = platform.environments / identity
        self._folder.mkdir(parents=True)
        self._process: RuntimeProcess | None = None
        self._stopped = False

    @property
    def usable(self) -> bool:
        """Whether the process waits for a further invocation."""
        return self._process is not None and self._process.running

    def initialise(self) -> None:
        """Start the process before anybody asks; the first invocation waits for what is left."""
        self._log.write(_INIT_START)
        self._process = self._start_process()

    def stop(self) -> None:
        """End the process, also in mid-invocation, and remove its files; the log stays."""
        self._stopped = True
        self._end_process()
        shutil.rmtree(self._folder, ignore_errors=True)

    def invoke(self, payload: bytes, request_id: str) -> Invocation:
        """Run the handler once and say how that ended."""
        warm = self._process is not None
        start_of_log = self._log.end() if warm else 0
        init_ms = None
        failure: Event | None = None
        if not warm:
            began = time.monotonic()
            self._log.write(_INIT_START)
            failure = self._make_ready(_INIT_SECONDS, "init")
            init_ms = (time.monotonic() - began) * 1000
        self._log.write(f"START RequestId: {request_id} Version: {self.record.version}")
        began = time.monotonic()
        if warm or failure:
            # Lambda initialises once more, now within the function's own timeout.
            failure = self._make_ready(self.record.timeout_seconds, "invoke")
        if warm and isinstance(failure, Exited):
            # It ended after its last answer, for which this invocation is not to pay.
            failure = self._make_ready(self.record.timeout_seconds, "invoke")
        event = failure or self._handle(request_id, payload, began)
        if isinstance(event, Answered) and event.outcome.error == "MemoryError":
            # Here the address space is limited; Lambda limits memory, and kills who needs more.
            event = Exited(-signal.SIGKILL)
        outcome = self._outcome(request_id, event)
        report = _Report(request_id, (time.monotonic() - began) * 1000, init_ms, outcome.error)
        self._log_end(report)
        if not isinstance(event, Answered):
            self._end_process()
        embedded_metrics.keep(self._log.since(start_of_log), self._platform.cloudwatch)
        function_error = "Unhandled" if outcome.error else None
        return Invocation(outcome.payload, function_error, self._log.tail(start_of_log))

    def _make_ready(self, seconds: float, phase: str) -> Event | None:
        """Wait until the process asks for work; give what happened instead, if anything."""
        began = time.monotonic()
        process = self._process or self._start_process()
        self._process = process
        event = process.next_event(seconds)
        if isinstance(event, Ready):
            return None
        self._log.write(
            f"INIT_REPORT Init Duration: {(time.monotonic() - began) * 1000:.2f} ms\t"
            f"Phase: {phase}\tStatus: {'timeout' if isinstance(event, TimedOut) else 'error'}"
        )
        self._end_process()
        return event

    def _handle(self, request_id: str, payload: bytes, began: float) -> Event:
        process = self._process
        if process is None:
            raise _stopping()
        left = self.record.timeout_seconds - (time.monotonic() - began)
        trace = f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"
        work = Work(
            request_id=request_id,
            payload=payload,
            deadline_ms=int((time.time() + left) * 1000),
            function_arn=self.record.arn,
            trace_id=f"{trace};Parent={secrets.token_hex(8)};Sampled=0",
        )
        flight = Flight(self._access_key, self.record.name, payload, process)
        with self._platform.interruptions.watch(flight):
            process.give(work)
            return process.next_event(left)

    def _outcome(self, request_id: str, event: Event) -> Outcome:
        match event:
            case Answered(outcome) | InitFailed(outcome):
                return outcome
            case Exited(code):
                outcome = outcomes.exited(request_id, code)
                reason = outcome.payload.decode()
                self._log.write(f"RequestId: {request_id} {reason}")
                return outcome
            case _:
                seconds = self.record.timeout_seconds
                now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
                self._log.write(f"{now} {request_id} Task timed out after {seconds}.00 seconds")
                return outcomes.timed_out(request_id, seconds)

    def _log_end(self, report: "_Report") -> None:
        self._log.write(f"END RequestId: {report.request_id}")
        process = self._process
        used = process.max_memory_mib() if process else None
        self._log.write(report.line(self.record.memory_mib, used))

    def _start_process(self) -> RuntimeProcess:
        if self._stopped:
            raise _stopping()
        limit = (self.record.memory_mib + _ADDRESS_SPACE_SPARE_MIB) * 1024 * 1024
        return RuntimeProcess(
            self._platform.children,
            [*self._platform.runtime.command, self.record.handler],
            environment=self._variables(),
            folder=self._task_root,
            output=self._log.path,
            memory_bytes=limit,
        )

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if process:
            process.stop()

    def _variables(self) -> dict[str, str]:
        """Lambda's "Defined runtime environment variables", then the function's own."""
        settings = self._platform.settings
        layer_paths = [path for layer in self._layers for path in python_paths(layer)]
        programs = [layer / "bin" for layer in self._layers]
        path = [self._platform.runtime.folder / "bin", *programs]
        return {
            "AWS_ACCESS_KEY_ID": self._access_key,
            "AWS_SECRET_ACCESS_KEY": "embedded",
            "AWS_SESSION_TOKEN": "embedded",
            "AWS_REGION": settings.region,
            "AWS_DEFAULT_REGION": settings.region,
            "AWS_ENDPOINT_URL": settings.endpoint_url,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{RUNTIME}",
            "AWS_LAMBDA_FUNCTION_NAME": self.record.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.record.memory_mib),
            "AWS_LAMBDA_FUNCTION_VERSION": self.record.version,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": self._log.group,
            "AWS_LAMBDA_LOG_STREAM_NAME": self._log.name,
            "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
            "LAMBDA_RUNTIME_DIR": str(self._platform.runtime.folder),
            "LAMBDA_TASK_ROOT": str(self._task_root),
            "LANG": "en_US.UTF-8",
            "PATH": ":".join([*map(str, path), "/usr/local/bin", "/usr/bin", "/bin"]),
            "PYTHONPATH": ":".join(map(str, [self._task_root, *layer_paths])),
            "TZ": ":UTC",
            "_HANDLER": self.record.handler,
            # Not Lambda's: there the process has a machine of its own, here it must not find the
            # user's files, such as ~/.aws/config, or share temporary ones.
            "HOME": str(self._folder),
            "TMPDIR": str(self._folder),
            **dict(self.record.variables),
        }


def _stopping() -> AwsError:
    return AwsError("ServiceException", "the embedded AWS is stopping", 500)


@dataclass(frozen=True)
class _Report:
    request_id: str
    duration_ms: float
    init_ms: float | None
    error: str | None

    def line(self, memory_mib: int, used_mib: int | None) -> str:
        """The REPORT line; initialisation is billed too."""
        parts = [
            f"REPORT RequestId: {self.request_id}",
            f"Duration: {self.duration_ms:.2f} ms",
            f"Billed Duration: {math.ceil(self.duration_ms + (self.init_ms or 0))} ms",
            f"Memory Size: {memory_mib} MB",
        ]
        if used_mib is not None:
            parts.append(f"Max Memory Used: {used_mib} MB")
        if self.init_ms is not None:
            parts.append(f"Init Duration: {self.init_ms:.2f} ms")
        if self.error == "Sandbox.Timedout":
            parts.append("Status: timeout")
        elif self.error:
            parts.append(f"Status: error\tError Type: {self.error}")
        return "\t".join(parts) + "\t"
