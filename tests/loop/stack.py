"""A whole stack on an embedded AWS in this process, and a pipeline that takes no time."""

import json
import os
import shutil
import time
import urllib.request
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from dropforge_core.records import Run

from dropforge.project import Project
from dropforge.publish import publish
from dropforge.runs import document
from dropforge.target import Target

ROOT = Path(__file__).parents[2]
QUICK = Path(__file__).parent / "quick"
GOOD = json.dumps({"metrics": {"accuracy": 0.95}})
DEFAULTS: dict[str, Any] = {
    "preprocess": "ok",
    "preprocessing": {},  # more of the section `preprocess`
    "models": [],  # `<name>=<answer>`: what preprocess makes for further containers
    "train": "ok",
    "training": {},  # more of the section `train`
    "evaluation": GOOD,
    "serve": "ok",
    "answer": "1",
    "image": "quick",
    "padding": 0,
    "serving": {},  # more of the section `serve`
    "judging": {},  # more of the section `judge`
    "timeout_seconds": 30,
    "approval": "automatic",
    "start": {},
    "evaluation_of_stranger": "",
    # Whether evaluating leaves a report and a chart; what of train's log counts; a machine's price.
    "chart": False,
    "metrics": {},
    "hourly_usd": None,
    "machine": {},  # more of the training's `instance`
}
DEADLINE_SECONDS = 60.0


def endpoint_of(name: str) -> str:
    """Return the name of a pipeline's endpoint."""
    return f"dropforge-{name.replace('_', '-')}"


def running_test() -> str:
    """Return the id of the test that is running, and its phase."""
    return os.environ["PYTEST_CURRENT_TEST"]


def publisher() -> str:
    """Return the test that is running; while a fixture is made, which others may use, its file."""
    test, _, phase = running_test().rpartition(" ")
    return test if phase == "(call)" else test.partition("::")[0]


