"""What processing and training jobs have in common: names, statuses, a thread, a process."""

import copy
import json
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from embedded_aws.errors import AwsError
from embedded_aws.faults import JobFault
from embedded_aws.sagemaker.platform import Platform, for_event, now
from embedded_aws.sagemaker.runtime import Container, Needs, Program
from embedded_aws.sagemaker.storage import StorageError

type Description = dict[str, Any]
type Edit = Callable[[Description], None]

REASON_CHARACTERS = 1024  # DescribeTrainingJob's and DescribeProcessingJob's FailureReason
_CLOSING_GRACE_SECONDS = 1.0
_log = logging.getLogger(__name__)


class JobFailedError(Exception):
    """The job ends as Failed; the message is its FailureReason."""


class Cut(Enum):
    """Why a program was ended before it ended itself."""

    STOPPED = "Stopped"
    MAX_RUNTIME = "MaxRuntimeExceeded"
    MAX_WAIT = "MaxWaitTimeExceeded"
    INTERRUPTED = "Interrupted"


class JobStoppedError(Exception):
    """The job ends as Stopped while no program of it runs."""

    def __init__(self, cut: Cut = Cut.STOPPED) -> None:
        """Keep why."""
        super().__init__(cut.value)
        self.cut = cut


@dataclass(frozen=True)
class Ending:
    """How a job's program ended; `away` is for how long there is no capacity after that."""

    exit_status: int
    cut: Cut | None
    away: float = 0.0


@dataclass(frozen=True)
class JobKind:
    """What sets one kind of job apart."""

    name: str  # as in AWS's field names: "Processing", "Training"
    work: Callable[["Job"], None]
    enter_stopping: Edit
    end_stopped: Callable[[Description, Cut], None]
    end_failed: Callable[[Description, str], None]
    name_in_use: str
    missing: str  # may hold {name}

    @property
    def resource(self) -> str:
        """As in ARNs."""
        return f"{self.name.lower()}-job"


