"""Whole commands on the embedded AWS: what a user types, what it prints, and how it ends."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from .stack import ROOT
from .tool import Tool, until_gone

ROWS = (ROOT / "pipelines/iris/data/iris_label_first.csv").read_text().splitlines()
SHOWN = {
    *("run_id", "pipeline", "status", "reason", "metrics", "champion_metrics", "endpoint"),
    *("model_package", "data", "billed_transitions", "seconds", "job_seconds"),
    *("endpoint_seconds", "steps", "started_at", "ended_at"),
}
pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files to drop."""
    folder = tmp_path_factory.mktemp("drops")
    (folder / "two-species.csv").write_text("".join(f"{row}\n" for row in ROWS[:100]))
    (folder / "again.csv").write_text("".join(f"{row}\n" for row in ROWS[:100]))
    return folder


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    """The command line; its embedded AWS is stopped at the end."""
    tool = Tool(ROOT, tmp_path_factory.mktemp("embedded") / "state")
    yield tool
    assert tool("local", "down").returncode == 0
    assert until_gone(tool.state) == []


@pytest.fixture(scope="module")
def run(tool: Tool, folder: Path) -> dict[str, Any]:
    """A first run, from a drop that also started the embedded AWS and published the pipeline."""
    done = tool("drop", "iris", str(folder / "two-species.csv"), "--wait", "--json")
    assert done.returncode == 0, done.stderr
    for said in ("it starts empty", "Published pipeline iris", "Dropped 1 object,", "Train"):
        assert said in done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_a_drop_does_it_all(run: dict[str, Any]) -> None:
    """It starts what is missing, waits, and prints the run as the contract says."""
    assert set(run) >= SHOWN
    assert (run["status"], run["endpoint"]["action"]) == ("DEPLOYED", "CREATED")
    assert run["endpoint"]["name"] == "dropforge-iris"
    assert run["metrics"]["accuracy"] >= 0.9
    assert run["data"]["objects"] == 1
    assert {"Train", "Judge", "Judge.Evaluate", "Deploy"} <= {step["name"] for step in run["steps"]}
    assert run["seconds"] >= run["job_seconds"] > 0


def test_runs_and_show_agree_with_what_the_drop_printed(tool: Tool, run: dict[str, Any]) -> None:
    """The ledger is the one source of all three."""
    assert run in tool.document("runs")
    assert run in tool.document("runs", "iris")
    assert tool.document("show", run["run_id"]) == run
    printed = tool("show", run["run_id"]).stdout
    assert run["run_id"] in printed
    assert "DEPLOYED" in printed
    assert tool("runs", "rose").returncode == 2


def test_what_a_run_took_and_learned_is_told(run: dict[str, Any]) -> None:
    """The pipeline names its machines' price and what to look for in training's log."""
    assert [job["step"] for job in run["jobs"]] == ["Preprocess", "Train", "Evaluate"]
    assert 0 < run["estimated_cost_usd"] < 0.1
    assert run["training_metrics"]["train:rows"] > 50
    assert run["training_metrics"]["train:accuracy"] > 0.9
    assert (run["data"]["rows"], run["data"]["rejected_rows"]) == (100, 0)


def test_the_report_is_fetched(tool: Tool, run: dict[str, Any], tmp_path: Path) -> None:
    """A page and a picture, wherever they are wanted; an unknown run is bad input."""
    fetched = tool.document("report", run["run_id"], "--out", str(tmp_path))
    assert fetched == {
        "run_id": run["run_id"],
        "report": str(tmp_path / "report.html"),
        "chart": str(tmp_path / "chart.png"),
    }
    assert run["run_id"] in Path(fetched["report"]).read_text("utf-8")
    assert Path(fetched["chart"]).read_bytes().startswith(b"\x89PNG")
    assert tool("report", "iris-20261121t052011-00000000").returncode == 2


def test_up_is_idempotent_and_status_describes(tool: Tool, run: dict[str, Any]) -> None:
    """Up again changes nothing, and both tell the same."""
    assert run["status"] == "DEPLOYED"
    before = tool.document("local", "status")
    assert before["running"] is True
    assert before["stack"] == "dropforge"
    assert before["console_url"] is None
    again = tool("local", "up", "--json")
    assert "already up" in again.stderr
    assert json.loads(again.stdout) == before


def test_the_endpoint_is_asked_by_text_or_file(
    tool: Tool, run: dict[str, Any], tmp_path: Path
) -> None:
    """The body as it came, or the prediction with its time; CSV by default, else as told."""
    assert run["status"] == "DEPLOYED"
    answer = tool.document("invoke", "iris", "--data", "5.1,3.5,1.4,0.2")
    assert answer["prediction"] == "setosa"
    assert answer["milliseconds"] > 0
    file = tmp_path / "rows.csv"
    file.write_text("5.1,3.5,1.4,0.2\n7.0,3.2,4.7,1.4\n")
    assert tool("invoke", "iris", "--file", str(file)).stdout == "setosa\nversicolor\n"


