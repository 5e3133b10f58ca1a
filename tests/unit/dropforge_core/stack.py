"""A stack's resources on moto, in this process, for the tests of core and functions."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from dropforge_core.approvals import Approvals
from dropforge_core.asking import read_look
from dropforge_core.clients import Clients
from dropforge_core.contracts import (
    EndpointChange,
    EndStatus,
    Finished,
    RejectedBy,
    RunEnd,
)
from dropforge_core.finishing import Finisher
from dropforge_core.ledger import Ledger
from dropforge_core.published import (
    JobMachine,
    JudgePolicy,
    ProcessingStep,
    PublishedPipeline,
    Serving,
    Threshold,
    TrainingStep,
)
from dropforge_core.records import Arrival, Run
from dropforge_core.starting import Starter
from moto import mock_aws
from moto.sqs.models import sqs_backends

REGION = "us-east-1"
ACCOUNT = "123456789012"
TABLE = "dropforge-ledger"
DATA_BUCKET = f"dropforge-data-{ACCOUNT}-{REGION}"
NOTIFY = "notify"
FINISH = "finish"
QUEUE = "incoming"


@dataclass
class Clock:
    """A clock that moves only when it is told to."""

    moment: datetime = datetime(2026, 11, 21, 5, 20, 11, tzinfo=UTC)

    def now(self) -> datetime:
        """Return its moment."""
        return self.moment

    def advance(self, seconds: float) -> None:
        """Move on."""
        self.moment += timedelta(seconds=seconds)


class ToldClients(Clients):
    """Clients whose Lambda keeps what it was invoked with: moto runs no functions."""

    def __init__(self, session: boto3.session.Session) -> None:
        """Use a session."""
        super().__init__(session)
        self.told: list[dict[str, Any]] = []

    @property
    def lambda_(self) -> Any:
        """A client with ``invoke`` only."""
        return self

    def invoke(self, **request: Any) -> dict[str, Any]:
        """Keep an invocation."""
        self.told.append(request)
        return {"StatusCode": 202}


@dataclass
class Stack:
    """What the functions work with."""

    clients: ToldClients
    ledger: Ledger
    state_machine: str
    queue: str
    clock: Clock = field(default_factory=Clock)

    def starter(self, ledger: Ledger | None = None) -> Starter:
        """Return a starter that does not really pause; pausing moves the clock."""
        return Starter(
            ledger=ledger or self.ledger,
            clients=self.clients,
            data_bucket=DATA_BUCKET,
            state_machine=self.state_machine,
            notify_function=NOTIFY,
            finish_function=FINISH,
            queue=self.queue,
            now=self.clock.now,
            pause=self.clock.advance,
        )

    def finisher(self, ledger: Ledger | None = None) -> Finisher:
        """Return what closes runs, perhaps with a ledger of its own."""
        starter = self.starter(ledger)
        parts: Any = {"ledger": starter.ledger, "clients": self.clients, "now": self.clock.now}
        approvals = Approvals(starter=starter, **parts)
        return Finisher(starter=starter, approvals=approvals, **parts)

    def publish(self, name: str = "iris", version: str = "v1", **changes: Any) -> PublishedPipeline:
        """Publish a pipeline, with some of its fields as told."""
        config = published(name, version).model_copy(update=changes)
        self.ledger.publish(config, f"s3://artifacts/pipelines/{name}/{version}", "2026-11-21")
        return config

    def drop(self, name: str, content: str, *, pipeline: str = "iris", order: int = 1) -> Arrival:
        """Put an object and record an arrival of it that waits."""
        told = an_arrival(name, content, pipeline=pipeline, order=order)
        put = self.clients.s3.put_object(Bucket=DATA_BUCKET, Key=told.key, Body=content.encode())
        etag, version = put["ETag"].strip('"'), put["VersionId"]
        arrival = replace(told, etag=etag, version_id=version, size=len(content.encode()))
        self.ledger.record(pipeline, [arrival])
        return arrival

    def fate(self, arrival: Arrival, pipeline: str = "iris") -> Arrival:
        """Read what became of an arrival."""
        found = self.ledger.arrival(pipeline, arrival.key, arrival.version_id)
        assert found is not None
        return found

    def end(self, run: Run, status: EndStatus, rejected_by: RejectedBy | None = None) -> Finished:
        """End a run as the state machine does, and with it start its follow-up."""
        end = RunEnd(
            run_id=run.run_id,
            pipeline=run.pipeline,
            attempt=run.attempt,
            execution=run.execution,
            status=status,
            rejected_by=rejected_by,
            data=run.run_data,
            first_event_at=run.first_event_at,
            endpoint=EndpointChange(name=run.endpoint["name"], action="NONE"),
        )
        return self.finisher().finish(end)

    def document(self, run: Run, name: str = "manifest.json") -> Any:
        """Read a document that a run's start left in the data bucket."""
        key = f"runs/{run.run_id}/{name}"
        return json.load(self.clients.s3.get_object(Bucket=DATA_BUCKET, Key=key)["Body"])

    def fates(self, pipeline: str = "iris") -> list[tuple[str, str]]:
        """List each arrival's name and status."""
        arrivals = self.ledger.arrivals(pipeline)
        return sorted((one.key.rpartition("/")[2], one.status) for one in arrivals)

    def looks(self) -> list[tuple[str, int]]:
        """Take the looks that the trigger was asked for: the pipeline and the delay in seconds.

        They are taken at once, as if their time had come.
        """
        backend = sqs_backends[ACCOUNT][REGION]
        messages = backend.queues[QUEUE]._messages  # noqa: SLF001 - SQS shows none that is delayed
        found = [
            (read_look(json.loads(one.body)).pipeline, one.delayed_until - one.sent_timestamp)
            for one in messages
        ]
        messages.clear()
        return [(pipeline, round(delay / 1000)) for pipeline, delay in found]

    def executions(self) -> list[str]:
        """List the names of all executions."""
        answer = self.clients.stepfunctions.list_executions(stateMachineArn=self.state_machine)
        return sorted(execution["name"] for execution in answer["executions"])


