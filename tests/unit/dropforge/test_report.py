import json
import webbrowser
from dataclasses import replace
from pathlib import Path

import pytest

from dropforge import report
from dropforge.errors import CommandError, InputError
from dropforge.project import Project
from dropforge.target import Target

from .test_runs import RUN

FOLDER = f"runs/{RUN.run_id}/evaluate"


@pytest.fixture
def evaluated(target: Target) -> Target:
    """A run that left a report and a chart."""
    target.ledger.put_run(RUN)
    for name, content in (("report.html", b"<h1>iris</h1>"), ("chart.png", b"\x89PNG")):
        target.s3.put_object(Bucket="df-artifacts", Key=f"{FOLDER}/{name}", Body=content)
    return target


def test_report_and_chart_are_fetched(
    project: Project, evaluated: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    """Into a folder of the run's own, and nothing else lies there."""
    fetched = report.fetch(project, evaluated, RUN.run_id, None)
    folder = project.own / "reports" / RUN.run_id
    assert fetched.document() == {
        "run_id": RUN.run_id,
        "report": str(folder / "report.html"),
        "chart": str(folder / "chart.png"),
    }
    assert fetched.report.read_bytes() == b"<h1>iris</h1>"
    assert sorted(path.name for path in folder.iterdir()) == ["chart.png", "report.html"]
    fetched.write()
    assert str(folder / "report.html") in capsys.readouterr().out


def test_the_folder_can_be_chosen_and_is_overwritten(
    project: Project, evaluated: Target, tmp_path: Path
) -> None:
    """What lay there of the same name is replaced, other files stay."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "report.html").write_text("old")
    (folder / "notes.txt").write_text("mine")
    fetched = report.fetch(project, evaluated, RUN.run_id, folder)
    assert fetched.report == folder / "report.html"
    assert fetched.report.read_bytes() == b"<h1>iris</h1>"
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_pipeline_need_not_make_a_chart(project: Project, evaluated: Target) -> None:
    """Then there is none, in JSON null."""
    evaluated.s3.delete_object(Bucket="df-artifacts", Key=f"{FOLDER}/chart.png")
    fetched = report.fetch(project, evaluated, RUN.run_id, None)
    assert json.dumps(fetched.document()).endswith('"chart": null}')


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("RUNNING", "has no report yet: it goes on"),
        ("WAITING_FOR_APPROVAL", "without a report"),
        ("FAILED", "ended FAILED without a report"),
    ],
)
def test_a_run_without_a_report(project: Project, target: Target, status: str, says: str) -> None:
    """One line, exit 1, and no empty folder."""
    target.ledger.put_run(replace(RUN, status=status))  # type: ignore[arg-type]
    with pytest.raises(CommandError, match=says) as raised:
        report.fetch(project, target, RUN.run_id, None)
    assert raised.value.status == 1
    assert not (project.own / "reports").exists()


@pytest.mark.parametrize("run_id", ["iris-20261121t052011-00000000", "../nonsense"])
def test_an_unknown_run_is_bad_input(project: Project, target: Target, run_id: str) -> None:
    """Whether the id could be one or not: exit 2."""
    with pytest.raises(InputError) as raised:
        report.fetch(project, target, run_id, None)
    assert raised.value.status == 2


def test_a_place_that_is_no_folder(project: Project, evaluated: Target, tmp_path: Path) -> None:
    """A file is in the way: exit 2, and it stays."""
    taken = tmp_path / "taken"
    taken.write_text("mine")
    with pytest.raises(InputError, match="taken: cannot be written"):
        report.fetch(project, evaluated, RUN.run_id, taken)
    assert taken.read_text() == "mine"


@pytest.mark.parametrize("opens", [True, False])
def test_opening_it(
    project: Project,
    evaluated: Target,
    monkeypatch: pytest.MonkeyPatch,
    opens: bool,  # noqa: FBT001
) -> None:
    """The browser gets a file's address; without a browser that is said."""
    asked: list[str] = []

    def browser(address: str) -> bool:
        asked.append(address)
        return opens

    monkeypatch.setattr(webbrowser, "open", browser)
    fetched = report.fetch(project, evaluated, RUN.run_id, None)
    if opens:
        report.open_in_browser(fetched)
    else:
        with pytest.raises(CommandError, match="No browser opens"):
            report.open_in_browser(fetched)
    assert asked == [fetched.report.as_uri()]
