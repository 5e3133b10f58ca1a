import os
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from dropforge import engine, environments, images
from dropforge.aws_images import AwsImage
from dropforge.errors import InputError
from dropforge.images import Image, Use
from dropforge.project import Project
from dropforge.target import Target

AWS_URI = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"


def used(image: str) -> Use:
    """Use an image for training on a CPU."""
    return Use(image, "training", "ml.m5.large")


def resolved(project: Project) -> Image:
    """Resolve the image of the project's own."""
    image = images.resolve(project, used("iris"))
    assert isinstance(image, Image)
    return image


def test_a_full_address_is_taken_as_it_is(project: Project, target: Target) -> None:
    """AWS's own images and those of others need no folder here."""
    assert images.resolve(project, used(AWS_URI)) == AWS_URI
    assert images.address(target, AWS_URI) == AWS_URI


def test_an_image_of_ours_is_tagged_by_its_content(project: Project, target: Target) -> None:
    """The address changes with what is in the folder, and only with that."""
    before = images.address(target, resolved(project))
    assert before.startswith("123456789012.dkr.ecr.us-east-1.amazonaws.com/dropforge/iris:")
    assert len(before.rpartition(":")[2]) == 12
    assert images.address(target, resolved(project)) == before
    (project.containers / "iris" / "train").write_text("changed\n")
    assert images.address(target, resolved(project)) != before


@pytest.mark.parametrize("name", ["rose", "..", "Iris"])
def test_a_folder_that_is_not_there_is_bad_input(project: Project, name: str) -> None:
    """The message says which file is missing."""
    with pytest.raises(InputError, match=r"there is no containers/.*/Dockerfile"):
        images.resolve(project, used(name))


def test_locally_the_program_files_are_unpacked_once(project: Project, target: Target) -> None:
    """Jobs find programs that can be started; the recipe of the image is not in it."""
    image = resolved(project)
    images.provide(project, target, image)
    folder = project.state / "images" / "dropforge" / "iris" / image.tag
    assert sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()) == [
        "model/tree.py",
        "train",
    ]
    assert os.access(folder / "train", os.X_OK)
    assert [path.name for path in folder.parent.iterdir()] == [image.tag]
    (folder / "mark").touch()
    images.provide(project, target, image)
    assert (folder / "mark").exists()


def stand_in(project: Project, table: str) -> Path:
    """Write the table of stand-ins; return where jobs look for AWS's XGBoost 1.7-1."""
    (project.containers / images.STAND_INS).write_text(table)
    return project.state / "images" / "sagemaker-xgboost" / "1.7-1"


@pytest.mark.parametrize("name", ["aws:xgboost:1.7-1", AWS_URI])
def test_a_folder_stands_in_for_an_image_of_aws(
    project: Project, target: Target, name: str
) -> None:
    """Jobs find it under the address that they would have on AWS, and a changed one as well."""
    folder = stand_in(project, "sagemaker-xgboost: iris\n")
    images.provide(project, target, images.resolve(project, used(name)))
    assert (folder / "train").is_file()
    (project.containers / "iris" / "train").write_text("changed\n")
    images.provide(project, target, images.resolve(project, used(name)))
    assert (folder / "train").read_text() == "changed\n"


def test_who_stands_in_needs_no_dockerfile_but_a_folder(project: Project, target: Target) -> None:
    """On AWS the image is AWS's own; a folder that is not there is named."""
    folder = stand_in(project, "sagemaker-xgboost: xgboost\n")
    image = images.resolve(project, used("aws:xgboost:1.7-1"))
    with pytest.raises(InputError, match=r"sagemaker-xgboost: there is no folder .*xgboost"):
        images.provide(project, target, image)
    (project.containers / "xgboost").mkdir()
    (project.containers / "xgboost" / "train").touch()
    images.provide(project, target, image)
    assert (folder / "train").exists()


def test_nothing_stands_in_for_an_image_of_aws(project: Project, target: Target) -> None:
    """The message names the repository and the table."""
    stand_in(project, "{}\n")
    image = images.resolve(project, used("aws:xgboost:1.7-1"))
    assert isinstance(image, AwsImage)
    with pytest.raises(InputError, match=r"sagemaker-xgboost.*containers/aws-images\.yaml"):
        images.provide(project, target, image)


@pytest.mark.parametrize("name", ["aws:xgboost:1.7-1", AWS_URI])
def test_in_containers_a_stand_in_needs_a_dockerfile(
    project: Project, target: Target, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The message says what can be done; nobody is told to build what cannot be built."""
    monkeypatch.setattr(engine, "has_image", lambda _: False)
    monkeypatch.setattr(target, "runtime", "docker")
    stand_in(project, "sagemaker-xgboost: iris\n")
    image = images.resolve(project, used(name))
    with pytest.raises(InputError, match="dropforge image build iris"):
        images.provide(project, target, image)
    (project.containers / "iris" / "Dockerfile").unlink()
    with pytest.raises(InputError, match=r"containers/iris stands in .* has no Dockerfile"):
        images.provide(project, target, image)


@pytest.mark.parametrize("name", ["aws:xgboost:1.7-1", AWS_URI])
def test_in_containers_the_image_itself_needs_no_stand_in(
    project: Project, target: Target, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whoever could pull AWS's image runs that one."""
    monkeypatch.setattr(engine, "has_image", lambda asked: asked == AWS_URI)
    monkeypatch.setattr(target, "runtime", "docker")
    folder = stand_in(project, "{}\n")
    images.provide(project, target, images.resolve(project, used(name)))
    assert not folder.exists()


def test_an_image_has_its_own_python_when_it_needs_one(
    project: Project, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is linked into the unpacked folder, also when that was there before."""
    before = resolved(project)
    images.provide(project, target, before)
    folder = project.state / "images" / "dropforge" / "iris" / before.tag
    assert not (folder / ".venv").exists()
    for name in ("one", "other"):
        own = project.own / name
        own.mkdir(parents=True)
        monkeypatch.setattr(environments, "provide", lambda *_, own=own: own)
        images.provide(project, target, before)
        assert (folder / ".venv").readlink() == own


class Registry:
    """ECR as far as the tool asks it."""

    def __init__(self, code: str) -> None:
        """Answer with this error."""
        self.code = code

    def describe_images(self, **_: object) -> None:
        """Find nothing."""
        raise ClientError({"Error": {"Code": self.code, "Message": "no"}}, "DescribeImages")


class OnAws:
    """A target on AWS, as far as images need one."""

    is_local = False
    region = "eu-west-1"
    account = "123456789012"

    def __init__(self, code: str) -> None:
        """Have a registry that answers with this error."""
        self.code = code

    def client(self, _: str) -> Registry:
        """Return the registry."""
        return Registry(self.code)


@pytest.mark.parametrize("code", ["ImageNotFoundException", "RepositoryNotFoundException"])
def test_on_aws_a_missing_image_is_bad_input_with_the_way_out(project: Project, code: str) -> None:
    """The message can be pasted: build, then push."""
    image = resolved(project)
    uri = f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/dropforge/iris:{image.tag}"
    with pytest.raises(InputError) as caught:
        images.provide(project, OnAws(code), image)  # type: ignore[arg-type]
    message = str(caught.value)
    assert uri in message
    way = "put it there: dropforge image build iris && dropforge image push iris --target aws"
    assert message.endswith(way)
