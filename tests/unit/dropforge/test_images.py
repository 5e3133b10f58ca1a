import os

import pytest
from botocore.exceptions import ClientError

from dropforge import images
from dropforge.errors import InputError
from dropforge.images import Image
from dropforge.project import Project
from dropforge.target import Target


def resolved(project: Project) -> Image:
    """Resolve the image of the project's own."""
    image = images.resolve(project, "iris")
    assert isinstance(image, Image)
    return image


def test_a_full_address_is_taken_as_it_is(project: Project, target: Target) -> None:
    """AWS's own images and those of others need no folder here."""
    uri = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
    assert images.resolve(project, uri) == uri
    assert images.address(target, uri) == uri


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
        images.resolve(project, name)


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


@pytest.mark.parametrize(
    ("code", "first"),
    [
        ("ImageNotFoundException", "aws ecr get-login-password"),
        ("RepositoryNotFoundException", "aws ecr create-repository"),
    ],
)
def test_on_aws_a_missing_image_is_bad_input_with_the_way_out(
    project: Project, code: str, first: str
) -> None:
    """The message can be pasted: build, then push, after creating the repository if need be."""
    image = resolved(project)
    uri = f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/dropforge/iris:{image.tag}"
    with pytest.raises(InputError) as caught:
        images.provide(project, OnAws(code), image)  # type: ignore[arg-type]
    message = str(caught.value)
    assert f"put it there: {first}" in message
    assert "docker buildx build --provenance=false --output type=docker" in message
    assert f"--platform linux/amd64 -t {uri} containers/iris" in message
    assert message.endswith(f"docker push {uri}")
