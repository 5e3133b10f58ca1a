"""`dropforge image` up to where a registry is needed, which no test has: moto's ECR, a recorder."""

import os
from pathlib import Path

import pytest

from dropforge import image
from dropforge.errors import CommandError, InputError, UnreachableError
from dropforge.images import of_folder
from dropforge.project import Project
from dropforge.target import Target

from .conftest import Command

# In the engine's place: writes down what it is asked, and what it reads.
RECORDER = """#!/bin/sh
echo "$*" >> "{log}"
case "$1" in
  login) read -r password; echo "password=$password" >> "{log}" ;;
  push) exit {push} ;;
  image) [ -e "{built}" ] || {{ echo "Error: No such image: $3" >&2; exit 1; }}; echo 1000000 ;;
  build) touch "{built}" ;;
esac
"""


class Engine:
    """What stands in the engine's place."""

    def __init__(self, folder: Path, *, push: int = 0) -> None:
        """Write the program."""
        self.log = folder / "log"
        program = folder / "docker"
        program.write_text(RECORDER.format(log=self.log, built=folder / "built", push=push))
        program.chmod(0o755)

    def asked(self, verb: str) -> list[str]:
        """List what it was asked that begins with a word."""
        return [line for line in self.log.read_text().splitlines() if line.startswith(verb)]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Put it first on the path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return Engine(folder)


def test_build_names_the_image_by_its_content(project: Project, engine: Engine) -> None:
    """The base and the builder are arguments of the build."""
    name = of_folder(project, "iris").name
    built = image.build(project, "iris", "base:1", "builder:1")
    assert (built.name, built.size) == (name, 1_000_000)
    [asked] = engine.asked("build")
    assert asked == (
        f"build --platform linux/amd64 --tag {name} --build-arg BASE=base:1"
        f" --build-arg BUILDER=builder:1 {project.containers / 'iris'}"
    )


def test_push_makes_the_repository_and_pushes(
    project: Project, target: Target, engine: Engine
) -> None:
    """Scanned on push, immutable tags; the second push finds the repository."""
    image.build(project, "iris", None, None)
    uri = image.push(project, target, "iris").name
    tag = of_folder(project, "iris").tag
    assert uri == f"123456789012.dkr.ecr.us-east-1.amazonaws.com/dropforge/iris:{tag}"
    [repository] = target.client("ecr").describe_repositories()["repositories"]
    assert repository["repositoryName"] == "dropforge/iris"
    assert repository["imageTagMutability"] == "IMMUTABLE"
    assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
    assert [line.split()[:4] for line in engine.asked("login")] == [
        ["login", "--username", "AWS", "--password-stdin"]
    ]
    [password] = engine.asked("password=")
    assert password != "password="  # noqa: S105 - that there is one
    assert engine.asked("tag") == [f"tag dropforge/iris:{tag} {uri}"]
    assert engine.asked("push") == [f"push {uri}"]
    image.push(project, target, "iris")
    assert len(engine.asked("push")) == 2


def test_what_was_not_built_is_not_pushed(project: Project, target: Target, engine: Engine) -> None:
    """The message says what to do first; nothing is made in ECR."""
    with pytest.raises(InputError, match="dropforge image build iris"):
        image.push(project, target, "iris")
    assert engine.asked("push") == []
    assert target.client("ecr").describe_repositories()["repositories"] == []


def test_a_push_that_fails_says_so(
    project: Project, target: Target, engine: Engine, tmp_path: Path
) -> None:
    """The engine's failure is the command's."""
    image.build(project, "iris", None, None)
    Engine(tmp_path / "bin", push=1)
    with pytest.raises(CommandError, match="docker push failed"):
        image.push(project, target, "iris")
    assert len(engine.asked("push")) == 1


def test_without_an_engine_the_target_is_unreachable(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is no traceback."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UnreachableError, match="no program `docker`"):
        image.build(project, "iris", None, None)


def test_the_embedded_aws_has_no_registry(dropforge: Command) -> None:
    """Push wants AWS."""
    done = dropforge("image", "push", "iris")
    assert (done.status, "--target aws" in done.err) == (2, True)
