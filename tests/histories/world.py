"""AWS around the trigger, the run's end and the sweeper: all that a history can do to them.

The handlers are the shipped ones; table, bucket and queue are moto's. Played are the clock, crashes
and what the state machine's jobs come to; EventBridge, Lambda's queue of asynchronous invocations
and Step Functions' retries are so small that they are lists here.
"""

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

from dropforge_core.contracts import EndpointChange, RunEnd
from dropforge_core.records import Arrival
from moto.sqs.models import sqs_backends
from moto.stepfunctions.models import stepfunctions_backends

from tests.unit.dropforge_core.stack import (
    ACCOUNT,
    DATA_BUCKET,
    FINISH,
    REGION,
    TABLE,
    Stack,
)

from .process import Process, Strike

PIPELINE = "iris"
# As template.yaml has them.
_VISIBILITY_SECONDS = 660
_FUNCTION_SECONDS = {"start_retraining": 60.0, "finish_run": 120.0, "sweep_pipelines": 300.0}
_SWEEPER_SECONDS = 300.0  # from one sweep to the next
_FINISH_TRIES = 11  # as retrain.asl.json has it; they span more than a dead starter's lock
_ASYNC_TRIES = 3
_JOB_SECONDS = 2.0
_ROUNDS = 40


class Context:
    """What Lambda tells a handler of itself."""

    function_name = "function"
    memory_limit_in_mb = 256
    invoked_function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:function"
    aws_request_id = "1d5f3a0e-7f0c-4b1e-8e9d-0a1b2c3d4e5f"


@dataclass
class Machine:
    """One execution of the state machine, as far as it is played."""

    run_id: str
    execution: str
    end: dict[str, Any] | None = None  # what FinishRun is to be told, once the jobs have ended
    tries: int = 0
    is_finishing: bool = False


