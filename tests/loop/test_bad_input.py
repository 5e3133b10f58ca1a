"""What scripts rely on: one JSON document or one line, an exit status, whatever was put in."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from dropforge_core.records import Arrival

from dropforge import cli

from .stack import DEADLINE_SECONDS, Stack
from .tool import Tool, quick_tool

NAME = "quick"
RUN_ID = "quick-20261121t052011-1a2b3c4d"
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    """The command line in a project of quick pipelines."""
    with quick_tool(tmp_path_factory.mktemp("input")) as tool:
        files = {"text.json": b"{", "large.json": b'"%s"' % (b"x" * (7 << 20)), "empty.csv": b""}
        for name, content in files.items():
            (tool.root / name).write_bytes(content)
        (tool.root / "folder").mkdir()
        (tool.root / "folder/.hidden").write_text("1\n")
        yield tool


@pytest.fixture(scope="module")
def stack(tool: Tool) -> Stack:
    """A stack with a published pipeline that never had a run."""
    stack = tool.up()
    stack.publish(NAME)
    return stack


@pytest.fixture(scope="module")
def run(stack: Stack) -> dict[str, Any]:
    """A deployed run of another pipeline."""
    stack.publish("deployed", chart=True)
    return stack.run("deployed")


@dataclass(frozen=True)
class Done:
    """How a command ended: its exit status, and what it wrote."""

    status: int
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture
def dropforge(
    tool: Tool, stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run the command line in this process, with the embedded AWS up."""
    assert stack.url
    monkeypatch.chdir(tool.root)
    monkeypatch.setenv("DROPFORGE_STATE", str(tool.state))

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["dropforge", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        written = capsys.readouterr()
        return Done(int(ended.value.code or 0), written.out, written.err)

    return run


# What --json prints of each command, and with which arguments it is asked.
DOCUMENTS: dict[str, tuple[list[str], type]] = {
    "local up": ([], dict),
    "local status": ([], dict),
    "local down": ([], dict),
    "local faults add": ([], list),
    "local faults clear": ([], list),
    "publish": ([], list),
    "drop": (["deployed", "rows.csv"], list),
    "runs": ([], list),
    "show": (["RUN"], dict),
    "report": (["RUN"], dict),
    "data": (["deployed"], list),
    "invoke": (["deployed", "--data", "1"], dict),
    "approve": ([], dict),
    "rollback": ([], dict),
    "destroy": ([NAME, "--yes"], dict),
    "slack": ([], list),
    "function invoke": (["CheckEndpoint", "-e", "endpoint.json"], dict),
    "check": ([], list),
    "adopt": ([], list),
    "dead-letters": ([], list),
    "image build": ([], dict),
    "image push": ([], dict),
    "image test": ([], dict),
    "logs": ([], list),
    "redrive": ([], dict),
    "retrain": ([], dict),
    "stop": ([], dict),
    "transform": ([], dict),
}
# One ends what the tests here use: see test_killed.py. One needs two deployments: see
# test_rollback.py. One needs a run that waits: see test_approval.py. One has a test below, since it
# would take seconds to check the application. Faults would reach other tests. The others have
# tests of their own: test_other_starts.py, test_putting_right.py, test_redrive.py, test_logs.py,
# test_chain.py, and, with an engine, tests/container.
APART = {
    "adopt",
    "dead-letters",
    "image build",
    "image push",
    "image test",
    "logs",
    "redrive",
    "retrain",
    "stop",
    "transform",
    "local down",
    "local faults add",
    "local faults clear",
    "approve",
    "rollback",
    "check",
}


def commands(group: Any, before: str = "") -> Iterator[str]:
    """List all commands of a group and of the groups in it."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}"


def test_every_command_is_in_the_table() -> None:
    """A new command gets its line."""
    assert set(DOCUMENTS) == set(commands(typer.main.get_command(cli.app)))


@pytest.mark.parametrize("verb", sorted(DOCUMENTS.keys() - APART))
def test_json_is_one_document_and_nothing_else(tool: Tool, run: dict[str, Any], verb: str) -> None:
    """On stdout; what is said to a person beside it goes to stderr."""
    (tool.root / "endpoint.json").write_text(json.dumps({"endpoint": "dropforge-deployed"}))
    arguments, kind = DOCUMENTS[verb]
    told = [run["run_id"] if word == "RUN" else word for word in arguments]
    document = tool.document(*verb.split(), *told)
    assert isinstance(document, kind)
    assert document


def test_check_prints_one_document_when_something_is_wrong(tmp_path: Path) -> None:
    """Exit 2, and the finding says where."""
    (tmp_path / "template.yaml").write_text("Resources: {\n")
    (tmp_path / "pipelines/iris").mkdir(parents=True)
    (tmp_path / "pipelines/iris/pipeline.yaml").write_text("name: rose\n")
    findings = Tool(tmp_path, tmp_path / "state").document("check", status=2)
    wrong = {finding["where"]: finding["problem"] for finding in findings if not finding["ok"]}
    assert set(wrong) == {"pipelines/iris", "template.yaml"}


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["drop", "Quick", "rows.csv"], 2, "'Quick' cannot be a pipeline's name"),
        (["drop", NAME, "folder"], 2, "folder: the folder holds no files"),
        (["drop", NAME, "/dev/null"], 2, "is neither a file nor a folder"),
        (["drop", NAME, "rows.csv", "empty.csv"], 2, "empty.csv: is empty"),
        (["drop", NAME, "rows.csv", "rows.csv"], 2, "would both become"),
        (["drop", NAME, "rows.csv", "--timeout", "soon"], 2, "Invalid value for '--timeout'"),
        (["drop", NAME, "rows.csv", "--timeout", "-1"], 2, "Invalid value for '--timeout'"),
        (["publish", "../quick"], 2, "There is no pipeline '../quick'"),
        (["runs", "$(reboot)"], 2, "No pipeline '$(reboot)' is published"),
        (["runs", "--stack", "elsewhere"], 3, "no stack 'elsewhere'"),
        (["show", "nonsense"], 2, "'nonsense' is no run id"),
        (["show", RUN_ID], 2, f"There is no run {RUN_ID}"),
        (["report", "../nonsense"], 2, "'../nonsense' is no run id"),
        (["report", RUN_ID, "--out", "folder"], 2, f"There is no run {RUN_ID}"),
        (["data", "$(reboot)"], 2, "No pipeline '$(reboot)' is published"),
        (["data", "deployed", "--exclude", "nothing"], 2, "No object 'nothing' has arrived"),
        (["data", "deployed", "--readmit", "incoming/deployed/data.csv"], 2, "is not set aside"),
        (["data", "deployed", "--run", "nonsense"], 2, "'nonsense' is no run id"),
        (["data", "deployed", "--run", RUN_ID], 2, f"There is no run {RUN_ID}"),
        (["invoke", "rose", "--data", "1"], 2, "No pipeline 'rose' is published"),
        (["invoke", "../quick", "--data", "1"], 2, "No pipeline '../quick' is published"),
        (["invoke", NAME, "--data", "1"], 1, "has no endpoint dropforge-quick yet"),
        (["invoke", NAME, "--data", ""], 2, "--data: is empty"),
        (["invoke", NAME, "--file", "empty.csv"], 2, "empty.csv: is empty"),
        (["invoke", NAME, "--file", "folder"], 2, "folder: cannot be read"),
        (["invoke", NAME, "--data", "1", "--content-type", "a\nb: c"], 2, "--content-type"),
        (["invoke", "deployed", "--file", "large.json"], 1, "less than or equal to 6291456"),
        (["rollback", "rose"], 2, "No pipeline 'rose' is published"),
        (["rollback", NAME], 2, "nothing to go back to: no model was deployed"),
        (["rollback", NAME, "--to", RUN_ID], 2, f"{RUN_ID}' is no run of this pipeline"),
        (["approve", "../nonsense"], 2, "'../nonsense' is no run id"),
        (["approve", RUN_ID, "--reject"], 2, f"There is no run {RUN_ID}"),
        (["retrain", "rose"], 2, "rose"),
        (["redrive", "../nonsense"], 2, "'../nonsense' is no run id"),
        (["redrive", RUN_ID], 2, f"There is no run {RUN_ID}"),
        (["stop", "../nonsense"], 2, "'../nonsense' is no run id"),
        (["stop", RUN_ID], 2, f"There is no run {RUN_ID}"),
        (["logs", "rose"], 2, "No pipeline 'rose' is published"),
        (["transform", "rose", "rows.csv"], 2, "No pipeline 'rose' is published"),
        (["adopt", "rose", "s3://bucket/there/"], 2, "rose"),
        (["adopt", NAME, "there"], 2, "there"),
        (["destroy", "rose", "--yes"], 2, "No pipeline 'rose' is published"),
        (["destroy", "deployed"], 2, "would delete the endpoint dropforge-deployed"),
        (["function", "invoke", "Nothing"], 2, "has no function 'Nothing'"),
        (["function", "invoke", "DataBucket"], 2, "has no function 'DataBucket'"),
        (["function", "invoke", "CheckEndpoint", "-e", "text.json"], 2, "text.json: no JSON"),
        (["function", "invoke", "CheckEndpoint", "-e", "large.json"], 1, "too large"),
    ],
)
def test_bad_input_is_one_line_and_a_status(
    dropforge: Command, run: dict[str, Any], arguments: list[str], status: int, says: str
) -> None:
    """While all is up, too; stdout stays empty, whether or not JSON was asked for."""
    assert run["status"] == "DEPLOYED"
    for more in ([], ["--json"]):
        done = dropforge(*arguments, *more)
        assert (done.status, done.out) == (status, "")
        assert done.err.startswith("dropforge: ")
        assert says in done.err
        assert done.err.count("\n") == 1


def test_bad_input_drops_nothing(stack: Stack, dropforge: Command) -> None:
    """One file of several that cannot be dropped, and none is."""
    assert dropforge("drop", "quick", "rows.csv", "text.json", "empty.csv").status == 2
    bucket = stack.target.output("DataBucketName")
    found = stack.target.s3.list_objects_v2(Bucket=bucket, Prefix="incoming/quick/text.json")
    assert found["KeyCount"] == 0


def test_a_wait_that_is_too_short_says_how_to_go_on(stack: Stack, dropforge: Command) -> None:
    """Exit 1: the run goes on without the one who waited."""
    stack.publish("late")
    done = dropforge("drop", "late", "rows.csv", "--wait", "--timeout", "0", "--json")
    assert (done.status, done.out) == (1, "")
    assert done.err.splitlines()[-1] == (
        "dropforge: Not done after 0 s, 1 object left; a run starts without us: dropforge runs late"
    )
    assert stack.ended_run("late")["status"] == "DEPLOYED"


LONG = "/".join(["long" * 60] * 4)
DATA = [
    *("with space.csv", " spaces around ", "süd/Blüten 漢字 😀.csv", "north%2F1.csv"),
    *("%2e%2e/%2e%2e/escaped1", "..escaped2", "...", "a\\..\\escaped3", "~", "--help"),
    *("$(touch escaped4)", "`touch escaped5`", ";rm -rf x;", "| tee escaped6", "&& touch escaped7"),
    *("'single' \"double\"", "a+b=c&d#e?f", "<xml>&amp;", "{json}", "[bold]rich", "tab\there"),
    *("carriage\rreturn", "\x01control\x7f", "\u202eright to left", LONG),
]
NO_DATA = [
    *("../escaped8", "../../../../escaped9", "a/../../escaped10", "/escaped11", "./dot"),
    *("a//b", "folder/", "long" * 64),
]


def test_hostile_keys_are_only_names(tool: Tool, stack: Stack) -> None:
    """Put straight into the bucket: a run reads what can be a file, as it is, and nothing else."""
    stack.publish("hostile")
    bucket = stack.target.output("DataBucketName")
    for name in DATA + NO_DATA:
        key = f"incoming/hostile/{name}"
        stack.target.s3.put_object(Bucket=bucket, Key=key, Body=name.encode())
    used = until(lambda: fates_of(stack, "hostile", [f"incoming/hostile/{one}" for one in DATA]))
    assert {one.status for one in used} == {"USED"}
    run = stack.ended_run("hostile")
    assert run["status"] == "DEPLOYED", run["reason"]
    assert run["data"]["objects"] == len(DATA)

    ignored = fates_of(stack, "hostile", [f"incoming/hostile/{one}" for one in NO_DATA])
    assert {one.status for one in ignored} == {"IGNORED"}
    assert all("cannot be a file's path" in one.reason for one in ignored)
    assert read_by_the_job(stack, run["run_id"]) == {name.encode() for name in DATA}
    assert list(tool.root.parent.rglob("escaped*")) == []
    assert tool("runs", "hostile").stdout.count(run["run_id"]) == 1


def test_hostile_folders_are_no_pipelines(stack: Stack) -> None:
    """Objects beside the pipelines' folders are recorded, ignored, and start nothing."""
    keys = ["incoming/a.csv", "incoming/$(reboot)/a", "incoming/../quick/a", "incoming//a"]
    bucket = stack.target.output("DataBucketName")
    for key in keys:
        stack.target.s3.put_object(Bucket=bucket, Key=key, Body=b"1")
    recorded = until(lambda: fates_of(stack, "", keys))
    assert {one.status for one in recorded} == {"IGNORED"}
    assert stack.target.ledger.runs(NAME) == []


def fates_of(stack: Stack, pipeline: str, keys: list[str]) -> list[Arrival]:
    """Return the arrivals of these keys; none as long as one of them has no fate."""
    arrivals = {one.key: one for one in stack.target.ledger.arrivals(pipeline)}
    found = [arrivals[key] for key in keys if key in arrivals]
    decided = all(one.status not in {"WAITING", "IN_RUN"} for one in found)
    return found if decided and len(found) == len(keys) else []


def until[T](look: Callable[[], T]) -> T:
    """Look until there is something to see."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (seen := look()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return seen


def read_by_the_job(stack: Stack, run_id: str) -> set[bytes]:
    """Return the contents that preprocess handed on."""
    bucket, s3 = stack.target.output("ArtifactsBucketName"), stack.target.s3
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=f"runs/{run_id}/preprocess/train/"
    )
    keys = [item["Key"] for page in pages for item in page["Contents"]]
    return {s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
