"""One run of a job: its script, called as Glue calls it, in what stands for Glue's own image.

Python runs the script with the job's and the run's arguments as `--name value`, and
`--JOB_NAME`, `--JOB_ID` and `--JOB_RUN_ID`; `--extra-py-files` lie beside it. The image is
`aws-glue:<GlueVersion>`, which stands for a Python with PySpark. One process is all workers.
"""

import logging
import shutil
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from embedded_aws.errors import AwsError
from embedded_aws.sagemaker.log_streams import LogStreams
from embedded_aws.sagemaker.runtime import (
    CannotStartError,
    Command,
    Container,
    Needs,
    Program,
    Runtime,
    inside,
)
from embedded_aws.sagemaker.storage import Location, Storage, StorageError
from embedded_aws.settings import Settings

_FOLDER = "/opt/ml/glue"
# Its group `output` has what scripts print, `error` what Glue itself has to say.
_LOGS = "/aws-glue/jobs"
_PY_FILES = "--extra-py-files"
_SCRIPT = "--scriptLocation"
# For Glue's launcher, not for the script.
_LAUNCHERS = {_PY_FILES, _SCRIPT}
# These change what runs in a way that is not done here.
_REFUSED = {
    "--additional-python-modules",
    "--extra-files",
    "--extra-jars",
    "--job-bookmark-option",
    "--class",
    "--conf",
}
_GRACE_SECONDS = 10.0
_LOOK_SECONDS = 0.05
_LONGEST_MESSAGE = 1_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Surroundings:
    """What a run needs of the embedded AWS."""

    settings: Settings
    runtime: Runtime
    storage: Storage
    emit: Callable[[str, str, dict[str, Any], list[str]], None]
    logs: LogStreams


class _FailedError(Exception):
    """The run ends as FAILED; the message is its ErrorMessage."""


