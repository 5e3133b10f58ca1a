"""One embedded AWS with one stack for the tests here; its retries and Wait states take no time."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml
from rich.console import Console

from dropforge.build import Build, build
from dropforge.project import Project
from dropforge.publish import publish
from dropforge.target import Target, forget_user_configuration, local_target
from embedded_aws.deploy import deploy_stack

from .fault_book import Fault, table
from .stack import QUICK, ROOT, Stack

FAULTS = pytest.StashKey[dict[int, Fault]]()
TABLE_WIDTH = 200
HURRIED = Path(__file__).parent / "hurried.py"
START_SECONDS = 60.0
STOP_SECONDS = 15.0


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A deployed stack in a project of its own, with the quick pipeline's container."""
    root = tmp_path_factory.mktemp("project")
    for name in ("template.yaml", "dropforge_jobs"):
        (root / name).symlink_to(ROOT / name)
    (root / "pipelines").mkdir()
    shutil.copytree(QUICK / "container", root / "containers/quick")
    (root / "containers/aws-images.yaml").write_text("aws-glue: quick\n", "utf-8")
    project = Project(root, root / "state")
    built = build(Project(ROOT, ROOT / ".dropforge/local"))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED"):
            patch.setenv(name, "")
        forget_user_configuration()
        process = start_hurried(project.state)
        try:
            yield Stack(project, deployed(project, built))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_SECONDS)


def deployed(project: Project, built: Build) -> Target:
    """Deploy the stack and return it."""
    record = json.loads((project.state / "embedded.json").read_text("utf-8"))
    target = local_target(record["endpoint_url"], "dropforge", "us-east-1")
    webhook = (project.state / "slack-webhook").read_text("utf-8")
    target.client("ssm").put_parameter(
        Name="/dropforge/slack-webhook", Value=webhook, Type="SecureString"
    )
    parameters = {
        "Architecture": built.architecture,
        "BatchingWindowSeconds": "1",
        "SlackWebhookSource": "ssm",
    }
    template = built.folder / "template.yaml"
    deploy_stack(target.client, template, "dropforge", parameters, "packages")
    return target


def start_hurried(
    state: Path, *options: str, program: Path = HURRIED, environment: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start the embedded AWS and wait until it is ready."""
    process = subprocess.Popen(
        [sys.executable, str(program), "--state", str(state), *options],
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + START_SECONDS
    while not (state / "embedded.json").exists():
        assert process.poll() is None, "the embedded AWS ended while it started"
        assert time.monotonic() < deadline, "the embedded AWS did not start"
        time.sleep(0.05)
    return process


class PublishIris(Protocol):
    """Publishes the real pipeline `iris` under a name, with changes to sections of its own."""

    def __call__(self, name: str, **sections: Any) -> None:
        """Change a section's entries, or put something else in its place, and publish."""


@pytest.fixture
def iris(stack: Stack) -> PublishIris:
    """Publish the real pipeline `iris`."""
    image = stack.project.root / "containers/iris"
    if not image.exists():
        shutil.copytree(ROOT / "containers/iris", image)

    def publish_as(name: str, **sections: Any) -> None:
        folder = stack.project.pipelines / name
        shutil.copytree(ROOT / "pipelines/iris", folder, dirs_exist_ok=True)
        path = folder / "pipeline.yaml"
        config = yaml.safe_load(path.read_text("utf-8")) | {"name": name}
        for section, changes in sections.items():
            changed = isinstance(changes, dict) and isinstance(config.get(section), dict)
            config[section] = config[section] | changes if changed else changes
        path.write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
        publish(stack.project, stack.target, [name])

    return publish_as


@pytest.fixture(autouse=True)
def no_faults_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """A fault that a test forced and did not use does not reach the next."""
    yield
    if "stack" in request.fixturenames:
        request.getfixturevalue("stack").clear_faults()


@pytest.fixture
def fault(request: pytest.FixtureRequest) -> Fault:
    """The fault that a test is marked with; what it saw comes into the table."""
    return fault_of(request.node)


def fault_of(test: pytest.Item) -> Fault:
    """Return the fault that a test is marked with."""
    mark = test.get_closest_marker("fault")
    assert mark is not None
    (number,) = mark.args
    return test.config.stash.setdefault(FAULTS, {}).setdefault(number, Fault(number))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note whether the application survived a fault."""
    report = yield
    if item.get_closest_marker("fault"):
        fault_of(item).outcomes.append(report.outcome)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the faults that were tried in this session as a table."""
    if faults := terminalreporter.config.stash.get(FAULTS, {}):
        terminalreporter.ensure_newline()
        Console(width=TABLE_WIDTH).print(table(list(faults.values())))