@contextmanager
def a_stack(definition: str = "{}", *, interpreted: bool = False) -> Iterator[Stack]:
    """Make an empty stack; ``interpreted`` runs the definition on moto's interpreter."""
    with mock_aws(config={"stepfunctions": {"execute_state_machine": interpreted}}):
        clients = ToldClients(boto3.session.Session(region_name=REGION))
        clients.s3.create_bucket(Bucket=DATA_BUCKET)
        clients.s3.put_bucket_versioning(
            Bucket=DATA_BUCKET, VersioningConfiguration={"Status": "Enabled"}
        )
        clients.dynamodb.create_table(
            TableName=TABLE,
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        machine = clients.stepfunctions.create_state_machine(
            name="dropforge-retrain",
            definition=definition,
            roleArn=f"arn:aws:iam::{ACCOUNT}:role/retrain",
        )
        yield Stack(
            clients=clients,
            ledger=Ledger(clients.dynamodb, TABLE),
            state_machine=machine["stateMachineArn"],
            queue=clients.sqs.create_queue(QueueName=QUEUE)["QueueUrl"],
        )


def published(name: str = "iris", version: str = "v1") -> PublishedPipeline:
    """Return a pipeline as publish would leave it."""
    machine = JobMachine(instance_type="ml.m5.large", instance_count=1, volume_gb=10)
    image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/dropforge/{name}:abc"
    processing = ProcessingStep(
        image=image,
        entrypoint=("python3", "script.py"),
        environment={},
        machine=machine,
        timeout_seconds=1800,
    )
    return PublishedPipeline(
        name=name,
        version=version,
        endpoint=f"dropforge-{name}",
        preprocess=processing,
        train=TrainingStep(
            image=image,
            hyperparameters={"max_leaf_nodes": "8"},
            channels=("train",),
            environment={},
            machine=machine,
            timeout_seconds=1800,
        ),
        evaluate=processing,
        serve=Serving(image=image, environment={}, variant={"VariantName": "AllTraffic"}),
        judge=JudgePolicy(
            metric="accuracy",
            thresholds=(Threshold(metric="accuracy", bound="minimum", value=0.9),),
            margin=0.05,
        ),
    )


def an_arrival(
    name: str, content: str = "abc", *, pipeline: str = "iris", order: int = 1
) -> Arrival:
    """Return an arrival; ``content`` stands for the bytes, ``order`` for when it came."""
    return Arrival(
        key=f"incoming/{pipeline}/{name}",
        version_id=f"version-{order}-{content}",
        etag=content,
        size=len(content),
        sequencer=f"00{order:04X}",
        event_time=f"2026-11-21T05:20:{order % 60:02d}.000Z",
    )
