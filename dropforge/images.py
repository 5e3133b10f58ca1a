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

from dropforge import aws_images, environments
from dropforge.aws_images import AwsImage, Place
from dropforge.content import digest, files_below
from dropforge.errors import InputError
from dropforge.project import Project
from dropforge.target import Target

_NAME = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")
_REPOSITORY = "dropforge"
_TAG_LENGTH = 12
# What makes an image, but is not in it.
_RECIPE = ("Dockerfile", "README.md", "requirements.in", "requirements.txt")
_BUILD = "docker buildx build --provenance=false --output type=docker"
# What SageMaker's default machines run.
_PLATFORM = "linux/amd64"
STAND_INS = "aws-images.yaml"
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


def resolve(project: Project, use: Use) -> Image | AwsImage | str:
    """Tell what `image:` names: a folder of containers/, an image of AWS's, or a full address.

    Raises:
        InputError: it names a folder or an image of AWS's that is not there.
    """
    if use.image.startswith(aws_images.PREFIX):
        return aws_images.find(use.image, use.place, use.instance_type)
    if "/" in use.image:
        return use.image
    return _of_folder(project, use.image)


def _of_folder(project: Project, name: str) -> Image:
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
        InputError: it is not in ECR, and the message says how to build and push it; or nothing
            stands in for an image of AWS's.
    """
    if isinstance(image, Image):
        if target.is_local:
            _unpack(project, image)
        else:
            _look_up(project, target, image)
    elif target.is_local:
        _stand_in(project, image)


def _stand_in(project: Project, image: AwsImage | str) -> None:
    """Put what stands in for an image of AWS's where jobs look for that image."""
    if isinstance(image, AwsImage):
        repository, tag = image.repository, image.tag
    elif found := _ADDRESS.fullmatch(image):
        repository, tag = found["repository"], found["tag"] or "latest"
    else:
        return
    table = project.containers / STAND_INS
    folders = yaml.safe_load(table.read_text("utf-8")) if table.is_file() else {}
    if repository not in folders:
        if isinstance(image, str):
            return  # Perhaps somebody has put a folder for it into the state's images.
        raise InputError(
            f"image {image.name!r}: nothing on this machine stands in for {repository}; name a"
            f" folder of {project.relative(project.containers)}/ for it in"
            f" {project.relative(table)}."
        )
    folder = project.containers / str(folders[repository])
    if not folder.is_dir():
        where = f"{project.relative(table)}: {repository}"
        raise InputError(f"{where}: there is no folder {project.relative(folder)}.")
    # It needs no Dockerfile: on AWS the image is AWS's own.
    unpacked = _unpack(project, _tagged(folder))
    _link(project.state / "images" / repository / tag, unpacked)


def _unpack(project: Project, image: Image) -> Path:
    """Copy the image's program files, in one step: a job never sees half an image."""
    environment = environments.provide(project, image.folder)
    folder = project.state / "images" / image.repository / image.tag
    if not folder.exists():
        _copy(image, folder, environment)
    elif environment:
        _link(folder / _ENVIRONMENT, environment)
    return folder


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


def _look_up(project: Project, target: Target, image: Image) -> None:
    try:
        target.client("ecr").describe_images(
            repositoryName=image.repository, imageIds=[{"imageTag": image.tag}]
        )
    except ClientError as err:
        code = err.response["Error"]["Code"]
        if code not in {"ImageNotFoundException", "RepositoryNotFoundException"}:
            raise
        uri = address(target, image)
        registry = uri.partition("/")[0]
        todo = [
            f"aws ecr get-login-password | docker login --username AWS --password-stdin {registry}",
            # SageMaker takes no OCI index, which attestations would make of it.
            f"{_BUILD} --platform {_PLATFORM} -t {uri} {project.relative(image.folder)}",
            f"docker push {uri}",
        ]
        if code == "RepositoryNotFoundException":
            todo.insert(0, f"aws ecr create-repository --repository-name {image.repository}")
        raise InputError(f"Image {uri} is not in ECR; put it there: {' && '.join(todo)}") from err
