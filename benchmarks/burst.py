"""What a burst of objects costs: executions, invocations, ledger writes, and their price on AWS.

    uv run python benchmarks/burst.py [--sizes N...] [--out FILE]

Each burst is dropped into a pipeline of its own on the embedded AWS: real bucket, events, queue,
table and functions. A run's jobs are played, since they take longer than a burst: they end once
every object has been recorded. The baseline is one object alone, measured in the same way, times
the size: what a design costs that starts an execution per object. At last the trigger is given the
largest batch that Lambda admits.
"""

import argparse
import json
import math
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from embedded import ROOT, deploy, settings_for, target_of
from play import pipeline
from rich.console import Console
from rich.table import Table

from dropforge.target import Target

SIZES = [2_500, 5_000, 10_000]
UPLOADS_AT_ONCE = 8
DEADLINE_SECONDS = 1_800.0
# What must hold.
MOST_EXECUTIONS = 2  # a run, and its follow-up
FEWER_INVOCATIONS = 50
MOST_MEGABYTES = 128
# A burst of twice the size may be cut into one batch more than twice as many.
MOST_GROWTH = 2.1
# The shipped machine's billed transitions of an UPDATED run: benchmarks/orchestration.py.
TRANSITIONS = 29
# US dollars in us-east-1, 2026-11-28: aws.amazon.com/lambda/pricing (arm64), /dynamodb/pricing
# (on demand), /step-functions/pricing, /sqs/pricing.
PER_INVOCATION = 0.20e-6
PER_GB_SECOND = 13.3334e-6
PER_WRITE_UNIT = 0.625e-6
PER_TRANSITION = 25e-6
PER_QUEUE_REQUEST = 0.40e-6
MEMORY_GB = 0.5
QUEUE_BATCH = 10
LAMBDA_BYTES = 6 * 1024 * 1024
_WRITES = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}
_REPORT = re.compile(r"Duration: ([0-9.]+) ms\tBilled Duration: (\d+) ms.*?Max Memory Used: (\d+)")


@dataclass(frozen=True)
class Cost:
    """What so many objects took.

    ``calls`` are the functions' calls of AWS, ``write_units`` DynamoDB's (1 KiB, twice in a
    transaction), ``trigger_*`` are StartRetraining's: the most memory in MB, the longest in s, and
    its timeout in s.
    """

    objects: int
    executions: int
    invocations: int
    calls: int
    write_units: int
    billed_ms: int
    usd: float
    unaccounted: int = 0
    trigger_megabytes: int = 0
    trigger_seconds: float = 0.0
    trigger_timeout: int = 0

    def times(self, count: int) -> "Cost":
        """Return what it would take so many times."""
        numbers = {name: value * count for name, value in asdict(self).items()}
        return Cost(**{k: v for k, v in numbers.items() if not k.startswith("trigger_")})