class Job:
    """One job: what Describe tells of it, and the thread that runs it."""

    def __init__(self, kind: JobKind, request: Description, platform: Platform) -> None:
        """Describe the job that a request asks for; it becomes one with `start`."""
        self.kind = kind
        self.platform = platform
        self.request = request
        self.name: str = request[f"{kind.name}JobName"]
        self.arn = platform.arn(kind.resource, self.name)
        self._description = _first_description(kind, request, self.arn)
        self._lock = threading.RLock()
        # Set when the program ends and when somebody wants it to.
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._is_overdue = False
        self._interruption: JobFault | None = None
        self._failure = ""
        self.thread = threading.Thread(target=self._run, name=f"job-{self.name}", daemon=True)

    @property
    def folder(self) -> Path:
        """What stands for the file system of the job's container."""
        jobs = self.platform.settings.state / "jobs"
        return jobs / f"{self.kind.name}Jobs" / self.name

    @property
    def log(self) -> Path:
        """Where the program's output goes."""
        return self.platform.log_file(f"{self.kind.name}Jobs", self.name, "algo-1.log")

    def container(self, image: str, instance_type: str, *, isolated: bool) -> Container:
        """Make the job's container; raises AwsError when there can be none."""
        needs = Needs(instance_type, isolated=isolated)
        return self.platform.runtime.container(self.folder, image, needs)

    def describe(self) -> Description:
        """Tell the job as Describe does."""
        with self._lock:
            return copy.deepcopy(self._description)

    def change(self, edit: Edit) -> None:
        """Change the description, and tell the world when the status is another."""
        with self._lock:
            before = self._statuses()
            edit(self._description)
            self._description["LastModifiedTime"] = now()
            if self._statuses() != before:
                self._announce()

    def start(self) -> None:
        """Tell that there is a new job, and run it."""
        with self._lock:
            self._announce()
        self.thread.start()

    def stop(self) -> None:
        """Stop it as StopProcessingJob and StopTrainingJob do; raises AwsError if it has ended."""
        with self._lock:
            status = self._description[f"{self.kind.name}JobStatus"]
            if status != "InProgress":
                raise AwsError(
                    "ValidationException",
                    f"The request was rejected because the {self.kind.name.lower()} job"
                    f" is in status {status}.",
                )
            self.change(self.kind.enter_stopping)
        self._stopping.set()
        self._woken.set()

    def abandon(self) -> None:
        """Let the thread end and its program with it, because the embedded AWS stops."""
        self._stopping.set()
        self._woken.set()

    def check_stopped(self) -> None:
        """Raise JobStoppedError when the job is to stop."""
        if self._stopping.is_set():
            raise JobStoppedError

    def pause(self, seconds: float) -> None:
        """Wait while nothing runs; raises JobStoppedError when the job is to stop."""
        self._stopping.wait(seconds)
        self.check_stopped()

    def wait_for(self, program: Program, seconds: float, late: Cut = Cut.MAX_RUNTIME) -> Ending:
        """Wait for the job's program; after `seconds`, or when the job is stopped, end it.

        The program gets SIGTERM, and SIGKILL when the grace is over.
        """
        self._interruption = None
        woken = self._woken = threading.Event()
        if self._stopping.is_set():
            woken.set()
        threading.Thread(target=_wake_after, args=[program, woken], daemon=True).start()
        with self.platform.running_jobs.watch(
            self._is_meant, lambda fault: self._suffer(fault, program)
        ):
            in_time = woken.wait(seconds)
        cut = self._cut(None if in_time else late)
        if cut in (Cut.MAX_RUNTIME, Cut.MAX_WAIT):
            self.change(self.kind.enter_stopping)
        status = program.stop(self._grace())
        if self._failure:
            raise JobFailedError(self._failure)
        return Ending(status, cut, self._interruption.away if self._interruption else 0.0)

    def _cut(self, late: Cut | None) -> Cut | None:
        """Say why the program is to end, if it has not ended by itself."""
        if self._stopping.is_set():
            return Cut.STOPPED
        if self._interruption:
            return Cut.INTERRUPTED
        return Cut.MAX_RUNTIME if self._is_overdue else late

    def _grace(self) -> float:
        if self.platform.closing.is_set():
            return _CLOSING_GRACE_SECONDS
        if self._interruption and self._interruption.grace is not None:
            return self._interruption.grace
        return self.platform.limits.stop_grace

    def _is_meant(self, fault: JobFault) -> bool:
        if fault.then == "interrupted" and not self.request.get("EnableManagedSpotTraining"):
            return False
        if not fault.match:
            return fault.job in self.name
        request = json.dumps(self.request, ensure_ascii=False, default=str)
        return fault.job in self.name and fault.match in request

    def _suffer(self, fault: JobFault, program: Program) -> None:
        """Let a fault strike the job's program, or what waits for it."""
        if fault.then == "stopped":
            with suppress(AwsError):  # somebody stops it already
                self.stop()
        elif fault.then == "timed_out":
            self._is_overdue = True
            self._woken.set()
        elif fault.then == "interrupted":
            if not program.has_ended():
                self._interruption = fault
                self._woken.set()
        else:
            self._failure = fault.reason
            program.kill()

    def _run(self) -> None:
        group = f"/aws/sagemaker/{self.kind.name}Jobs"
        with self.platform.logs.following(self.log, group, f"{self.name}/algo-1-{{at}}"):
            self._work()

    def _work(self) -> None:
        try:
            self.kind.work(self)
        except JobStoppedError as stopped:
            cut = stopped.cut
            self.change(lambda job: self.kind.end_stopped(job, cut))
        except JobFailedError as failure:
            self._fail(str(failure))
        except StorageError as err:
            self._fail(f"ClientError: {err}")
        except AwsError as err:
            self._fail(f"ClientError: {err.message}")
        except Exception:  # noqa: BLE001  a job whose thread died would never end
            if not self.platform.closing.is_set():
                _log.exception("job %s", self.name)
            self._fail("InternalServerError: We encountered an internal error. Please try again.")

    def _fail(self, reason: str) -> None:
        self.change(lambda job: self.kind.end_failed(job, reason[:REASON_CHARACTERS]))

    def _statuses(self) -> Sequence[Any]:
        return [
            self._description[f"{self.kind.name}JobStatus"],
            self._description.get("SecondaryStatus"),
        ]

    def _announce(self) -> None:
        detail = {**for_event(self._description), "Tags": self.platform.tags.of(self.arn)}
        self.platform.announce(f"SageMaker {self.kind.name} Job State Change", detail, self.arn)


class Jobs:
    """All jobs of one kind; thread safe. A name is never free again."""

    def __init__(self, kind: JobKind, platform: Platform) -> None:
        """Start with none."""
        self._kind = kind
        self._platform = platform
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}

    def create(self, request: Description) -> Job:
        """Start a job; raises AwsError ResourceInUse when there ever was one of that name."""
        job = Job(self._kind, request, self._platform)
        with self._lock:
            if job.arn in self._jobs:
                raise AwsError("ResourceInUse", f"{self._kind.name_in_use} ({job.arn})")
            self._jobs[job.arn] = job
            self._platform.tags.start(job.arn, request.get("Tags"))
        job.start()
        return job

    def get(self, name: str) -> Job:
        """Find a job; raises AwsError ValidationException."""
        with self._lock:
            job = self._jobs.get(self._platform.arn(self._kind.resource, name))
        if job is None:
            raise AwsError("ValidationException", self._kind.missing.format(name=name))
        return job

    def all(self) -> list[Job]:
        """List the jobs, oldest first."""
        with self._lock:
            return list(self._jobs.values())


def _wake_after(program: Program, woken: threading.Event) -> None:
    program.wait()
    woken.set()


def _first_description(kind: JobKind, request: Description, arn: str) -> Description:
    created = now()
    asked = {name: value for name, value in request.items() if name != "Tags"}
    return {
        **copy.deepcopy(asked),
        f"{kind.name}JobArn": arn,
        f"{kind.name}JobStatus": "InProgress",
        "CreationTime": created,
        "LastModifiedTime": created,
    }