@dataclass
class World:
    """One stack, and one pipeline in it."""

    stack: Stack
    functions: dict[str, ModuleType]
    events: list[str] = field(default_factory=list)
    untold: list[tuple[dict[str, Any], int]] = field(default_factory=list)  # and its tries
    machines: list[Machine] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)
    ends: dict[int, Callable[[Process], None]] = field(default_factory=dict)
    dropped: list[tuple[str, str]] = field(default_factory=list)
    takers: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    broken: list[str] = field(default_factory=list)
    # Something happened that only the sweeper can make good.
    needs_sweeper: bool = False
    order: int = 0

    # People and S3.

    def drop(self, name: str, content: str) -> None:
        """Put an object; its event is under way."""
        self.order += 1
        key = f"incoming/{PIPELINE}/{name}"
        put = self._s3.put_object(Bucket=DATA_BUCKET, Key=key, Body=content.encode())
        self.dropped.append((key, put["VersionId"]))
        told = {
            "key": key,
            "size": len(content),
            "etag": put["ETag"].strip('"'),
            "version-id": put["VersionId"],
            "sequencer": f"{self.order:06X}",
        }
        event = {
            "source": "aws.s3",
            "detail-type": "Object Created",
            "time": self.stack.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "detail": {"bucket": {"name": DATA_BUCKET}, "object": told},
        }
        self.events.append(json.dumps(event))

    def delete(self, name: str) -> None:
        """Delete an object: of its versions none is current any more."""
        self._s3.delete_object(Bucket=DATA_BUCKET, Key=f"incoming/{PIPELINE}/{name}")

    def deliver(self, index: int, copies: int) -> None:
        """Bring one of the events to the queue, in any order, once or more often."""
        body = self.events.pop(index % len(self.events))
        for _ in range(copies):
            self._sqs.send_message(QueueUrl=self.stack.queue, MessageBody=body)

    # Invocations.

    def receive(self, count: int) -> None:
        """Let the trigger take messages; some are visible."""
        answer = self._sqs.receive_message(
            QueueUrl=self.stack.queue,
            MaxNumberOfMessages=count,
            VisibilityTimeout=_VISIBILITY_SECONDS,
        )
        messages = answer["Messages"]
        records = [
            {"messageId": one["MessageId"], "body": one["Body"], "eventSource": "aws:sqs"}
            for one in messages
        ]

        def delete(process: Process) -> None:
            if process.error is not None:
                return
            failed = {one["itemIdentifier"] for one in process.answer["batchItemFailures"]}
            for one in messages:
                if one["MessageId"] not in failed:
                    self._sqs.delete_message(
                        QueueUrl=self.stack.queue, ReceiptHandle=one["ReceiptHandle"]
                    )

        self._begin("start_retraining", {"Records": records}, delete)

    def is_told(self) -> bool:
        """Say whether there is a message that can be received now."""
        now = self._now() * 1000
        return any(max(one.visible_at, one.delayed_until) <= now for one in self._messages())

    def sweep(self) -> None:
        """Let the schedule come."""

        def after(process: Process) -> None:
            # Its retry is the next one.
            self.needs_sweeper |= process.error is not None

        self._begin("sweep_pipelines", {}, after)

    def tell(self, index: int) -> None:
        """Let Lambda make one of the asynchronous invocations of FinishRun."""
        event, tries = self.untold.pop(index % len(self.untold))

        def after(process: Process) -> None:
            if process.error is None:
                return
            if tries + 1 < _ASYNC_TRIES:
                self.untold.append((event, tries + 1))
            else:
                self.needs_sweeper = True

        self._begin("finish_run", event, after)

    def finish(self, machine: Machine, status: str) -> None:
        """Let the jobs of an execution end so, or its FinishRun be tried again."""
        if machine.end is None:
            machine.end = self._end_of(machine, status)
            self.stack.clock.advance(_JOB_SECONDS)
        end = machine.end
        machine.is_finishing = True

        def after(process: Process) -> None:
            machine.is_finishing = False
            machine.tries += 1
            if machine not in self.machines:
                return  # It was stopped meanwhile.
            if process.error is None and end["status"] != "FAILED":
                self._over(machine, "SUCCEEDED")
            elif process.error is None or machine.tries == _FINISH_TRIES:
                self._over(machine, "FAILED")
                self.untold.append((self._death(machine, "FAILED"), 0))

        self._begin("finish_run", end, after)

    def stop(self, machine: Machine, *, heard: bool) -> None:
        """Stop an execution; its event comes, or is lost."""
        self._over(machine, "ABORTED")
        if heard:
            self.untold.append((self._death(machine, "ABORTED"), 0))
        else:
            self.needs_sweeper = True

    def step(self, process: Process, calls: int, strike: Strike | None = None) -> None:
        """Let an invocation make so many AWS calls, the first of them struck."""
        for number in range(calls):
            process.step(strike if number == 0 else None)
            assert self.broken == []
            if process.is_over:
                self.processes.remove(process)
                self.ends.pop(id(process))(process)
                return

    def wait(self, seconds: float) -> None:
        """Let time pass; Lambda ends whoever takes too long."""
        self.stack.clock.advance(seconds)
        now = self._now()
        for process in [one for one in self.processes if one.must_end_at <= now]:
            self.step(process, 1)
            if not process.is_over:
                self.step(process, 1, Strike.DIE_BEFORE)

    # The end of a history.

    def run_out(self, *, sweeping: bool) -> None:
        """Let all that is under way come to its end, without another fault."""
        for number in range(_ROUNDS):
            self._end_processes()
            if sweeping:
                # What fails at one sweep is made good by the next.
                self.stack.clock.advance(_SWEEPER_SECONDS + 1)
                self.sweep()
                self._end_processes()
            if not self._round() and not (sweeping and number == 0):
                return
        raise AssertionError("it never comes to rest")

    def _round(self) -> bool:
        """Bring on all that is under way; False when there is nothing."""
        messages = self._messages()
        busy = bool(self.events or self.untold or self.machines or messages)
        while self.events:
            self.deliver(0, 1)
        while self.untold:
            self.tell(0)
            self._end_processes()
        for machine in list(self.machines):
            self.finish(machine, "DEPLOYED")
            self._end_processes()
        while self.is_told():
            self.receive(10)
            self._end_processes()
        if messages or self.machines:
            self.stack.clock.advance(_VISIBILITY_SECONDS + 1)
        return busy

    def _end_processes(self) -> None:
        """One after the other: what happens at once was the history's matter."""
        while self.processes:
            self.step(self.processes[0], 1_000)

    def abandon(self) -> None:
        """End what is still under way, after a check that failed."""
        for process in self.processes:
            while not process.is_over:
                process.step(Strike.DIE_BEFORE)

    def arrivals(self) -> list[Arrival]:
        """Return what the ledger knows."""
        return self.stack.ledger.arrivals(PIPELINE)

    # What is played.

    def begun(self, params: Any) -> None:
        """See an execution begin: no other run of the pipeline may be going."""
        execution = f"{params['stateMachineArn']}:{params['name']}".replace(
            ":stateMachine:", ":execution:"
        )
        run_id = params["name"].rpartition("-")[0]
        if any(one.execution == execution for one in self.machines):
            return
        going = [one.run_id for one in self.machines if self._is_open(one.run_id)]
        if going:
            self.broken.append(f"{run_id} began while {going} was going")
        self.machines.append(Machine(run_id, execution))

    def taken(self, item: Any) -> None:
        """See an arrival be taken by a run."""
        if item["sk"]["S"].startswith("ARRIVAL#") and item["status"]["S"] == "IN_RUN":
            self.takers[item["sk"]["S"]].add(item["run_id"]["S"])

    def _begin(self, name: str, event: Any, after: Callable[[Process], None]) -> None:
        handler = self.functions[name].lambda_handler
        process = Process(
            name, lambda: handler(event, Context()), self._now(), _FUNCTION_SECONDS[name]
        )
        self.processes.append(process)
        self.ends[id(process)] = after

    def _end_of(self, machine: Machine, status: str) -> dict[str, Any]:
        run = self.stack.ledger.run(machine.run_id)
        assert run is not None
        end = RunEnd(
            run_id=run.run_id,
            pipeline=run.pipeline,
            attempt=run.attempt,
            execution=run.execution,
            status=status,
            rejected_by="JUDGE" if status == "REJECTED" else None,
            data=run.run_data,
            first_event_at=run.first_event_at,
            reason="So it was played.",
            endpoint=EndpointChange(name=run.endpoint["name"], action="NONE"),
        )
        return end.dump()

    def _death(self, machine: Machine, status: str) -> dict[str, Any]:
        name = machine.execution.rpartition(":")[2]
        detail = {"executionArn": machine.execution, "name": name, "status": status}
        return {"detail-type": "Step Functions Execution Status Change", "detail": detail}

    def _over(self, machine: Machine, status: str) -> None:
        self.machines.remove(machine)
        for execution in _backend(stepfunctions_backends).state_machines[0].executions:
            if execution.execution_arn == machine.execution:
                execution.status = status

    def _is_open(self, run_id: str) -> bool:
        run = self.stack.ledger.run(run_id)
        return run is not None and run.ended_at is None

    def _messages(self) -> list[Any]:
        return list(_backend(sqs_backends).queues["incoming"]._messages)  # noqa: SLF001

    def _now(self) -> float:
        return self.stack.clock.now().timestamp()

    @property
    def _s3(self) -> Any:
        return self.stack.clients.s3

    @property
    def _sqs(self) -> Any:
        return self.stack.clients.sqs

    def play(self, operation: str, params: Any) -> Any:
        """See a call that is about to have its effect; answer those of Lambda."""
        if operation == "Invoke":
            if f"/{FINISH}/" in params["url_path"]:
                self.untold.append((json.loads(params["body"]), 0))
            return SimpleNamespace(status_code=202), {"StatusCode": 202, "ResponseMetadata": {}}
        if operation == "StartExecution":
            self.begun(json.loads(params["body"]))
        elif operation == "BatchWriteItem":
            for write in json.loads(params["body"])["RequestItems"][TABLE]:
                self.taken(write["PutRequest"]["Item"])
        return None


def _backend(backends: Any) -> Any:
    return backends[ACCOUNT][REGION]
