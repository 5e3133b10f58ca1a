import importlib.util
import json
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.unit.dropforge_core.stack import (
    DATA_BUCKET,
    FINISH,
    NOTIFY,
    REGION,
    TABLE,
    Stack,
    a_stack,
)

ROOT = Path(__file__).parents[3]
TOPIC = f"arn:aws:sns:{REGION}:123456789012:announcements"


class Context:
    """What Lambda tells a handler of itself."""

    function_name = "function"
    memory_limit_in_mb = 256
    invoked_function_arn = f"arn:aws:lambda:{REGION}:123456789012:function:function"
    aws_request_id = "1d5f3a0e-7f0c-4b1e-8e9d-0a1b2c3d4e5f"


class Functions:
    """The functions, each loaded afresh, as Lambda loads them, on one stack."""

    def __init__(self, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
        """Load nothing yet."""
        self.stack = stack
        self.monkeypatch = monkeypatch
        self.loaded: dict[str, ModuleType] = {}

    def load(self, name: str) -> ModuleType:
        """Load a function's module, with the stack's clients, which keep what Lambda is told."""
        if name not in self.loaded:
            path = ROOT / "functions" / name / "app.py"
            spec = importlib.util.spec_from_file_location(f"{name}_app", path)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            # Powertools keeps one logger, and its stream, for each service of a process.
            self.monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"{name}-{uuid.uuid4()}")
            self.monkeypatch.setitem(sys.modules, spec.name, module)
            spec.loader.exec_module(module)
            module.__dict__["clients"] = self.stack.clients
            self.loaded[name] = module
        return self.loaded[name]

    def invoke(self, name: str, event: Any) -> dict[str, Any]:
        """Invoke a function; the answer has gone through JSON, as Lambda's has."""
        answer = self.load(name).lambda_handler(event, Context())
        return dict(json.loads(json.dumps(answer)))


@pytest.fixture
def stack() -> Iterator[Stack]:
    """An empty stack on moto."""
    with a_stack() as made:
        yield made


@pytest.fixture
def functions(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Functions:
    """The functions with the environment that the template gives them."""
    environment = {
        "AWS_DEFAULT_REGION": REGION,
        "POWERTOOLS_METRICS_NAMESPACE": "Dropforge",
        "LEDGER_TABLE": TABLE,
        "DATA_BUCKET": DATA_BUCKET,
        "RETRAIN_STATE_MACHINE_ARN": stack.state_machine,
        "NOTIFY_FUNCTION": NOTIFY,
        "FINISH_FUNCTION": FINISH,
        "INCOMING_QUEUE_URL": stack.queue,
        "STACK_NAME": "dropforge",
        "ARTIFACTS_BUCKET": "artifacts",
        # Nobody listens there: no function looks at what is on the internet.
        "ARTIFACTS_DOMAIN": "127.0.0.1:1",
        "ANNOUNCEMENTS_TOPIC_ARN": TOPIC,
        "SLACK_WEBHOOK_SOURCE": "none",
        "SLACK_WEBHOOK_NAME": "/hook",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Functions(stack, monkeypatch)


@pytest.fixture
def output(capsys: pytest.CaptureFixture[str]) -> Any:
    """Return what the functions printed since last asked: log lines, then metrics."""

    def read() -> tuple[list[dict[str, Any]], dict[str, float]]:
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        counted: dict[str, float] = {}
        for line in lines:
            for group in line.get("_aws", {}).get("CloudWatchMetrics", []):
                for metric in group["Metrics"]:
                    counted[metric["Name"]] = sum(line[metric["Name"]])
        return [line for line in lines if "_aws" not in line], counted

    return read


@pytest.fixture
def sample() -> Any:
    """Read an event file, the same that ``sam local invoke`` uses."""

    def read(name: str) -> Any:
        return json.loads((ROOT / "events" / f"{name}.json").read_text())

    return read
