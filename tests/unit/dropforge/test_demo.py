from dataclasses import replace

import pytest

from dropforge import demo
from dropforge.project import Project
from dropforge.target import Target
from tests.unit.dropforge.test_runs import RUN

ROWS = [
    f"{species},{n},1,1,1" for species in ("setosa", "versicolor", "virginica") for n in range(9)
]


def test_the_three_drops_tell_a_story() -> None:
    """Two species, then the third, then all of them with labels that mean nothing."""
    first, second, third = demo._acts(ROWS, "virginica")  # noqa: SLF001 - its data, not its play
    assert first.rows == ROWS[:18]
    assert second.rows == ROWS[18:]
    features = [row.partition(",")[2] for row in ROWS]
    assert [row.partition(",")[2] for row in third.rows] == features
    assert sorted(third.rows) != sorted(ROWS)
    labels = [row.partition(",")[0] for row in third.rows]
    assert sorted(labels) == sorted(row.partition(",")[0] for row in ROWS)
    assert demo._acts(ROWS, "virginica")[2].rows == third.rows  # noqa: SLF001


def test_the_acts_end_as_the_story_goes() -> None:
    """Created, updated, and left alone."""
    ends = [(act.status, act.action) for act in demo._acts(ROWS, "virginica")]  # noqa: SLF001
    assert ends == [("DEPLOYED", "CREATED"), ("DEPLOYED", "UPDATED"), ("REJECTED", "NONE")]


def test_the_end_shows_both_models(
    project: Project, target: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    """The champion's accuracy beside the challenger's, where there was one."""
    play = demo.Play(target, "1,1,1,1", "virginica")
    play.runs = [RUN, replace(RUN, champion_metrics={"accuracy": 0.68888})]
    demo._end(project, play, project.own / "demo-report.json")  # noqa: SLF001 - its table
    cells = [line.split()[1:5] for line in capsys.readouterr().out.splitlines()]
    assert ["status", "accuracy", "champion's", "endpoint"] in cells
    assert ["DEPLOYED", "0.978", "CREATED", "12.3"] in cells
    assert ["DEPLOYED", "0.978", "0.689", "CREATED"] in cells
