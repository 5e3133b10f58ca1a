"""AWS Glue on one machine: ETL jobs whose runs really run their script.

Only what runs Spark scripts is here: jobs of the kind `glueetl`, and their runs. Catalog, crawlers,
triggers, bookmarks and everything else is refused by name, fields included (`support.py`).

Source: AWS Glue's API reference, "Jobs"; developer guide, "Using job parameters in AWS Glue jobs".
"""

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from embedded_aws.errors import AwsError
from embedded_aws.glue.runs import Run, Surroundings
from embedded_aws.glue.support import check

if TYPE_CHECKING:
    from collections.abc import Callable

type Request = dict[str, Any]

_ENDED = {"SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT"}
_DEFAULTS: Request = {
    "Timeout": 2_880,
    "MaxRetries": 0,
    "ExecutionProperty": {"MaxConcurrentRuns": 1},
}


class Glue:
    """Glue's API; thread safe."""

    def __init__(self, surroundings: Surroundings) -> None:
        """Start with nothing."""
        self._surroundings = surroundings
        self._lock = threading.Lock()
        self._jobs: dict[str, Request] = {}
        self._runs: dict[str, dict[str, Run]] = {}
        self._handlers: dict[str, Callable[[Request], Request]] = {
            "CreateJob": self._create,
            "UpdateJob": self._update,
            "GetJob": lambda request: {"Job": self._job(request["JobName"])},
            "DeleteJob": self._delete,
            "StartJobRun": self._start,
            "GetJobRun": lambda request: {"JobRun": self._run(request).describe()},
            "GetJobRuns": self._list,
            "BatchStopJobRun": self._stop,
        }

    def call(self, operation: str, request: Request) -> Request:
        """Answer a request; times in the answer are datetimes. Raises AwsError."""
        check(operation, request)
        return self._handlers[operation](request)

    def stop(self) -> None:
        """End all runs."""
        with self._lock:
            runs = [run for runs in self._runs.values() for run in runs.values()]
        for run in runs:
            run.stop()
        for run in runs:
            run.join(3.0)

    def _create(self, request: Request) -> Request:
        name = request["Name"]
        given = {key: value for key, value in request.items() if key != "Tags"}
        at = _now()
        with self._lock:
            if name in self._jobs:
                raise AwsError("AlreadyExistsException", f"Job already exists with name: {name}")
            self._jobs[name] = {**_DEFAULTS, **given, "CreatedOn": at, "LastModifiedOn": at}
            self._runs[name] = {}
        return {"Name": name}

    def _update(self, request: Request) -> Request:
        name = request["JobName"]
        old = self._job(name)
        # What an update leaves out is back at its default, as on AWS.
        new = {**_DEFAULTS, **request["JobUpdate"], "Name": name, "CreatedOn": old["CreatedOn"]}
        with self._lock:
            self._jobs[name] = {**new, "LastModifiedOn": _now()}
        return {"JobName": name}

    def _delete(self, request: Request) -> Request:
        name = request["JobName"]
        with self._lock:
            self._jobs.pop(name, None)
        return {"JobName": name}  # also for one that is not there, as AWS says

    def _start(self, request: Request) -> Request:
        job = self._job(request["JobName"])
        run = Run(job, request, self._surroundings)
        with self._lock:
            runs = self._runs.setdefault(job["Name"], {})
            going = sum(each.describe()["JobRunState"] not in _ENDED for each in runs.values())
            if going >= job["ExecutionProperty"]["MaxConcurrentRuns"]:
                message = f"Concurrent runs exceeded for {job['Name']}"
                raise AwsError("ConcurrentRunsExceededException", message)
            runs[run.id] = run
        run.start()
        return {"JobRunId": run.id}

    def _list(self, request: Request) -> Request:
        name = self._job(request["JobName"])["Name"]
        with self._lock:
            runs = list(self._runs[name].values())
        return {"JobRuns": [run.describe() for run in reversed(runs)]}

    def _stop(self, request: Request) -> Request:
        name, done, errors = request["JobName"], [], []
        for run_id in request["JobRunIds"]:
            told = {"JobName": name, "JobRunId": run_id}
            try:
                self._run({"JobName": name, "RunId": run_id}).stop()
                done.append(told)
            except AwsError as err:
                detail = {"ErrorCode": err.code, "ErrorMessage": err.message}
                errors.append({**told, "ErrorDetail": detail})
        return {"SuccessfulSubmissions": done, "Errors": errors}

    def _job(self, name: str) -> Request:
        with self._lock:
            job = self._jobs.get(name)
        if job is None:
            message = f"Job {name} is not found."
            raise AwsError("EntityNotFoundException", message)
        return dict(job)

    def _run(self, request: Request) -> Run:
        with self._lock:
            run = self._runs.get(request["JobName"], {}).get(request["RunId"])
        if run is None:
            message = f"Failed to find the job run {request['RunId']} of {request['JobName']}."
            raise AwsError("EntityNotFoundException", message)
        return run


def _now() -> datetime:
    return datetime.now(UTC)
