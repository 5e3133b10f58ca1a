"""The whole loop of `iris`: what is dropped, how the runs end, what the endpoint says."""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .bases import ROOT
from .tool import Tool

TABLE = ROOT / "pipelines/iris/data/iris_label_first.csv"
FLOWER = "6.3,3.3,6.0,2.5"


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


def play(tool: Tool, runtime: str, folder: Path) -> Played:
    """Drop into an embedded AWS of its own, drop more, drop bad data, go back; always ask."""
    try:
        assert tool.document("local", "up", "--runtime", runtime)["runtime"] == runtime
        runs, answers = [], []
        verbs = [("drop", "iris", str(file), "--wait") for file in drops(folder)]
        for verb in [*verbs, ("rollback", "iris")]:
            status = 1 if verb == verbs[-1] else 0
            runs.append(tool.document(*verb, status=status))
            answers.append(tool.document("invoke", "iris", "--data", FLOWER)["prediction"])
        return Played(runs, answers)
    finally:
        tool("local", "down")
