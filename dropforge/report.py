"""`dropforge report`: fetch what a run's evaluation wrote for people."""

import tempfile
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dropforge_core.naming import evaluated

from dropforge import output
from dropforge.errors import CommandError, InputError
from dropforge.project import Project
from dropforge.runs import find_run
from dropforge.target import Target


@dataclass(frozen=True)
class Report:
    """A run's report and chart on this machine; a pipeline need not make a chart."""

    run_id: str
    report: Path
    chart: Path | None

    def document(self) -> dict[str, Any]:
        """Return what `--json` prints of it."""
        chart = None if self.chart is None else str(self.chart)
        return {"run_id": self.run_id, "report": str(self.report), "chart": chart}

    def write(self) -> None:
        """Say where they are."""
        output.write_table(
            ("", ""), [(key, value) for key, value in self.document().items() if value]
        )


def fetch(project: Project, target: Target, run_id: str, out: Path | None) -> Report:
    """Fetch report and chart into a folder, by default one of the project's own for this run.

    Raises:
        InputError: there is no such run, or the folder cannot be one.
        CommandError: the run has no report, or none yet.
    """
    run = find_run(target, run_id)
    report = _content(target, run.run_id, "report.html")
    if report is None:
        raise CommandError(_no_report(run.run_id, run.status))
    chart = _content(target, run.run_id, "chart.png")
    folder = (out or project.own / "reports" / run.run_id).resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return Report(
            run_id=run.run_id,
            report=_put(folder / "report.html", report),
            chart=None if chart is None else _put(folder / "chart.png", chart),
        )
    except OSError as err:
        raise InputError(f"{folder}: cannot be written: {err.strerror}.") from err


def open_in_browser(report: Report) -> None:
    """Open a report in the person's browser.

    Raises:
        CommandError: there is none.
    """
    if not webbrowser.open(report.report.as_uri()):
        raise CommandError(f"No browser opens {report.report}: open it yourself.")


def _content(target: Target, run_id: str, name: str) -> bytes | None:
    bucket = target.output("ArtifactsBucketName")
    try:
        return target.s3.get_object(Bucket=bucket, Key=evaluated(run_id, name))["Body"].read()
    except target.s3.exceptions.NoSuchKey:
        return None


def _put(path: Path, content: bytes) -> Path:
    """Write a file whole or not at all."""
    with tempfile.TemporaryDirectory(prefix=".", dir=path.parent) as folder:
        draft = Path(folder, path.name)
        draft.write_bytes(content)
        return draft.replace(path)


def _no_report(run_id: str, status: str) -> str:
    if status == "RUNNING":
        return f"The run {run_id} has no report yet: it goes on; see: dropforge show {run_id}"
    return f"The run {run_id} ended {status} without a report; see: dropforge show {run_id}"
