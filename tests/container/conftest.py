"""An engine, base images made here, our images built on them, and embedded AWSs that use both.

These tests are not part of `make test`: `make test-container` runs them.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from . import bases, engine, images
from .iris import Played, play
from .sam import EVENTS, Answered, Both, both
from .stack import Contained, contained_stack
from .tool import Tool

PYTHON_BASE = "dropforge-stand-in/python:3.13"
LAMBDA_BASE = "dropforge-stand-in/lambda-python:3.13"
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
    """An engine runs, or no test does."""
    try:
        with engine.engine():
            yield
    except engine.EngineError as err:
        pytest.exit(f"No container engine can be had: {err}", returncode=1)


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
def beside(running_engine: None) -> Iterator[ThreadPoolExecutor]:  # noqa: ARG001
    """What takes long is done beside the other tests, one thing after the other."""
    with ThreadPoolExecutor(max_workers=1) as executor:
        yield executor
        executor.shutdown(cancel_futures=True)


@pytest.fixture(scope="session")
def builder(
    beside: ThreadPoolExecutor, python_base: str, tmp_path_factory: pytest.TempPathFactory
) -> Future[None]:
    """Make the image that ours are built in."""
    return beside.submit(images.make_builder, python_base, tmp_path_factory.mktemp("wheels"))


@pytest.fixture(scope="session", name="images")
def built_images(
    builder: Future[None],
    beside: ThreadPoolExecutor,
    python_base: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Future[str]]:
    """Build each of our images by the tool; give their names in the engine."""
    tool = Tool(bases.ROOT, tmp_path_factory.mktemp("builds") / "state")

    def build(name: str) -> str:
        builder.result()
        return images.build(tool, python_base, name)

    return {name: beside.submit(build, name) for name in images.NAMES}


@dataclass(frozen=True)
class Loop:
    """An embedded AWS in which the loop of iris is played."""

    state: Path
    played: Future[Played]


@pytest.fixture(scope="session")
def iris_loops(
    images: dict[str, Future[str]],
    beside: ThreadPoolExecutor,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Loop]:
    """Play the loop of iris in containers and in processes."""

    def begin(runtime: str) -> Loop:
        tool = Tool(bases.ROOT, tmp_path_factory.mktemp(runtime) / "state")
        drops = tmp_path_factory.mktemp("drops")

        def loop() -> Played:
            images["iris"].result()
            return play(tool, runtime, drops)

        return Loop(tool.state, beside.submit(loop))

    return {runtime: begin(runtime) for runtime in ("docker", "process")}


@dataclass(frozen=True)
class Compared:
    """`sam local` and our own Lambda, and what both answer to each event."""

    both: Future[Both]
    answers: dict[Path, Future[Answered]]


@pytest.fixture(scope="session")
def compared(lambda_base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compared]:
    """Ask both, one event after the other, beside the tests and what else is beside them."""
    folder = tmp_path_factory.mktemp("sam")
    with ExitStack() as running, ThreadPoolExecutor(max_workers=1) as executor:
        started = executor.submit(lambda: running.enter_context(both(folder, lambda_base)))

        def ask(event: Path) -> Answered:
            return started.result().ask(event)

        yield Compared(started, {event: executor.submit(ask, event) for event in EVENTS})
        executor.shutdown(cancel_futures=True)


# What is done beside the tests, and begins with them when one of them asks for it.
_BESIDE = ("compared", "images", "iris_loops")


@pytest.fixture(scope="session", autouse=True)
def begun(request: pytest.FixtureRequest) -> None:
    """Begin what is waited for later."""
    asked = {name for item in request.session.items for name in _fixtures(item)}
    for name in _BESIDE:
        if name in asked:
            request.getfixturevalue(name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let those that wait for what is done beside them come last."""
    items.sort(key=lambda item: any(name in _fixtures(item) for name in _BESIDE))


@pytest.fixture(scope="session")
def stack(python_base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contained]:
    """A stack whose jobs and endpoints are containers."""
    with contained_stack(tmp_path_factory.mktemp("contained"), python_base) as stack:
        yield stack


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    """The command line on this checkout, with an embedded AWS of its own."""
    tool = Tool(bases.ROOT, tmp_path_factory.mktemp("embedded") / "state")
    yield tool
    assert tool("local", "down").returncode == 0
    assert engine.left_behind(tool.state) == []


def _fixtures(item: pytest.Item) -> list[str]:
    names: list[str] = getattr(item, "fixturenames", [])
    return names
