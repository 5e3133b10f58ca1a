"""Log files become streams of CloudWatch Logs, named as SageMaker's."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from embedded_aws.sagemaker.log_streams import LogStreams


class Sink:
    """What was put, by group and stream."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.found: dict[tuple[str, str], list[str]] = {}

    def put(self, group: str, stream: str, messages: Sequence[str]) -> None:
        """Keep messages."""
        self.found.setdefault((group, stream), []).extend(messages)

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, self.found
            time.sleep(0.02)


@pytest.fixture
def closing() -> Iterator[threading.Event]:
    """What ends the thread."""
    event = threading.Event()
    yield event
    event.set()


def test_lines_come_while_a_program_runs(tmp_path: Path, closing: threading.Event) -> None:
    """Whole ones at once, the last at the end; what an earlier program wrote is not put again."""
    sink, path = Sink(), tmp_path / "a.log"
    path.write_text("of an earlier job\n")
    streams = LogStreams(sink.put, closing)
    key = ("g", "job/algo-1")
    with streams.following(path, *key), path.open("a") as file:
        file.write("one\n\ntwo\nhal")
        file.flush()
        sink.wait(lambda: key in sink.found)
        assert sink.found[key] == ["one", "two"]
        file.write("f")
    assert sink.found[key] == ["one", "two", "half"]
    path.write_text("later\n")
    streams.finish(path)
    assert sink.found[key][-1] == "half", "it was followed for too long"


def test_a_file_that_is_begun_anew(tmp_path: Path, closing: threading.Event) -> None:
    """As a processing job does with that of an earlier one of its name."""
    sink, path = Sink(), tmp_path / "a.log"
    path.write_text("a long line of an earlier job\n")
    streams = LogStreams(sink.put, closing)
    with streams.following(path, "g", "s"):
        path.write_text("new\n")
    assert sink.found == {("g", "s"): ["new"]}


def test_much_at_once(tmp_path: Path, closing: threading.Event) -> None:
    """Megabytes come whole and in their order; a line has no end of its own at 256 KiB."""
    sink, path = Sink(), tmp_path / "a.log"
    streams = LogStreams(sink.put, closing)
    lines = [f"{number} {'x' * 1000}" for number in range(3000)]
    with streams.following(path, "g", "s"):
        path.write_text("\n".join([*lines, "y" * 300_000]) + "\n")
    assert sink.found["g", "s"][:3000] == lines
    assert len(sink.found["g", "s"][3000]) == 256 * 1024


def test_the_time_in_a_name(tmp_path: Path, closing: threading.Event) -> None:
    """Streams of jobs end in the moment of their beginning."""
    sink, path = Sink(), tmp_path / "a.log"
    with LogStreams(sink.put, closing).following(path, "g", "job/algo-1-{at}"):
        path.write_text("x\n")
    [(_, stream)] = sink.found
    assert abs(int(stream.rpartition("-")[2]) / 1000 - time.time()) < 60