class Run:
    """A run, and the thread that it runs in."""

    def __init__(
        self, job: dict[str, Any], request: dict[str, Any], surroundings: Surroundings
    ) -> None:
        """Describe it; raises AwsError NotImplemented for arguments that are not done here."""
        self._job = job
        self._surroundings = surroundings
        self._arguments = {**job.get("DefaultArguments", {}), **request.get("Arguments", {})}
        refused = sorted(_REFUSED & self._arguments.keys())
        if refused:
            message = f"The embedded AWS's Glue does not support the arguments {refused}."
            raise AwsError("NotImplemented", message, 501)
        at = _now()
        self.id = f"jr_{time.time_ns():x}"
        self._minutes = request.get("Timeout", job["Timeout"])
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"glue-{self.id}", daemon=True)
        self._description: dict[str, Any] = {
            "Id": self.id,
            "Attempt": 0,
            "JobName": job["Name"],
            "StartedOn": at,
            "LastModifiedOn": at,
            "JobRunState": "STARTING",
            "Arguments": request.get("Arguments", {}),
            "Timeout": self._minutes,
            "GlueVersion": job.get("GlueVersion", "0.9"),
            "LogGroupName": _LOGS,
            **{
                key: request.get(key, job.get(key))
                for key in ("WorkerType", "NumberOfWorkers")
                if request.get(key, job.get(key))
            },
        }

    def describe(self) -> dict[str, Any]:
        """Tell the run as GetJobRun does."""
        with self._lock:
            return dict(self._description)

    def start(self) -> None:
        """Run it."""
        self._thread.start()

    def stop(self) -> None:
        """Have it end as STOPPED."""
        self._stopping.set()

    def join(self, seconds: float) -> None:
        """Wait until it has ended."""
        self._thread.join(seconds)

    def _work(self) -> None:
        begun = time.monotonic()
        folder = self._surroundings.settings.state / "jobs/GlueRuns" / self.id
        try:
            state, message = self._run(folder), ""
        except (_FailedError, CannotStartError, StorageError) as err:
            state, message = "FAILED", str(err)
        except AwsError as err:
            state, message = "FAILED", err.message
        except Exception:  # noqa: BLE001  a run whose thread died would never end
            _log.exception("glue run %s", self.id)
            state, message = "FAILED", "Internal service failure"
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self._end(state, message, time.monotonic() - begun)

    def _run(self, folder: Path) -> str:
        image = f"aws-glue:{self._description['GlueVersion']}"
        container = self._surroundings.runtime.container(folder, image, Needs())
        try:
            script = self._fetch(container)
            given = {
                "--JOB_ID": f"j_{self.id[3:]}",
                "--JOB_RUN_ID": self.id,
                "--JOB_NAME": self._job["Name"],
                **self._arguments,
            }
            pairs = [[key, value] for key, value in given.items() if key not in _LAUNCHERS]
            arguments = [part for pair in pairs for part in pair if part != ""]
            command = Command([str(script), *arguments], ["python3"])
            with self._logging("output") as log:
                program = container.start(command, {}, log)
                self._change(JobRunState="RUNNING")
                return self._wait(program, log)
        finally:
            container.remove()

    def _fetch(self, container: Container) -> PurePosixPath:
        """Put the script and what it imports into one folder."""
        folder = inside(container.root, _FOLDER)
        folder.mkdir(parents=True)
        storage = self._surroundings.storage
        location: str = self._arguments.get(_SCRIPT) or self._job["Command"]["ScriptLocation"]
        name = location.rpartition("/")[2]
        storage.download_file(location, folder / name)
        for uri in filter(None, self._arguments.get(_PY_FILES, "").split(",")):
            path = folder / f".{Location.parse(uri).key.rpartition('/')[2]}"
            storage.download_file(uri, path)
            if uri.endswith((".zip", ".whl")):
                _unzip(path, folder, uri)
            else:
                path.rename(folder / path.name[1:])
        return PurePosixPath(_FOLDER) / name

    def _wait(self, program: Program, log: Path) -> str:
        deadline = time.monotonic() + self._minutes * 60
        while not program.has_ended():
            if self._stopping.is_set():
                program.stop(_GRACE_SECONDS)
                return "STOPPED"
            if time.monotonic() > deadline:
                program.stop(0)
                return "TIMEOUT"
            self._stopping.wait(_LOOK_SECONDS)
        status = program.stop(0)
        if status:
            raise _FailedError(_last_words(log) or f"Exit status: {status}")
        return "SUCCEEDED"

    @contextmanager
    def _logging(self, group: str) -> Iterator[Path]:
        """Give an empty file that is followed into the run's stream of a log group."""
        group = f"{_LOGS}/{group}"
        path = self._surroundings.settings.state / f"logs{group}" / self.id
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        with self._surroundings.logs.following(path, group, self.id):
            yield path

    def _end(self, state: str, message: str, seconds: float) -> None:
        told = {"ErrorMessage": message} if message else {}
        if message:
            with self._logging("error") as log:
                log.write_text(f"{message}\n", "utf-8")
        self._change(
            JobRunState=state, CompletedOn=_now(), ExecutionTime=max(1, round(seconds)), **told
        )
        detail = {
            "jobName": self._job["Name"],
            "severity": "ERROR" if state == "FAILED" else "INFO",
            "state": state,
            "jobRunId": self.id,
            "message": message or f"Job run {state.lower()}",
        }
        self._surroundings.emit("aws.glue", "Glue Job State Change", detail, [])

    def _change(self, **fields: Any) -> None:
        with self._lock:
            self._description.update(fields, LastModifiedOn=_now())


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return next((line for line in reversed(lines) if line.strip()), "")[:_LONGEST_MESSAGE]


def _unzip(path: Path, folder: Path, uri: str) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)  # it leaves out what would lead outside
    except (zipfile.BadZipFile, OSError) as err:
        raise _FailedError(f"{uri}: {err}") from err
    path.unlink()


def _now() -> datetime:
    return datetime.now(UTC)