def main() -> int:
    """Measure, print the tables, write the JSON; 1 when something does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--out", type=Path, default=ROOT / ".dropforge/benchmarks/burst.json")
    options = parser.parse_args()
    one, bursts, largest = measure(options.sizes)
    problems = problems_of(one, bursts, largest)
    console = Console(width=120)
    console.print(table(one, bursts, largest))
    for problem in problems:
        console.print(f"[red]{problem}")
    document = {
        "one": asdict(one),
        "bursts": [asdict(each) for each in bursts],
        "baselines": [asdict(one.times(each.objects)) for each in bursts],
        "largest_batch": asdict(largest),
        "problems": problems,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    console.print(f"written to {options.out}")
    return 1 if problems else 0


def measure(sizes: list[int]) -> tuple[Cost, list[Cost], Cost]:
    """Return what one object took, each burst, and the largest batch."""
    state = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    with state as folder, settings_for(Path(folder)) as (settings, listener):
        # All import moto.
        from embedded_aws import machine as machines  # noqa: PLC0415
        from embedded_aws import server  # noqa: PLC0415
        from embedded_aws.gaps import stepfunctions_waiting  # noqa: PLC0415

        bench = Bench(target_of(settings), settings.state / "logs")
        vars(stepfunctions_waiting)["pause"] = lambda _, __: bench.jobs_end.wait()
        plain = server.Front._answer  # noqa: SLF001

        def counting(front: Any, call: Any, environ: Any) -> Any:
            bench.count(call)
            return plain(front, call, environ)

        server.Front._answer = counting  # type: ignore[method-assign, assignment]  # noqa: SLF001
        machine = machines.Machine(settings, [listener])
        machine.start()
        try:
            deploy(bench.target, "http://127.0.0.1:9/slack/none")
            bench.play_jobs()
            bench.drop("warm", 1)  # Cold starts are another benchmark's.
            one = bench.drop("one", 1)
            bursts = [bench.drop(f"burst_{size}", size) for size in sizes]
            return one, bursts, bench.largest_batch()
        finally:
            bench.jobs_end.set()
            machine.stop()


class Bench:
    """Drops bursts on one stack, and counts what comes of them."""

    def __init__(self, target: Target, logs: Path) -> None:
        """Count nothing yet."""
        self.target = target
        self.jobs_end = threading.Event()
        self._logs = logs
        self._calls: Counter[str] = Counter()
        self._lock = threading.Lock()

    def count(self, call: Any) -> None:
        """Count a call that a function makes."""
        if "." not in call.caller:  # An environment's access key: the function's name, its own id.
            return
        units = _write_units(call) if call.operation in _WRITES else 0
        with self._lock:
            self._calls.update({"calls": 1, "units": units})
            self._calls[str(call.operation)] += 1

    def play_jobs(self) -> None:
        """Put a machine in the place of `retrain` that waits for us, then calls FinishRun."""
        end = {
            name: f"{{% $states.input.{name} %}}"
            for name in ("run_id", "pipeline", "attempt", "data", "first_event_at")
        }
        finish = {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {
                "FunctionName": self._physical("FinishRun"),
                "Payload": end
                | {
                    "execution": "{% $states.context.Execution.Id %}",
                    "status": "DEPLOYED",
                    "endpoint": {"name": "played", "action": "NONE"},
                },
            },
            "End": True,
        }
        jobs = {"Type": "Wait", "Seconds": 3600, "Next": "Finish"}
        machine = {
            "QueryLanguage": "JSONata",
            "StartAt": "Jobs",
            "States": {"Jobs": jobs, "Finish": finish},
        }
        self.target.stepfunctions.update_state_machine(
            stateMachineArn=self.target.output("RetrainStateMachineArn"),
            definition=json.dumps(machine),
        )

    def drop(self, name: str, size: int) -> Cost:
        """Drop a burst, let its jobs end once all is recorded, and wait for the last run's end."""
        config = pipeline().model_copy(update={"name": name})
        self.target.ledger.publish(config, "s3://played/", "2026-11-28T00:00:00.000Z")
        self.jobs_end.clear()
        before = self._reports()
        with self._lock:
            self._calls.clear()
        bucket = self.target.output("DataBucketName")

        def put(number: int) -> None:
            key = f"incoming/{name}/part-{number:05}.csv"
            self.target.s3.put_object(Bucket=bucket, Key=key, Body=f"{name} {number}\n".encode())

        with ThreadPoolExecutor(UPLOADS_AT_ONCE) as several:
            list(several.map(put, range(size)))
        self._until(lambda: len(self.target.ledger.arrivals(name)) == size)
        self.jobs_end.set()
        self._until(lambda: self._is_at_rest(name) and self._all_have_reported())
        arrivals = self.target.ledger.arrivals(name)
        lines = [line for function in self._reports() for line in self._since(function, before)]
        trigger = self._since(self._physical("StartRetraining"), before)
        billed = sum(billed for _, billed, _ in lines)
        runs = self.target.ledger.runs(name)
        with self._lock:
            calls, units = self._calls["calls"], self._calls["units"]
        return Cost(
            objects=size,
            executions=sum(1 for run in runs if run.execution),
            invocations=len(lines),
            calls=calls,
            write_units=units,
            billed_ms=billed,
            usd=_usd(len(lines), billed, units, len(runs), size),
            unaccounted=sum(1 for one in arrivals if one.status != "USED"),
            trigger_megabytes=max(megabytes for _, _, megabytes in trigger),
            trigger_seconds=max(seconds for seconds, _, _ in trigger),
            trigger_timeout=self._timeout(),
        )

    def largest_batch(self) -> Cost:
        """Give the trigger a batch of Lambda's 6 MB: 1,000 messages with the longest keys."""
        self.target.ledger.publish(
            pipeline().model_copy(update={"name": "largest"}), "s3://played/", "2026-11-28"
        )
        payload = largest_payload(self.target.output("DataBucketName"))
        function = self._physical("StartRetraining")
        before = self._reports()
        with self._lock:
            self._calls.clear()
        answer = self.target.client("lambda").invoke(FunctionName=function, Payload=payload)
        failures = json.load(answer["Payload"])["batchItemFailures"]
        (report,) = self._since(function, before)
        arrivals = len(self.target.ledger.arrivals("largest"))
        return Cost(
            objects=arrivals,
            executions=0,
            invocations=1,
            calls=self._calls["calls"],
            write_units=self._calls["units"],
            billed_ms=report[1],
            usd=0.0,
            unaccounted=len(failures),
            trigger_megabytes=report[2],
            trigger_seconds=report[0],
            trigger_timeout=self._timeout(),
        )

    def _is_at_rest(self, name: str) -> bool:
        runs = self.target.ledger.runs(name)
        is_free = self.target.ledger.lock(name) is None
        return is_free and bool(runs) and all(run.ended_at for run in runs)

    def _all_have_reported(self) -> bool:
        text = "".join(path.read_text("utf-8") for path in self._logs.rglob("aws/lambda/*/*.log"))
        return text.count("START RequestId: ") == text.count("REPORT RequestId: ")

    def _until(self, done: Any) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not done():
            if time.monotonic() > deadline:
                raise TimeoutError("The burst did not come to rest.")
            time.sleep(0.5)

    def _reports(self) -> dict[str, list[tuple[float, int, int]]]:
        """Return each function's REPORT lines: seconds, billed ms, megabytes."""
        found: dict[str, list[tuple[float, int, int]]] = {}
        for folder in self._logs.glob("aws/lambda/*"):
            text = "".join(path.read_text("utf-8") for path in sorted(folder.rglob("*.log")))
            found[folder.name] = [
                (float(ms) / 1000, int(billed), int(megabytes))
                for ms, billed, megabytes in _REPORT.findall(text)
            ]
        return found

    def _since(
        self, function: str, before: dict[str, list[tuple[float, int, int]]]
    ) -> list[tuple[float, int, int]]:
        # Several environments write into one folder; the count tells what is new, not the order.
        old = Counter(before.get(function, []))
        return list((Counter(self._reports()[function]) - old).elements())

    def _timeout(self) -> int:
        function = self._physical("StartRetraining")
        found = self.target.client("lambda").get_function_configuration(FunctionName=function)
        return int(found["Timeout"])

    def _physical(self, name: str) -> str:
        found = self.target.cloudformation.describe_stack_resource(
            StackName=self.target.stack, LogicalResourceId=name
        )
        return str(found["StackResourceDetail"]["PhysicalResourceId"])


