import json
import subprocess
import sys

import pytest

from dropforge import cli
from dropforge.project import Project
from dropforge.target import Target
from tests.unit.dropforge.conftest import Command


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["drop"], 2, "Missing argument 'PIPELINE' (see: dropforge drop --help)"),
        (["drop", "iris"], 2, "Missing argument 'PATH"),
        (["fly"], 2, "No such command 'fly'"),
        (["local", "fly"], 2, "No such command 'fly'"),
        (["runs", "--target", "moon"], 2, "Invalid value for '--target'"),
        (["drop", "rose", "pipelines/iris/data"], 2, "There is no pipeline 'rose'"),
        (["drop", "../iris", "pipelines/iris/data"], 2, "cannot be a pipeline's name"),
        (["drop", "iris", "missing.csv"], 2, "missing.csv: there is no such file"),
        (["drop", "iris", "dropforge_jobs/__init__.py"], 2, "__init__.py: is empty"),
        (["drop", "iris", ""], 2, "PATH: is empty"),
        (["runs", "--stack", ""], 2, "'' cannot be a stack's name"),
        (["runs", "--stack", "a b"], 2, "'a b' cannot be a stack's name"),
        (["invoke", "iris"], 2, "--data TEXT or --file PATH"),
        (["function", "invoke", "X", "-e", "missing.json"], 2, "missing.json: cannot be read"),
        (["local", "up", "--target", "aws"], 2, "leave out --target aws"),
        (["publish"], 3, "The embedded AWS is not running"),
        (["runs"], 3, "The embedded AWS is not running"),
        (["show", "iris-20261121t052011-1a2b3c4d"], 3, "The embedded AWS is not running"),
        (["report", "iris-20261121t052011-1a2b3c4d"], 3, "The embedded AWS is not running"),
        (["report"], 2, "Missing argument 'RUN_ID'"),
        (["invoke", "iris", "--data", "1"], 3, "The embedded AWS is not running"),
        (["rollback"], 2, "Missing argument 'PIPELINE'"),
        (["rollback", "iris"], 3, "The embedded AWS is not running"),
        (["destroy", "iris", "--yes"], 3, "The embedded AWS is not running"),
        (["slack"], 3, "The embedded AWS is not running"),
        (["local", "faults"], 3, "The embedded AWS is not running"),
        (["local", "faults", "clear"], 3, "The embedded AWS is not running"),
        (["local", "faults", "add", "endpoint"], 3, "The embedded AWS is not running"),
        (["slack", "--target", "aws", "--region", "eu-west-1"], 2, "on AWS they are in Slack"),
        (["runs", "--target", "aws", "--profile", "nobody"], 3, "nobody"),
        (["runs", "--target", "aws"], 3, "You must specify a region"),
    ],
)
def test_errors_are_one_line_and_a_status(
    dropforge: Command, arguments: list[str], status: int, says: str
) -> None:
    """On stderr, whether or not JSON was asked for; stdout stays empty."""
    for more in ([], ["--json"]):
        done = dropforge(*arguments, *more)
        assert (done.status, done.out) == (status, "")
        assert done.err.startswith("dropforge: ")
        assert says in done.err
        assert done.err.count("\n") == 1


def test_local_status_and_down_when_nothing_runs(dropforge: Command) -> None:
    """That is no error: both say how it is."""
    nothing = {
        "running": False,
        "endpoint_url": None,
        "console_url": None,
        "stack": None,
        "pid": None,
        "runtime": None,
        "container_url": None,
    }
    for verb in ("status", "down"):
        done = dropforge("local", verb, "--json")
        assert (done.status, json.loads(done.out)) == (0, nothing)
        done = dropforge("local", verb)
        assert done.status == 0
        assert "not running" in done.out


def test_options_may_stand_before_the_command_and_after_it(dropforge: Command) -> None:
    """The later one wins."""
    assert dropforge("--target", "aws", "slack", "--region", "eu-west-1").status == 2
    assert dropforge("--target", "aws", "slack", "--target", "local").status == 3
    assert json.loads(dropforge("--json", "local", "status").out)["running"] is False


def test_an_unexpected_error_is_one_line_and_its_details_are_kept(
    dropforge: Command, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user sees no traceback; whoever mends it finds one."""

    def broken() -> Project:
        raise ZeroDivisionError("by\nnothing")

    monkeypatch.setattr(cli, "find_project", broken)
    done = dropforge("publish")
    assert (done.status, done.out) == (1, "")
    assert done.err.count("\n") == 1
    assert "ZeroDivisionError: by nothing; details are in" in done.err
    assert "Traceback" in (project.root / ".dropforge" / "error.log").read_text()


def test_an_upload_that_fails_is_told_as_any_call(
    dropforge: Command, project: Project, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """boto3 wraps AWS's error in one of another kind, which is no unexpected one."""

    def upload() -> None:
        target.s3.upload_file(str(project.template), "no-such-bucket", "key")

    monkeypatch.setattr(cli, "find_project", upload)
    done = dropforge("publish")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("dropforge: An error occurred (NoSuchBucket)")
    assert not (project.root / ".dropforge").exists()


def test_help_comes_at_once() -> None:
    """Nothing heavy is imported for it: boto3 alone would take longer."""
    script = (
        "import sys, dropforge.cli\n"
        "print(*{'boto3', 'rich', 'moto', 'pydantic'} & {*sys.modules}, file=sys.stderr)\n"
        "sys.argv = ['dropforge']\n"
        "dropforge.cli.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr.strip()) == (0, "")
    for verb in (
        "publish",
        "drop",
        "runs",
        "show",
        "report",
        "invoke",
        "rollback",
        "destroy",
        "slack",
        "check",
        "local",
        "function",
    ):
        assert verb in done.stdout
