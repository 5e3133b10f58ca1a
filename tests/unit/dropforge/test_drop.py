from dataclasses import replace
from pathlib import Path

import pytest

from dropforge import drop, embedded
from dropforge.errors import InputError
from dropforge.options import Options
from dropforge.project import Project
from dropforge.target import Target
from dropforge.upload import Dropped
from dropforge.waiting import Wait
from tests.unit.dropforge.test_waiting import ARRIVAL, DROPPED, RUN


def test_who_will_not_wait_is_told_that_the_run_goes_on(
    target: Target, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C ends the waiting, not the run."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Wait, "until_decided", interrupted)
    with pytest.raises(KeyboardInterrupt):
        drop.wait(target, "iris", [Dropped("incoming/iris/a.csv", "v1")], 60)
    assert "No longer waiting; a run starts without us" in capsys.readouterr().err


def test_who_waited_is_told_what_was_set_aside(
    target: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside the run that was rejected for it."""
    rejected = replace(RUN, status="REJECTED")
    aside = replace(ARRIVAL, status="SET_ASIDE", run_id=RUN.run_id)
    used = replace(ARRIVAL, version_id="v2", status="USED", run_id=RUN.run_id)
    target.ledger.put_run(rejected)
    target.ledger.change_arrivals("iris", [aside, used])
    assert drop.wait(target, "iris", [Dropped(ARRIVAL.key, "v2")], 60) == rejected
    assert "Set aside" not in capsys.readouterr().err
    assert drop.wait(target, "iris", [DROPPED, Dropped(ARRIVAL.key, "v2")], 60) == rejected
    assert "Set aside 1 object, which no later run reads: dropforge data iris" in (
        capsys.readouterr().err
    )


def test_bad_input_starts_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever is wrong with names, files or the pipeline shows before anything is started."""

    def started(_: Path) -> None:
        raise AssertionError("the embedded AWS was started")

    monkeypatch.setenv("DROPFORGE_STATE", str(project.state))
    monkeypatch.setattr(embedded, "start", started)
    rows = tmp_path / "rows.csv"
    rows.write_text("1,2\n")
    for pipeline, path in (("../iris", rows), ("rose", rows), ("iris", tmp_path / "missing.csv")):
        with pytest.raises(InputError):
            drop.drop(Options(), pipeline, [path])
    (project.pipelines / "iris" / "evaluate.py").unlink()
    with pytest.raises(InputError, match=r"evaluate\.script"):
        drop.drop(Options(), "iris", [rows])
    assert not project.state.exists()


def test_objects_are_listed_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """What went where, and how to follow it."""
    drop.write("iris", [Dropped("incoming/iris/a.csv", "v1")])
    printed = capsys.readouterr()
    assert "incoming/iris/a.csv" in printed.out
    assert "dropforge runs iris" in printed.err
