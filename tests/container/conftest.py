"""An engine, base images made here, our images built on them, and embedded AWSs that use both.

These tests are not part of `make test`: `make test-container` runs them.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import bases, engine
from .tool import Tool

PYTHON_BASE = "dropforge-stand-in/python:3.13"
BUILDER = "dropforge-stand-in/builder:3.13"
LAMBDA_BASE = "dropforge-stand-in/lambda-python:3.13"
_BUILDER = f"""
FROM {PYTHON_BASE}
COPY . /wheels
RUN printf '[global]\\nno-index = true\\nfind-links = /wheels\\n' > /etc/pip.conf
"""


_INVOCATIONS = pytest.StashKey[list[tuple[str, ...]]]()


@pytest.fixture(scope="session")
def invocations(pytestconfig: pytest.Config) -> list[tuple[str, ...]]:
    """Collect the rows of the table that is printed at the end."""
    return pytestconfig.stash.setdefault(_INVOCATIONS, [])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print what `sam local invoke` and our own Lambda answered."""
    found = config.stash.get(_INVOCATIONS, [])
    if not found:
        return
    head = ("function", "event", "sam local invoke", "embedded", "equal", "seconds")
    table = [head, *sorted(found)]
    widths = [max(len(row[column]) for row in table) for column in range(len(head))]
    terminalreporter.section("functions")
    for row in table:
        terminalreporter.write_line("  ".join(map(str.ljust, row, widths)).rstrip())


@pytest.fixture(scope="session", autouse=True)
def running_engine() -> Iterator[None]:
    """An engine runs."""
    with engine.engine():
        yield


@pytest.fixture(scope="session")
def lambda_base(running_engine: None) -> str:  # noqa: ARG001
    """Return the name of what stands in for AWS's image of Lambda's Python."""
    bases.lambda_base(LAMBDA_BASE)
    return LAMBDA_BASE


@pytest.fixture(scope="session")
def python_base(running_engine: None) -> str:  # noqa: ARG001
    """Return the name of what stands in for python:3.13-slim."""
    bases.python_base(PYTHON_BASE)
    return PYTHON_BASE


@pytest.fixture(scope="session")
def iris_image(python_base: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Build the image `iris` by the tool; return its name.

    Containers have no network here, so the wheels that its requirements name are in the builder.
    """
    folder = tmp_path_factory.mktemp("wheels")
    requirements = bases.ROOT / "containers/iris/requirements.txt"
    options = ("--quiet", "--require-hashes", "--only-binary=:all:", "--dest", str(folder))
    subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, "--requirement", str(requirements)],
        check=True,
    )
    (folder / "Dockerfile").write_text(_BUILDER)
    engine.docker("build", "--quiet", "--tag", BUILDER, str(folder))
    tool = Tool(bases.ROOT, tmp_path_factory.mktemp("image") / "state")
    built = tool.document("image", "build", "iris", "--base", python_base, "--builder", BUILDER)
    name: str = built["name"]
    return name


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    """The command line on this checkout, with an embedded AWS of its own."""
    tool = Tool(bases.ROOT, tmp_path_factory.mktemp("embedded") / "state")
    yield tool
    assert tool("local", "down").returncode == 0
    assert left_behind(tool.state) == []


def left_behind(state: Path) -> list[str]:
    """List the containers and networks of a state folder's embedded AWS."""
    label = ("--filter", f"label=embedded-aws={state}", "--quiet")
    containers = engine.docker("ps", "--all", *label).split()
    return [*containers, *engine.docker("network", "ls", *label).split()]
