import pytest

from dropforge.check import Finding, check, write
from dropforge.project import Project

TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Bucket: { Type: "AWS::S3::Bucket" }
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: statemachine/one.asl.json
      DefinitionSubstitutions: { Bucket: !Ref Bucket }
"""
MACHINE = """\
{
  "QueryLanguage": "JSONata",
  "StartAt": "Done",
  "States": { "Done": { "Type": "Succeed", "Output": "{% '${Bucket}' %}" } }
}
"""


@pytest.fixture
def application(project: Project) -> Project:
    """A project with a template and a state machine."""
    project.template.write_text(TEMPLATE)
    (project.root / "statemachine").mkdir()
    (project.root / "statemachine" / "one.asl.json").write_text(MACHINE)
    return project


def test_a_sound_project_passes(application: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """Pipelines, template and machines are each listed as right."""
    findings = check(application)
    assert findings == [
        Finding("pipeline", "pipelines/iris"),
        Finding("template", "template.yaml"),
        Finding("state machine", "statemachine/one.asl.json (Machine)"),
    ]
    assert findings[0].document() == {
        "what": "pipeline",
        "where": "pipelines/iris",
        "ok": True,
        "problem": None,
    }
    write(findings)
    assert "right" in capsys.readouterr().out


def test_all_that_is_wrong_is_found_in_one_go(application: Project) -> None:
    """A missing image, a property that CloudFormation does not know, a machine nobody uses."""
    (application.containers / "iris" / "Dockerfile").unlink()
    application.template.write_text(
        TEMPLATE.replace('"AWS::S3::Bucket" }', '"AWS::S3::Bucket", Properties: { Colour: red } }')
    )
    (application.root / "statemachine" / "two.asl.json").write_text(MACHINE)
    problems = {finding.where: finding.problem or "" for finding in check(application)}
    assert "there is no containers/iris/Dockerfile" in problems["pipelines/iris"]
    assert "Colour" in problems["template.yaml"]
    assert "does not use it" in problems["statemachine/two.asl.json"]
    assert problems["statemachine/one.asl.json (Machine)"] == ""


def test_a_template_that_is_no_yaml_is_a_finding(application: Project) -> None:
    """Nothing else can be said of it then."""
    application.template.write_text("Resources: [")
    assert "no template" in str(check(application)[-1].problem)