def largest_payload(bucket: str) -> bytes:
    """Return a batch of messages with keys of 1,000 bytes, as near to 6 MB as they come."""
    records: list[str] = []
    size = len('{"Records": []}')
    for number in range(1_000):
        # Control characters take six times their bytes in JSON, and seven in JSON within JSON.
        name = "/".join(["\x01" * 240] * 4)
        told = {
            "key": f"incoming/largest/{number:04}/{name}",
            "size": 10,
            "etag": f"{number:032x}",
            "version-id": f"version-{number}",
            "sequencer": f"{number:08X}",
        }
        body = {
            "source": "aws.s3",
            "detail-type": "Object Created",
            "time": "2026-11-28T00:00:00Z",
            "detail": {"bucket": {"name": bucket}, "object": told},
        }
        record = json.dumps(
            {"messageId": f"m{number}", "body": json.dumps(body), "eventSource": "aws:sqs"}
        )
        size += len(record) + 2
        if size > LAMBDA_BYTES:
            break
        records.append(record)
    return f'{{"Records": [{", ".join(records)}]}}'.encode()


def problems_of(one: Cost, bursts: list[Cost], largest: Cost) -> list[str]:
    """Say what does not hold."""
    found = []
    for burst in bursts:
        if burst.executions > MOST_EXECUTIONS:
            found.append(f"{burst.objects} objects: {burst.executions} executions.")
        if burst.unaccounted:
            found.append(f"{burst.objects} objects: {burst.unaccounted} without a run.")
        if burst.invocations * FEWER_INVOCATIONS > one.invocations * burst.objects:
            found.append(f"{burst.objects} objects: {burst.invocations} invocations.")
    for trigger in (*bursts, largest):
        if trigger.trigger_megabytes >= MOST_MEGABYTES:
            found.append(f"The trigger took {trigger.trigger_megabytes} MB.")
        if trigger.trigger_seconds >= trigger.trigger_timeout:
            found.append(f"The trigger took {trigger.trigger_seconds:.1f} s.")
    if largest.unaccounted:
        found.append(f"Of the 6 MB batch {largest.unaccounted} messages would come again.")
    return found + [
        f"{larger.objects} objects: {larger.calls} calls, {larger.write_units} write units."
        for smaller, larger in pairwise(bursts)
        if max(larger.calls / smaller.calls, larger.write_units / smaller.write_units)
        > MOST_GROWTH / 2 * larger.objects / smaller.objects
    ]


