"""Plays one design through one deployment, and prints its transitions and delay as JSON.

    python benchmarks/play.py DESIGN ENDPOINT_SECONDS

DESIGN is "dropforge" (the shipped machines, functions and template), "poll everything" or "poll the
endpoint". A process each, because moto's state is the process's own.
"""

import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polling
from dropforge_core.contracts import RetrainInput, RunData
from dropforge_core.history import transitions
from dropforge_core.published import PublishedPipeline
from embedded import deploy, settings_for, target_of
from played import Clock, Played

from dropforge.target import Target

ROLE = "arn:aws:iam::123456789012:role/played"
DEADLINE_SECONDS = 120.0
EVALUATION = b'{"metrics": {"accuracy": 1}}'


def main() -> None:
    """Play the design that the arguments name."""
    design, endpoint_seconds = sys.argv[1], float(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder, played_aws(Path(folder)) as (target, played):
        played.endpoint_seconds = endpoint_seconds
        if design == "dropforge":
            execution = start_shipped(target)
        else:
            played.announce = False
            execution = start_polling(target, poll_jobs=design == "poll everything")
        histories = wait_for(target, execution)
        counted = sum(transitions(history) for history in histories)
        delay = played.noticed_at - played.ready_at
    sys.stdout.write(json.dumps({"transitions": counted, "delay": delay}) + "\n")


@contextlib.contextmanager
def played_aws(state: Path) -> Iterator[tuple[Target, Played]]:
    """Give an embedded AWS whose SageMaker is played and whose waits take no time."""
    with settings_for(state) as (settings, listener):
        # Both import moto.
        from embedded_aws import machine as machines  # noqa: PLC0415
        from embedded_aws.gaps import stepfunctions_waiting  # noqa: PLC0415

        clock = Clock()
        made: list[Played] = []

        def make(_settings: Any, emit: Any, _runtime: Any, **_: Any) -> Played:
            made.append(Played(clock, emit))
            return made[0]

        def jump(_: Any, seconds: float) -> None:
            clock.jump(seconds)

        vars(machines)["SageMaker"] = make
        vars(stepfunctions_waiting)["pause"] = jump
        machine = machines.Machine(settings, [listener])
        machine.start()
        try:
            yield target_of(settings), made[0]
        finally:
            machine.stop()


def start_shipped(target: Target) -> str:
    """Deploy the application and start its own machine; return the execution."""
    deploy(target, "http://127.0.0.1:9/slack/none")
    run_id = "iris-20261121t000000-00000000"
    target.s3.put_object(
        Bucket=target.output("ArtifactsBucketName"),
        Key=f"runs/{run_id}/evaluate/evaluation.json",
        Body=EVALUATION,
    )
    given = RetrainInput(
        run_id=run_id,
        pipeline="iris",
        attempt=1,
        data=RunData(objects=1, bytes=1, manifest="s3://played/manifest.json"),
        first_event_at="2026-11-21T00:00:00.000Z",
        config=pipeline(),
    )
    started = target.stepfunctions.start_execution(
        stateMachineArn=target.output("RetrainStateMachineArn"),
        input=json.dumps(given.model_dump(mode="json", exclude_none=True, by_alias=True)),
    )
    return started["executionArn"]


def start_polling(target: Target, *, poll_jobs: bool) -> str:
    """Create the baseline's machine and start it; return the execution."""
    machine = target.stepfunctions.create_state_machine(
        name="polling", definition=json.dumps(polling.machine(poll_jobs=poll_jobs)), roleArn=ROLE
    )
    started = target.stepfunctions.start_execution(stateMachineArn=machine["stateMachineArn"])
    return started["executionArn"]


def wait_for(target: Target, execution: str) -> list[list[dict[str, Any]]]:
    """Wait for the execution's end; return its history and those of nested ones."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        described = target.stepfunctions.describe_execution(executionArn=execution)
        if described["status"] != "RUNNING":
            break
        if time.monotonic() > deadline:
            message = f"{execution} did not end in {DEADLINE_SECONDS} s"
            raise TimeoutError(message)
        time.sleep(0.05)
    if described["status"] != "SUCCEEDED":
        message = f"{execution} is {described['status']}: {described.get('cause')}"
        raise RuntimeError(message)
    machines = target.stepfunctions.list_state_machines()["stateMachines"]
    executions = [
        found["executionArn"]
        for machine in machines
        for found in target.stepfunctions.list_executions(
            stateMachineArn=machine["stateMachineArn"]
        )["executions"]
    ]
    pages = target.stepfunctions.get_paginator("get_execution_history")
    return [
        [dict(event) for page in pages.paginate(executionArn=arn) for event in page["events"]]
        for arn in executions
    ]


def pipeline() -> PublishedPipeline:
    """Return a published pipeline that runs nowhere."""
    machine = {"instance_type": "ml.m5.large", "instance_count": 1, "volume_gb": 1}
    script = {
        "image": "played",
        "entrypoint": ["python3"],
        "environment": {},
        "machine": machine,
        "timeout_seconds": 3600,
    }
    train = {k: v for k, v in script.items() if k != "entrypoint"}
    variant = {
        "VariantName": "AllTraffic",
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    return PublishedPipeline.model_validate(
        {
            "name": "iris",
            "version": "played",
            "endpoint": "dropforge-iris",
            "preprocess": script,
            "train": train | {"hyperparameters": {}, "channels": ["train"]},
            "evaluate": script,
            "serve": {"image": "played", "environment": {}, "variant": variant},
            "judge": {"metric": "accuracy", "thresholds": []},
        }
    )


if __name__ == "__main__":
    main()
