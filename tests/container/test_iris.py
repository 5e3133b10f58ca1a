"""The whole loop of `iris` in containers, and in processes: they learn and say the same."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .bases import ROOT
from .tool import Tool

TABLE = ROOT / "pipelines/iris/data/iris_label_first.csv"
FLOWER = "6.3,3.3,6.0,2.5"
pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True)
class Played:
    """What the runs of one embedded AWS ended as, and what the endpoint said after each."""

    runs: list[dict[str, Any]]
    answers: list[str]


def drops(folder: Path) -> list[Path]:
    """Write what is dropped: two species, a third, and all of them with shuffled labels."""
    rows = TABLE.read_text().splitlines()
    labels = [row.partition(",")[0] for row in rows]
    random.Random(20).shuffle(labels)  # noqa: S311 - a fixed shuffle, no secret
    contents = [
        [row for row in rows if not row.startswith("virginica")],
        [row for row in rows if row.startswith("virginica")],
        [f"{label},{row.partition(',')[2]}" for label, row in zip(labels, rows, strict=True)],
    ]
    files = [folder / f"{number}.csv" for number in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        file.write_text("".join(f"{row}\n" for row in content))
    return files


def play(tool: Tool, folder: Path) -> Played:
    """Drop, drop more, drop bad data, go back; ask the endpoint after each."""
    runs, answers = [], []
    verbs = [("drop", "iris", str(file), "--wait") for file in drops(folder)]
    for verb in [*verbs, ("rollback", "iris")]:
        status = 1 if verb == verbs[-1] else 0
        runs.append(tool.document(*verb, status=status))
        answers.append(tool.document("invoke", "iris", "--data", FLOWER)["prediction"])
    return Played(runs, answers)


@pytest.fixture(scope="module")
def in_containers(tool: Tool, iris_image: str, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The loop under the docker runtime."""
    assert iris_image
    assert tool.document("local", "up", "--runtime", "docker")["runtime"] == "docker"
    return play(tool, tmp_path_factory.mktemp("drops"))


@pytest.fixture(scope="module")
def in_processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """The loop under the process runtime."""
    tool = Tool(ROOT, tmp_path_factory.mktemp("processes") / "state")
    try:
        assert tool.document("local", "up")["runtime"] == "process"
        yield play(tool, tmp_path_factory.mktemp("drops"))
    finally:
        tool("local", "down")


def test_drop_retrain_update_reject_and_go_back(in_containers: Played) -> None:
    """Each run ends as it should, and the endpoint says what its model has learned."""
    ends = [(run["status"], run["endpoint"]["action"]) for run in in_containers.runs]
    assert ends == [
        ("DEPLOYED", "CREATED"),
        ("DEPLOYED", "UPDATED"),
        ("REJECTED", "NONE"),
        ("DEPLOYED", "UPDATED"),
    ]
    first, *later = in_containers.answers
    assert later == ["virginica", "virginica", first]
    assert first != "virginica"


def test_both_runtimes_learn_and_say_the_same(in_containers: Played, in_processes: Played) -> None:
    """Metrics, the champion's metrics, reasons and predictions."""
    told = ("status", "metrics", "champion_metrics", "reason", "billed_transitions")
    for contained, processed in zip(in_containers.runs, in_processes.runs, strict=True):
        assert contained["status"] != "REJECTED" or contained["metrics"]
        assert {name: contained[name] for name in told[:3]} == {
            name: processed[name] for name in told[:3]
        }
    assert in_containers.answers == in_processes.answers
