import sys
from pathlib import Path

import pytest

from dropforge.build import build, sam_environment
from dropforge.errors import CommandError
from dropforge.project import Project

TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Parameters: { Architecture: { Type: String, Default: arm64 } }
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/hello
      Handler: app.lambda_handler
      Runtime: python3.13
      Architectures: [!Ref Architecture]
"""


@pytest.fixture
def application(project: Project) -> Project:
    """A project with one function to build."""
    project.template.write_text(TEMPLATE)
    folder = project.root / "functions" / "hello"
    folder.mkdir(parents=True)
    (folder / "app.py").write_text("def lambda_handler(event, context):\n    return event\n")
    return project


def test_it_is_built_again_only_when_its_sources_changed(
    application: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """And neither asks for credentials nor writes outside of the project."""
    first = build(application)
    assert (first.folder / "Hello" / "app.py").exists()
    assert "Building" in capsys.readouterr().err
    assert build(application) == first
    assert capsys.readouterr().err == ""
    (application.root / "functions" / "hello" / "app.py").write_text("CHANGED = 1\n")
    second = build(application)
    assert second.sources != first.sources
    assert (second.folder / "Hello" / "app.py").read_text() == "CHANGED = 1\n"


def test_a_build_that_fails_is_told_and_tried_again(application: Project) -> None:
    """The message ends with sam's own; no half build is taken for a whole one."""
    build(application)
    good = application.template.read_text()
    application.template.write_text(good.replace("Runtime: python3.13", "Runtime: python2.7"))
    with pytest.raises(
        CommandError, match=r"sam build failed; see \.dropforge/build\.log: .*python2\.7"
    ):
        build(application)
    assert not (application.own / "build" / ".sources").exists()
    application.template.write_text(good)
    assert (build(application).folder / "Hello" / "app.py").exists()


def test_without_sam_the_way_out_is_told(
    application: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """aws-sam-cli is a development dependency and may be missing."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(CommandError, match="run 'uv sync'"):
        build(application)


def test_sam_sees_this_interpreter_and_no_account(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No AWS variable of the user's, no telemetry; this environment's programs come first."""
    monkeypatch.setenv("AWS_PROFILE", "mine")
    environment = sam_environment(project)
    assert "AWS_PROFILE" not in environment
    assert environment["SAM_CLI_TELEMETRY"] == "0"
    first = Path(environment["PATH"].split(":")[0])
    assert (first / "python3.13").exists()
