"""Container images: what `image:` in pipeline.yaml stands for, and whether it is there.

It is a folder of containers/, the full address of an image, or ``aws:<framework>:<version>``, an
image of AWS's. On this machine folders are unpacked for the embedded AWS; an image of AWS's, by
either name, is stood in for by the folder that ``containers/aws-images.yaml`` gives its repository.
"""

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml
from botocore.exceptions import ClientError

from dropforge import aws_images, engine, environments
from dropforge.aws_images import AwsImage, Place
from dropforge.content import digest, files_below
from dropforge.errors import InputError
from dropforge.project import Project
from dropforge.target import Target

_NAME = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")
_REPOSITORY = "dropforge"
_TAG_LENGTH = 12
# What makes an image, but is not in it.
_RECIPE = ("Dockerfile", "README.md", "contract.yaml", "requirements.in", "requirements.txt")
_NOT_THERE = {"ImageNotFoundException", "RepositoryNotFoundException"}
STAND_INS = "aws-images.yaml"
_GLUE = "aws-glue"
_ADDRESS = re.compile(r"\d{12}\.dkr\.ecr\.[^/]+/(?P<repository>[^:@]+)(?::(?P<tag>[^@]+))?")
# Where the embedded AWS looks for an image's own Python.
_ENVIRONMENT = ".venv"


@dataclass(frozen=True)
class Use:
    """What pipeline.yaml calls an image, and where it runs: None for the machine: serverless."""

    image: str
    place: Place
    instance_type: str | None


@dataclass(frozen=True)
class Image:
    """An image of ours: its folder under containers/, its repository and its tag."""

    folder: Path
    repository: str
    tag: str

    @property
    def name(self) -> str:
        """What an engine on this machine calls it."""
        return f"{self.repository}:{self.tag}"


def resolve(project: Project, use: Use) -> Image | AwsImage | str:
    """Tell what `image:` names: a folder of containers/, an image of AWS's, or a full address.

    Raises:
        InputError: it names a folder or an image of AWS's that is not there.
    """
    if use.image.startswith(aws_images.PREFIX):
        return aws_images.find(use.image, use.place, use.instance_type)
    if "/" in use.image:
        return use.image
    return of_folder(project, use.image)


def of_folder(project: Project, name: str) -> Image:
    """Tell the image that is made of a folder of containers/.

    Raises:
        InputError: there is no such folder.
    """
    folder = project.containers / name
    if not _NAME.fullmatch(name) or not (folder / "Dockerfile").is_file():
        raise InputError(
            f"image {name!r}: there is no {project.relative(folder)}/Dockerfile; name a folder of"
            f" {project.relative(project.containers)}/, aws:<framework>:<version>, or give a full"
            " address."
        )
    return _tagged(folder)


def _tagged(folder: Path) -> Image:
    files = {path.relative_to(folder).as_posix(): path for path in files_below(folder)}
    return Image(folder, f"{_REPOSITORY}/{folder.name}", digest(files)[:_TAG_LENGTH])


def address(target: Target, image: Image | AwsImage | str) -> str:
    """Return the image's address in this target's account and region.

    Raises:
        InputError: AWS has no such image in this region.
    """
    if isinstance(image, str):
        return image
    if isinstance(image, AwsImage):
        return image.address(target.region)
    suffix = ".cn" if target.region.startswith("cn-") else ""
    registry = f"{target.account}.dkr.ecr.{target.region}.amazonaws.com{suffix}"
    return f"{registry}/{image.repository}:{image.tag}"


def provide(project: Project, target: Target, image: Image | AwsImage | str) -> None:
    """See to it that jobs find the image: on AWS it must be in ECR, locally it becomes a folder.

    Raises:
        InputError: it is not in ECR or not in the engine, and the message says how to build it;
            or nothing stands in for an image of AWS's.
    """
    if isinstance(image, Image):
        if target.is_local:
            _unpack(project, target, image)
        else:
            _look_up(target, image)
    elif target.is_local and not _is_in_engine(target, image):
        _stand_in(project, target, image)


def _is_in_engine(target: Target, image: AwsImage | str) -> bool:
    """Whether jobs run in containers, and the very image of this address is there for them."""
    return target.runtime == "docker" and engine.has_image(address(target, image))


