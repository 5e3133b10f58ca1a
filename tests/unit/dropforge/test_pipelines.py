from collections.abc import Callable

import pytest

from dropforge import pipelines
from dropforge.errors import InputError
from dropforge.project import Project

Change = Callable[[str], str]


def test_a_pipeline_is_read_and_bundled(project: Project) -> None:
    """Scripts and what jobs share are bundled; data and text for people are not."""
    pipeline = pipelines.load(project, "iris")
    assert pipeline.config.train.hyperparameters == {"max_leaf_nodes": "8"}
    assert sorted(pipelines.bundle(project, pipeline)) == [
        "dropforge_jobs/__init__.py",
        "dropforge_jobs/numbers.py",
        "evaluate.py",
        "pipeline.yaml",
        "preprocess.py",
    ]


@pytest.mark.parametrize("name", ["rose", "../iris", "Iris", "", "."])
def test_an_unknown_pipeline_is_named_with_those_that_are_there(
    project: Project, name: str
) -> None:
    """Whatever the name holds, it is looked up as a name and never as a path."""
    with pytest.raises(InputError, match=r"There is no pipeline .* it has iris"):
        pipelines.load(project, name)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text + "image: [", r"pipeline\.yaml:8: no YAML"),
        (lambda _: "just text", "must hold keys and values"),
        (lambda text: text.replace("minimum: 0.9", ""), r"judge\.thresholds\.accuracy: give minim"),
        (lambda text: text + "colour: red\n", "colour: Extra inputs are not permitted"),
        (lambda text: text.replace("name: iris", "name: rose"), "name it like its folder"),
        (lambda text: text.replace("evaluate.py", "judge.py"), r"evaluate\.script: .* judge\.py"),
        (lambda text: text.replace("{ instance", "{ serverless: {}, instance"), "serve: give eith"),
    ],
)
def test_what_is_wrong_in_the_file_is_said_in_one_line(
    project: Project, change: Change, says: str
) -> None:
    """The line names the file, the field's path, and what is wrong there."""
    path = project.pipelines / "iris" / "pipeline.yaml"
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError, match=says) as caught:
        pipelines.load(project, "iris")
    assert str(caught.value).startswith("pipelines/iris/pipeline.yaml")
    assert "\n" not in str(caught.value)


def test_scripts_must_suit_the_python_of_their_image(project: Project) -> None:
    """`match` is newer than Python 3.9: fine for an image with 3.13, an error for one with 3.9."""
    script = project.pipelines / "iris" / "preprocess.py"
    script.write_text("match 1:\n    case _: pass\n")
    pipelines.load(project, "iris")
    path = project.pipelines / "iris" / "pipeline.yaml"
    path.write_text(path.read_text() + 'python: "3.9"\n')
    with pytest.raises(InputError, match=r"pipelines/iris/preprocess\.py:2: not Python 3\.9"):
        pipelines.load(project, "iris")


def test_scripts_must_suit_the_python_of_aws_image(project: Project) -> None:
    """Each by its own step's image; what they share by the oldest of all."""
    folder = project.pipelines / "iris"
    path = folder / "pipeline.yaml"
    aws = "script: preprocess.py, image: 'aws:sklearn:1.4-2'"
    path.write_text(path.read_text().replace("script: preprocess.py", aws))
    new = "def first[T](values: list[T]) -> T:\n    return values[0]\n"  # since 3.12
    (folder / "evaluate.py").write_text(new)
    pipelines.load(project, "iris")
    (folder / "helper.py").write_text(new)
    wrong = r"helper\.py:1: not Python 3\.10, which its image aws:sklearn:1\.4-2 has"
    with pytest.raises(InputError, match=wrong):
        pipelines.load(project, "iris")
