"""`make demo`: three drops on an embedded AWS of its own, from nothing to a model that holds.

`make demo PIPELINE=name` plays another pipeline: one drop of its data, then its golden samples.

Nothing here knows how a run will end: what is expected is compared with what the ledger, the
endpoint and Slack's stand-in say, and the report holds the latter.
"""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from dropforge_core.serve_config import Sample

from dropforge import drop, invoke, local, output, pipelines, runs, slack
from dropforge.errors import CommandError, InputError
from dropforge.options import Options
from dropforge.progress import display
from dropforge.project import STATE_VARIABLE, Project, find_project
from dropforge.target import Target, open_target
from dropforge.waiting import Wait

if TYPE_CHECKING:
    from dropforge_core.records import Run

PIPELINE = "iris"
_SEED = 20
_RUN_SECONDS = 300.0  # a busy machine takes its time to load TensorFlow
_STOPPED = 143
_SHOWN = 60  # characters


@dataclass(frozen=True)
class Act:
    """One drop of the demo: its story, its rows, and how it is expected to end."""

    story: str
    file: str
    rows: list[str]
    status: str
    action: str


@dataclass
class Play:
    """What has happened so far, and what of it was not as expected.

    `data` is what the endpoint is asked, `answer` what it should say.
    """

    target: Target
    data: str
    answer: str
    pipeline: str = PIPELINE
    content_type: str = "text/csv"

    def __post_init__(self) -> None:
        """Begin with nothing."""
        self.runs: list[Run] = []
        self.predictions: list[dict[str, Any]] = []
        self.problems: list[str] = []

    def expect(self, right: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
        """Note and tell what is not as expected."""
        if not right:
            self.problems.append(otherwise)
            _tell(f"   NOT AS EXPECTED: {otherwise}")

    def ask(self) -> str:
        """Ask the endpoint, and tell what it says."""
        body = f"{self.data}\n".encode()
        said = invoke.invoke(self.target, self.pipeline, body, self.content_type).document()
        self.predictions.append({"after_run": self.runs[-1].run_id, "data": self.data, **said})
        _tell(
            f"   Asked for {_short(self.data)} ({_short(self.answer)}), the endpoint says:"
            f" {_short(str(said['prediction']))} ({said['milliseconds']:.0f} ms)"
        )
        return str(said["prediction"])

    def serving(self) -> str:
        """Return the endpoint config that serves."""
        endpoint = self.runs[0].endpoint["name"]
        described = self.target.client("sagemaker").describe_endpoint(EndpointName=endpoint)
        return str(described["EndpointConfigName"])


def main() -> None:
    """Play the demo of the pipeline that is named; exit 1 when anything is not as expected."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_STOPPED))
    started = time.monotonic()
    name = sys.argv[1] if sys.argv[1:] else PIPELINE
    try:
        project = _own_project()
        story = _story(project, name)
        with _embedded_aws(project) as target:
            play = story(target)
            report = _report(project, play, time.monotonic() - started)
    except CommandError as err:
        _fail(str(err))
    except KeyboardInterrupt:
        _fail("interrupted")
    _end(project, play, report)
    if play.problems:
        _fail(f"{len(play.problems)} things were not as expected: {'; '.join(play.problems)}")


def _own_project() -> Project:
    """Leave the user's embedded AWS alone: the demo has its own."""
    project = find_project()
    own = replace(project, state=project.own / "demo")
    os.environ[STATE_VARIABLE] = str(own.state)
    return own


@contextmanager
def _embedded_aws(project: Project) -> Iterator[Target]:
    """Start an empty embedded AWS with the application, and stop it in any case."""
    options = Options()
    # One that an earlier demo left, were it killed, holds its data.
    local.down(project)
    try:
        state = local.up(project, options.stack)
        state.write()
        yield open_target(options)
    finally:
        local.down(project)


def _story(project: Project, name: str) -> Callable[[Target], Play]:
    """Return what plays a pipeline; raises `InputError` when there is nothing to show of it."""
    if name == PIPELINE:
        return partial(_play, project)
    samples = pipelines.load(project, name).config.serve.smoke_test
    file = _data(project, name)
    if not samples or not file:
        raise InputError(f"{name} has no data/ to drop, or no serve.smoke_test to ask for.")
    return partial(_play_samples, name, file, samples)


def _data(project: Project, name: str) -> Path | None:
    """Return the pipeline's own data: the largest file of data/ that is no text about it."""
    files = [path for path in (project.pipelines / name / "data").glob("*") if path.is_file()]
    data = [path for path in files if path.suffix not in {".md", ".txt"}]
    return max(data, key=lambda path: path.stat().st_size, default=None)


def _play_samples(name: str, file: Path, samples: tuple[Sample, ...], target: Target) -> Play:
    play = Play(target, samples[0].data, "", name)
    _drop(play, Act(file.name, file.name, [], "DEPLOYED", "CREATED"), file)
    _tell(f"   {_metrics(play.runs[0].metrics)}")
    for sample in samples:
        play.data, play.content_type = sample.data, sample.content_type
        play.answer = "" if sample.expect is None else str(sample.expect)
        said = play.ask()
        if isinstance(sample.expect, str):
            play.expect(said == sample.expect, f"{said} is not {sample.expect}")
    return play


def _play(project: Project, target: Target) -> Play:
    rows = _table(project).read_text().splitlines()
    species, _, flower = rows[-1].partition(",")
    play = Play(target, flower, f"a {species}")
    first, second, third = _acts(rows, species)

    _run(project, play, first)
    play.expect(play.ask() != species, f"a {species} was recognised before one was ever seen")
    _run(project, play, second)
    play.expect(play.ask() == species, f"a {species} is not recognised after training on them")
    _run(project, play, third)
    play.expect(play.ask() == species, f"a {species} is no longer recognised")
    held = play.runs[1].endpoint["config"]
    play.expect(play.serving() == held, f"the endpoint serves {play.serving()}, not {held}")
    return play


def _table(project: Project) -> Path:
    return project.pipelines / PIPELINE / "data" / "iris_label_first.csv"


def _acts(rows: list[str], species: str) -> tuple[Act, Act, Act]:
    known = [row for row in rows if not row.startswith(f"{species},")]
    new = [row for row in rows if row.startswith(f"{species},")]
    labels = [row.partition(",")[0] for row in rows]
    random.Random(_SEED).shuffle(labels)  # noqa: S311 - a fixed shuffle, no secret
    wrong = [f"{label},{row.partition(',')[2]}" for label, row in zip(labels, rows, strict=True)]
    return (
        Act("flowers of two species", "1-two-species.csv", known, "DEPLOYED", "CREATED"),
        Act(f"a third species, {species}", "2-third-species.csv", new, "DEPLOYED", "UPDATED"),
        Act("flowers with shuffled labels", "3-shuffled-labels.csv", wrong, "REJECTED", "NONE"),
    )


def _run(project: Project, play: Play, act: Act) -> None:
    """Write the act's file and drop it."""
    file = project.own / "demo-data" / act.file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{row}\n" for row in act.rows))
    _drop(play, replace(act, story=f"{act.story}: {len(act.rows)} rows"), file)


def _drop(play: Play, act: Act, file: Path) -> None:
    """Drop the act's file, wait for the run, and tell how it ended."""
    _tell(f"\n{len(play.runs) + 1}. Dropping {act.story}")
    _, dropped = drop.drop(Options(), play.pipeline, [file])
    with display() as shown:
        run = Wait(play.target, play.pipeline, shown, _RUN_SECONDS).until_decided(dropped)
    play.runs.append(run)
    action = run.endpoint["action"]
    _tell(f"   {run.status}, endpoint {action}: {run.reason}")
    play.expect(
        (run.status, action) == (act.status, act.action),
        f"run {run.run_id} ended {run.status} {action}, not {act.status} {act.action}",
    )


def _report(project: Project, play: Play, seconds: float) -> Path:
    messages = slack.messages(play.target)
    play.expect(
        len(messages) == len(play.runs), f"{len(messages)} Slack messages for {len(play.runs)} runs"
    )
    path = project.own / "demo-report.json"
    report = {
        "seconds": round(seconds, 3),
        "pipelines": [play.pipeline],
        "runs": [runs.document(run) for run in play.runs],
        "predictions": play.predictions,
        "slack_messages": len(messages),
    }
    path.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n")
    _tell(f"\nSlack's stand-in holds {len(messages)} messages; the last one says:")
    _tell(f"   {messages[-1]['text']}" if messages else "   nothing")
    return path


def _end(project: Project, play: Play, report: Path) -> None:
    _tell("")
    rows = [
        (
            run.run_id,
            run.status,
            _accuracy(run.metrics),
            _accuracy(run.champion_metrics or {}),
            str(run.endpoint["action"]),
            f"{run.seconds:.1f}",
            str(run.billed_transitions),
        )
        for run in play.runs
    ]
    columns = ("run", "status", "accuracy", "champion's", "endpoint", "seconds", "transitions")
    output.write_table(columns, rows)
    _tell(
        "\nWhere to look next:\n"
        f"  {project.relative(report)}  all of this as JSON\n"
        f"  {project.relative(project.state / 'logs')}/  what jobs and functions said\n"
        f"  uv run dropforge drop {play.pipeline}"
        f" {project.relative(_data(project, play.pipeline) or project.pipelines)} --wait"
        "  the same by hand, and then\n"
        f"  uv run dropforge invoke {play.pipeline} --data '{_short(play.data)}'\n"
        "  README.md  how it works, and how to put it on AWS"
    )


def _metrics(metrics: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _accuracy(metrics: dict[str, Any]) -> str:
    return f"{metrics['accuracy']:.3f}" if "accuracy" in metrics else ""


def _tell(text: str) -> None:
    output.write_line(text)
    sys.stdout.flush()


def _fail(message: str) -> NoReturn:
    output.say(f"demo: {message}")
    sys.exit(1)


if __name__ == "__main__":
    main()
