"""What all tests share: a real embedded AWS, started once."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.config import Config
from hypothesis import settings

START_SECONDS = 60.0
STOP_SECONDS = 15.0

# Tests assert behaviour, not time: a busy machine is slow.
settings.register_profile("behaviour", deadline=None)
settings.load_profile("behaviour")


@dataclass(frozen=True)
class Embedded:
    """A running embedded AWS."""

    endpoint_url: str
    state: Path

    def client(self, service: str) -> Any:
        """Make a boto3 client of it that does not retry, so that errors show."""
        make: Any = boto3.client  # its type wants a literal name
        return make(
            service,
            endpoint_url=self.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - nobody checks it
            config=Config(retries={"total_max_attempts": 1}),
        )


def start_embedded(state: Path) -> subprocess.Popen[bytes]:
    """Start an embedded AWS as its users do, and wait until it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "embedded_aws", "--state", str(state)],
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + START_SECONDS
    while not (state / "embedded.json").exists():
        assert process.poll() is None, "the embedded AWS ended while it started"
        assert time.monotonic() < deadline, "the embedded AWS did not start"
        time.sleep(0.05)
    return process


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """Give an embedded AWS that all tests share: use names of your own in it."""
    state = tmp_path_factory.mktemp("embedded")
    process = start_embedded(state)
    record = json.loads((state / "embedded.json").read_text())
    yield Embedded(record["endpoint_url"], state)
    process.send_signal(signal.SIGTERM)
    assert process.wait(STOP_SECONDS) == 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse to mix: tests of the embedded AWS change moto for the whole process."""
    folder = Path(__file__).parent / "unit" / "embedded_aws"
    changing = [folder in item.path.parents for item in items]
    if any(changing) and not all(changing):
        message = f"{folder} needs a process of its own: run `make test`, or choose tests."
        raise pytest.UsageError(message)
    if not any(changing):
        _share_models()


def _share_models() -> None:
    """Let all boto3 sessions share botocore's models, which each would read anew and keep.

    That is 16 MB for every test that makes a stack, and half of the time that its clients take. Not
    where the models themselves are looked at: S3's clients change them.
    """
    vars(botocore.session)["create_loader"] = cache(botocore.session.create_loader)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say of each skipped test why, where green has to mean that everything ran."""
    for report in terminalreporter.stats.get("skipped", []) if "CI" in os.environ else []:
        terminalreporter.write_line(f"skipped, which CI counts as failed: {report.nodeid}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail in CI when a test was skipped: a test that does not run shows nothing."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and "CI" in os.environ and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