@dataclass
class Stack:
    """The stack, and what a test does with it."""

    project: Project
    target: Target
    # Whose each pipeline is: a test that met another's runs would take them for its own.
    owners: dict[str, str] = field(default_factory=dict)

    def publish(self, name: str, **behaviour: Any) -> None:
        """Publish the quick pipeline under a name, each of its steps behaving as told."""
        owner = self.owners.setdefault(name, publisher())
        assert running_test().startswith(owner), f"the pipeline {name} is taken by {owner}"
        told = DEFAULTS | behaviour
        instance = {} if told["hourly_usd"] is None else {"hourly_usd": told["hourly_usd"]}
        folder = self.project.pipelines / name
        shutil.copytree(QUICK / "pipeline", folder, dirs_exist_ok=True)
        config: dict[str, Any] = {
            "name": name,
            "image": told["image"],
            "preprocess": {
                "script": "preprocess.py",
                "arguments": [told["preprocess"], *told["models"]],
                "timeout_seconds": told["timeout_seconds"],
                "instance": instance,
                **told["preprocessing"],
            },
            "train": {
                "hyperparameters": {
                    "behaviour": told["train"],
                    "answer": told["answer"],
                    # Makes the job's description as long as one likes; a value has 2,500 at most.
                    **{f"padding{n}": "x" * 2000 for n in range(told["padding"] // 2000)},
                },
                "timeout_seconds": told["timeout_seconds"],
                "instance": instance | told["machine"],
                "metrics": told["metrics"],
                **told["training"],
            },
            "evaluate": {
                "script": "evaluate.py",
                "arguments": [
                    told["evaluation"],
                    told["evaluation_of_stranger"],
                    *(["chart"] if told["chart"] else []),
                ],
                "instance": instance,
            },
            "serve": {
                "instance": {"count": 1},
                "environment": {"BEHAVIOUR": told["serve"]},
                **told["serving"],
            },
            "judge": {
                "metric": "accuracy",
                "thresholds": {"accuracy": {"minimum": 0.9}},
                **told["judging"],
            },
            "approval": told["approval"],
            "start": told["start"],
        }
        config |= {key: told[key] for key in ("keep", "after_deploy") if key in told}
        (folder / "pipeline.yaml").write_text(yaml.safe_dump(config), "utf-8")
        publish(self.project, self.target, [name])

    def drop(self, name: str, content: str, key: str = "data.csv") -> None:
        """Put an object where the trigger looks."""
        bucket = self.target.output("DataBucketName")
        self.target.s3.put_object(
            Bucket=bucket, Key=f"incoming/{name}/{key}", Body=content.encode()
        )

    def bring(self, name: str, *images: str) -> None:
        """Publish one of the repository's own pipelines, with the images that it names.

        What an image needs is installed once for all projects here.
        """
        root = self.project.root
        for image in images:
            shutil.copytree(ROOT / "containers" / image, root / "containers" / image)
        ours = yaml.safe_load((ROOT / "containers" / "aws-images.yaml").read_text("utf-8"))
        table = root / "containers" / "aws-images.yaml"
        # What stands in for Glue stays as it is, unless Spark is brought: it has its folder here.
        stand_ins = yaml.safe_load(table.read_text("utf-8")) if table.exists() else {}
        stand_ins |= {image: folder for image, folder in ours.items() if folder in images}
        table.write_text(yaml.safe_dump(stand_ins), "utf-8")
        shutil.copytree(ROOT / "pipelines" / name, root / "pipelines" / name)
        environments = ROOT / ".dropforge" / "environments"
        environments.mkdir(parents=True, exist_ok=True)
        self.project.own.mkdir(exist_ok=True)
        shared = self.project.own / "environments"
        if not shared.is_symlink():
            shared.symlink_to(environments)
        publish(self.project, self.target, [name])

    def ended_run(
        self, name: str, count: int = 1, seconds: float = DEADLINE_SECONDS
    ) -> dict[str, Any]:
        """Wait until so many runs have ended and released the pipeline; return the newest."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            runs = self.target.ledger.runs(name)
            released = self.target.ledger.lock(name) is None
            if released and len(runs) >= count and all(run.ended_at for run in runs):
                return document(runs[0])
            time.sleep(0.05)
        message = f"{name} has no {count} ended runs after {seconds} s: {runs}"
        raise AssertionError(message)

    def waiting_run(self, name: str) -> Run:
        """Wait until the newest run waits for approval."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            runs = self.target.ledger.runs(name)
            if runs and runs[0].status == "WAITING_FOR_APPROVAL":
                return runs[0]
            time.sleep(0.05)
        message = f"no run of {name} waits for approval after {DEADLINE_SECONDS} s: {runs}"
        raise AssertionError(message)

    def started(self, name: str) -> list[Run]:
        """Return the run that holds the pipeline, if there is one whose execution was started."""
        lock = self.target.ledger.lock(name)
        running = lock.run_id if lock and lock.phase == "RUNNING" else None
        return [run for run in self.target.ledger.runs(name) if run.run_id == running]

    def run(self, name: str, content: str = "1,2\n", count: int = 1) -> dict[str, Any]:
        """Drop something and wait for its run."""
        self.drop(name, content)
        return self.ended_run(name, count)

    def answer(self, name: str) -> str:
        """Ask the pipeline's endpoint."""
        answered = self.target.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=endpoint_of(name), Body=b"1,2", ContentType="text/csv"
        )
        text: str = answered["Body"].read().decode()
        return text

    def fault(self, service: str, operation: str, code: str, **options: Any) -> None:
        """Make the next calls of an operation fail before anything happens."""
        self.strike(service=service, operation=operation, code=code, **options)

    def strike(self, **fault: Any) -> None:
        """Force a fault, given by the fields of its document."""
        self._control("POST", "faults", fault)

    def faults(self) -> list[dict[str, Any]]:
        """List the faults that did not happen yet."""
        found: list[dict[str, Any]] = self._control("GET", "faults", None)
        return found

    def force(self, name: str, **order: Any) -> None:
        """Have a status of the pipeline's endpoint, or an outcome of its next change."""
        self._control("POST", "endpoints", {"name": endpoint_of(name)} | order)

    def clear_faults(self) -> None:
        """Forget the faults and the forced outcomes that did not happen."""
        self._control("DELETE", "faults", None)
        self._control("DELETE", "endpoints", None)

    def fire_schedule(self, function: str) -> None:
        """Fire the scheduled rule of a function now."""
        rules = [rule.get("rule", "") for rule in self._control("GET", "schedules", None)]
        # Another test may have a second stack in the same embedded AWS.
        (rule,) = [rule for rule in rules if rule.startswith(f"{self.target.stack}-{function}")]
        self._control("POST", "schedules/fire", {"rule": rule})

    def fire(self, pipeline: str) -> None:
        """Fire a pipeline's own schedule now."""
        stack = self.target.stack
        self._control("POST", "schedules/fire", {"schedule": f"{stack}/{stack}-{pipeline}"})

    def slack(self) -> list[dict[str, Any]]:
        """Return the messages that the Slack stand-in holds."""
        messages: list[dict[str, Any]] = self._control("GET", "slack", None)
        return messages

    def slack_about(self, run_id: str) -> list[dict[str, Any]]:
        """Return the messages about one run."""
        return [message for message in self.slack() if run_id in json.dumps(message)]

    @cached_property
    def url(self) -> str:
        """The embedded AWS's address."""
        return str(self.target.endpoint_url)

    def _control(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        request = urllib.request.Request(  # noqa: S310
            f"{self.url}/_embedded/{path}",
            method=method,
            data=json.dumps(body).encode() if body else None,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            text = answer.read()
        return json.loads(text) if text else None