def _stand_in(project: Project, target: Target, image: AwsImage | str) -> None:
    """Put what stands in for an image of AWS's where jobs look for that image."""
    if isinstance(image, AwsImage):
        _by_table(project, target, image.repository, image.tag, image.name)
    elif found := _ADDRESS.fullmatch(image):
        # Perhaps somebody has put a folder for it into the state's images.
        _by_table(project, target, found["repository"], found["tag"] or "latest", None)


def provide_glue(project: Project, target: Target, version: str) -> None:
    """See to it that the embedded AWS has what stands for Glue's own image.

    Raises:
        InputError: nothing stands in for it.
    """
    if target.is_local:
        _by_table(project, target, _GLUE, version, f"{_GLUE}:{version}")


def _by_table(
    project: Project, target: Target, repository: str, tag: str, name: str | None
) -> None:
    """Put the folder that the table gives a repository; `name` says what needs it, if it must."""
    table = project.containers / STAND_INS
    folders = yaml.safe_load(table.read_text("utf-8")) if table.is_file() else {}
    if repository not in folders:
        if name is None:
            return
        raise InputError(
            f"image {name!r}: nothing on this machine stands in for {repository}; name a"
            f" folder of {project.relative(project.containers)}/ for it in"
            f" {project.relative(table)}."
        )
    folder = project.containers / str(folders[repository])
    if not folder.is_dir():
        where = f"{project.relative(table)}: {repository}"
        raise InputError(f"{where}: there is no folder {project.relative(folder)}.")
    # Processes need no Dockerfile: on AWS the image is AWS's own.
    if target.runtime == "docker" and not (folder / "Dockerfile").is_file():
        raise InputError(
            f"image {name or repository!r}: {project.relative(folder)} stands in for it, but has no"
            " Dockerfile, so no container can run it: pull AWS's own image, write a Dockerfile, or"
            " start the embedded AWS without --runtime docker."
        )
    unpacked = _unpack(project, target, _tagged(folder))
    _link(project.state / "images" / repository / tag, unpacked)


def _unpack(project: Project, target: Target, image: Image) -> Path:
    """Copy the image's program files, in one step: a job never sees half an image.

    Where jobs run in containers, the engine must have the image, and the folder only names it.
    """
    if target.runtime == "docker":
        _check_built(image)
        environment = None
    else:
        environment = environments.provide(project, image.folder)
    folder = project.state / "images" / image.repository / image.tag
    if not folder.exists():
        _copy(image, folder, environment)
    elif environment:
        _link(folder / _ENVIRONMENT, environment)
    return folder


def _check_built(image: Image) -> None:
    if not engine.has_image(image.name):
        raise InputError(
            f"The container engine has no image {image.name}; build it:"
            f" dropforge image build {image.folder.name}"
        )


def _copy(image: Image, folder: Path, environment: Path | None) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".", dir=folder.parent))
    try:
        for path in files_below(image.folder, without=_RECIPE):
            copy = draft / path.relative_to(image.folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)
        if environment:
            (draft / _ENVIRONMENT).symlink_to(environment)
        draft.chmod(0o755)
        os.rename(draft, folder)  # noqa: PTH104 - Path.rename hides that an empty folder is replaced
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        # Someone else was faster: the same content lies there.
        if not folder.exists():
            raise


def _link(path: Path, to: Path) -> None:
    """Make a link, or point it elsewhere, in one step."""
    if path.is_symlink() and path.readlink() == to:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=path.parent) as draft:
        link = Path(draft) / "link"
        link.symlink_to(to)
        link.replace(path)


def is_in_ecr(target: Target, image: Image) -> bool:
    """Whether the registry has the image."""
    try:
        target.client("ecr").describe_images(
            repositoryName=image.repository, imageIds=[{"imageTag": image.tag}]
        )
    except ClientError as err:
        if err.response["Error"]["Code"] not in _NOT_THERE:
            raise
        return False
    return True


def _look_up(target: Target, image: Image) -> None:
    if is_in_ecr(target, image):
        return
    name = image.folder.name
    raise InputError(
        f"Image {address(target, image)} is not in ECR; put it there:"
        f" dropforge image build {name} && dropforge image push {name} --target aws"
    )