def table(one: Cost, bursts: list[Cost], largest: Cost) -> Table:
    """Lay out each burst beside its baseline."""
    shown = Table(title="A burst of objects, and an execution per object (jobs played)")
    columns = ("objects", "", "executions", "invocations", "calls", "write units")
    for column in (*columns, "billed s", "USD", "trigger MB", "trigger s"):
        shown.add_column(column, justify="right")
    rows = [(one, "one")]
    for burst in bursts:
        rows += [(burst, "burst"), (one.times(burst.objects), "baseline")]
    for cost, name in (*rows, (largest, "6 MB batch")):
        shown.add_row(
            f"{cost.objects:,}",
            name,
            f"{cost.executions:,}",
            f"{cost.invocations:,}",
            f"{cost.calls:,}",
            f"{cost.write_units:,}",
            f"{cost.billed_ms / 1000:.1f}",
            f"{cost.usd:.4f}",
            str(cost.trigger_megabytes or ""),
            f"{cost.trigger_seconds:.1f}" if cost.trigger_seconds else "",
        )
    return shown


def _usd(invocations: int, billed_ms: int, units: int, runs: int, messages: int) -> float:
    """Return the price of all but the jobs and the endpoint."""
    # A message is sent by EventBridge, received and deleted, the latter two in batches of ten.
    queue = messages + 2 * math.ceil(messages / QUEUE_BATCH)
    return (
        invocations * PER_INVOCATION
        + billed_ms / 1000 * MEMORY_GB * PER_GB_SECOND
        + units * PER_WRITE_UNIT
        + runs * TRANSITIONS * PER_TRANSITION
        + queue * PER_QUEUE_REQUEST
    )


def _write_units(call: Any) -> int:
    """Return DynamoDB's write units: one for each KiB of an item, twice that in a transaction."""
    text = call.text()
    request = json.loads(text[text.index("{") :])
    if call.operation == "BatchWriteItem":
        writes = [write for table in request["RequestItems"].values() for write in table]
        return sum(_kibibytes(write) for write in writes)
    if call.operation == "TransactWriteItems":
        return sum(2 * _kibibytes(write) for write in request["TransactItems"])
    return _kibibytes(request)


def _kibibytes(write: Any) -> int:
    return math.ceil(len(json.dumps(write, ensure_ascii=False).encode()) / 1024)


if __name__ == "__main__":
    sys.exit(main())