def test_a_run_that_has_ended_is_followed_no_more(tool: Tool, run: dict[str, Any]) -> None:
    """Its steps are told once, beside the one document; exit 0 whatever it ended as."""
    done = tool("show", run["run_id"], "--follow", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout) == run
    assert done.stderr.startswith(f"Run {run['run_id']}\n  Begin: ")


def test_an_answer_without_numbers_is_not_drawn(
    tool: Tool, run: dict[str, Any], tmp_path: Path
) -> None:
    """It is printed all the same; a name that is no picture's is refused before."""
    assert run["status"] == "DEPLOYED"
    ask = ("invoke", "iris", "--data", "5.1,3.5,1.4,0.2", "--plot")
    done = tool(*ask, str(tmp_path / "out.png"))
    assert (done.returncode, done.stdout) == (1, "setosa\n")
    assert "--plot: the answer holds no numbers to draw: 'setosa'" in done.stderr
    done = tool(*ask, str(tmp_path / "out.txt"))
    assert (done.returncode, done.stdout) == (2, "")
    assert list(tmp_path.iterdir()) == []


def test_what_the_model_refuses_is_told_in_its_own_words(tool: Tool, run: dict[str, Any]) -> None:
    """A row that is no flower: exit 1, one line with the container's sentence, no body."""
    assert run["status"] == "DEPLOYED"
    done = tool("invoke", "iris", "--data", "not,a,flower")
    assert (done.returncode, done.stdout) == (1, "")
    assert "The model answered 4" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_same_bytes_again_are_skipped(tool: Tool, run: dict[str, Any], folder: Path) -> None:
    """Under another name too: exit 1, and a run that had no execution."""
    done = tool("drop", "iris", str(folder / "again.csv"), "--wait", "--json")
    assert done.returncode == 1
    skipped = json.loads(done.stdout)
    assert (skipped["status"], skipped["billed_transitions"]) == ("SKIPPED", 0)
    assert skipped["run_id"] != run["run_id"]
    assert done.stderr.splitlines()[-1].startswith(f"dropforge: run {skipped['run_id']} ended SKIP")


def test_slack_heard_of_the_run(tool: Tool, run: dict[str, Any]) -> None:
    """The stand-in holds a message with text and blocks for it."""
    messages = tool.document("slack")
    assert any(run["run_id"] in json.dumps(message) for message in messages)
    assert all(set(message) == {"at", "text", "blocks"} for message in messages)
    told = next(message for message in messages if run["run_id"] in json.dumps(message))
    assert [block["type"] for block in told["blocks"]].count("image") == 1
    assert "iris" in tool("slack").stdout


def test_publish_tells_version_and_place(tool: Tool, run: dict[str, Any]) -> None:
    """An unchanged pipeline keeps its version."""
    assert run["status"] == "DEPLOYED"
    (iris,) = tool.document("publish", "iris")
    assert set(iris) == {"pipeline", "version", "uri"}
    assert iris["uri"].endswith(f"/pipelines/iris/{iris['version']}/")
    assert tool.document("publish", "iris") == [iris]
    assert tool("publish", "rose").returncode == 2


def test_a_function_is_invoked_as_sam_local_invoke_does(
    tool: Tool, run: dict[str, Any], tmp_path: Path
) -> None:
    """Its answer, or the error's document and exit 1; an unknown name lists those there are."""
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"endpoint": run["endpoint"]["name"]}))
    state = tool.document("function", "invoke", "CheckEndpoint", "-e", str(event))
    assert (state["exists"], state["status"]) == (True, "InService")
    assert state["config"] == run["endpoint"]["config"]
    event.write_text("{}")
    failed = tool("function", "invoke", "CheckEndpoint", "-e", str(event))
    assert failed.returncode == 1
    assert "errorType" in json.loads(failed.stdout)
    unknown = tool("function", "invoke", "Nothing", "-e", str(event))
    assert unknown.returncode == 2
    assert "CheckEndpoint" in unknown.stderr


def test_a_stack_that_is_not_there_cannot_be_reached(tool: Tool, run: dict[str, Any]) -> None:
    """Exit 3, in one line."""
    assert run["status"] == "DEPLOYED"
    done = tool("runs", "--stack", "elsewhere")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)


def test_an_interrupted_start_leaves_nothing_behind(tmp_path: Path) -> None:
    """Ctrl-C while the embedded AWS starts ends it too, although nothing is recorded of it yet."""
    tool = Tool(ROOT, tmp_path / "state")
    try:
        with heeding_interrupts(), tool.start("local", "up") as up:
            deadline = time.monotonic() + 60
            while not (tool.state / "embedded.lock").exists():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            up.send_signal(signal.SIGINT)
            assert up.wait(30) == 130
        assert until_gone(tool.state) == []
    finally:
        tool("local", "down")


@contextmanager
def heeding_interrupts() -> Iterator[None]:
    """Let programs that are started here be interrupted.

    A shell that runs the tests in the background makes them, and all that they start, ignore it.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
