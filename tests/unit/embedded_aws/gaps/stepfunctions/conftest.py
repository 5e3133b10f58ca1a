"""moto's interpreter with the gaps closed, behind a real HTTP server, and what its tasks call."""

import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from embedded_aws.gaps import stepfunctions_all, stepfunctions_sagemaker

DEADLINE_SECONDS = 20.0
ROLE = "arn:aws:iam::123456789012:role/states"

type Event = tuple[str, str, dict[str, Any], list[str]]
type Function = Callable[[Any], Response]


class Jobs:
    """SageMaker's job operations, as far as `.sync` needs them: a test says when a job ends."""

    def __init__(self) -> None:
        """Start without jobs."""
        self.jobs: dict[str, dict[str, Any]] = {}
        self.changed = threading.Condition()

    def answer(self, operation: str, request: dict[str, Any]) -> Response:
        """Answer one request of the JSON protocol."""
        kind = next(kind for kind in ("TrainingJob", "ProcessingJob") if kind in operation)
        verb = operation.removesuffix(kind)
        name = request[f"{kind}Name"]
        if verb == "Create":
            if name in self.jobs:
                return _error("ResourceInUse", f"{name} exists")
            if name == "refused":
                return _error("ValidationException", "no such role")
            self._set(name, {**request, f"{kind}Status": "InProgress", "CreationTime": 1.5})
            return _json({f"{kind}Arn": f"arn:aws:sagemaker:us-east-1:123456789012:job/{name}"})
        if verb == "Stop":
            self._set(name, {**self.jobs[name], f"{kind}Status": "Stopped"})
        return _json(self.jobs[name])

    def finish(self, name: str, status: str) -> None:
        """End a job, once it is there, with one of its statuses."""
        with self.changed:
            assert self.changed.wait_for(lambda: name in self.jobs, DEADLINE_SECONDS)
        key = next(key for key in self.jobs[name] if key.endswith("JobStatus"))
        self._set(name, {**self.jobs[name], key: status})

    def wait_for_change(self, seconds: float) -> None:
        """Wait as the real double does."""
        with self.changed:
            self.changed.wait(seconds)

    def _set(self, name: str, record: dict[str, Any]) -> None:
        with self.changed:
            self.jobs[name] = record
            self.changed.notify_all()


def _json(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body), status, content_type="application/x-amz-json-1.1")


def _error(code: str, message: str) -> Response:
    return _json({"__type": code, "message": message}, 400)


def _client(service: str, port: int) -> Any:
    session: Any = boto3.session.Session()
    return session.client(
        service,
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106
        config=Config(retries={"total_max_attempts": 1}),
    )


class States:
    """Step Functions for tests: makes machines, runs them, waits for their ends."""

    def __init__(
        self, port: int, jobs: Jobs, functions: dict[str, Function], emitted: list[Event]
    ) -> None:
        """Make the clients; `jobs` and `functions` are what tasks reach."""
        self.jobs = jobs
        self.functions = functions
        self.emitted = emitted
        self.client = _client("stepfunctions", port)
        self.s3 = _client("s3", port)

    def create(self, states: dict[str, Any], **top: Any) -> str:
        """Make a JSONata machine that starts at the first state; its ARN."""
        definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states}
        answer = self.client.create_state_machine(
            name=uuid.uuid4().hex, definition=json.dumps(definition | top), roleArn=ROLE
        )
        return str(answer["stateMachineArn"])

    def start(self, states: dict[str, Any], given: Any = None, **top: Any) -> str:
        """Start such a machine; the execution's ARN."""
        answer = self.client.start_execution(
            stateMachineArn=self.create(states, **top), input=json.dumps(given or {})
        )
        return str(answer["executionArn"])

    def finish(self, arn: str) -> dict[str, Any]:
        """Wait for the end of an execution; its description, `output` read."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            answer: dict[str, Any] = self.client.describe_execution(executionArn=arn)
            if answer["status"] != "RUNNING":
                if "output" in answer:
                    answer["output"] = json.loads(answer["output"])
                return answer
            time.sleep(0.005)
        raise TimeoutError(arn)

    def run(self, states: dict[str, Any], given: Any = None, **top: Any) -> dict[str, Any]:
        """Run a machine to its end."""
        return self.finish(self.start(states, given, **top))

    def output(self, states: dict[str, Any], given: Any = None) -> Any:
        """Run a machine that must succeed; its output."""
        answer = self.run(states, given)
        assert answer["status"] == "SUCCEEDED", answer
        return answer["output"]

    def events(self, arn: str) -> list[dict[str, Any]]:
        """Give the whole history."""
        pages = self.client.get_paginator("get_execution_history").paginate(executionArn=arn)
        return [event for page in pages for event in page["events"]]

    def wait_for_event(self, arn: str, kind: str) -> dict[str, Any]:
        """Wait until the history has an event of that type."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            for event in self.events(arn):
                if event["type"] == kind:
                    return event
            time.sleep(0.005)
        raise TimeoutError(kind)


def _front(jobs: Jobs, functions: dict[str, Function]) -> Any:
    moto = DomainDispatcherApplication(create_backend_app)

    def answer(environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        target = request.headers.get("X-Amz-Target", "")
        if target.startswith("SageMaker."):
            body = json.loads(request.get_data())
            return jobs.answer(target.split(".")[1], body)(environ, start_response)
        if request.path.endswith("/invocations"):
            function = functions[request.path.split("/")[3]]
            return function(json.loads(request.get_data() or b"{}"))(environ, start_response)
        return moto(environ, start_response)

    return answer


@pytest.fixture(scope="session")
def emitted() -> list[Event]:
    """All gaps closed, once for the process; gives the events that were emitted since."""
    events: list[Event] = []
    stepfunctions_all.apply(
        emit=lambda *event: events.append(event), wait_for_change=lambda _: None
    )
    return events


@pytest.fixture(scope="module")
def states(emitted: list[Event]) -> Iterator[States]:
    """Step Functions with S3, SageMaker's jobs and Lambda functions that a test gives."""
    jobs = Jobs()
    functions: dict[str, Function] = {}
    server = make_server("127.0.0.1", 0, _front(jobs, functions), threaded=True)
    stepfunctions_sagemaker.apply(jobs.wait_for_change)
    before = os.environ.get("MOTO_PORT")
    os.environ["MOTO_PORT"] = str(server.server_port)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield States(server.server_port, jobs, functions, emitted)
    server.shutdown()
    server.server_close()
    if before is None:
        del os.environ["MOTO_PORT"]
    else:
        os.environ["MOTO_PORT"] = before
