"""Container images: what `image:` in pipeline.yaml stands for, and whether it is there."""

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

from dropforge.content import digest, files_below
from dropforge.errors import InputError
from dropforge.project import Project
from dropforge.target import Target

_NAME = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")
_REPOSITORY = "dropforge"
_TAG_LENGTH = 12
# What makes an image, but is not in it.
_RECIPE = ("Dockerfile", "README.md", "requirements.txt")
_BUILD = "docker buildx build --provenance=false --output type=docker"
# What SageMaker's default machines run.
_PLATFORM = "linux/amd64"


@dataclass(frozen=True)
class Image:
    """An image of ours: its folder under containers/, its repository and its tag."""

    folder: Path
    repository: str
    tag: str


def resolve(project: Project, image: str) -> Image | str:
    """Tell what `image:` names: a folder of containers/, or an address, which is taken as it is.

    Raises:
        InputError: it names a folder that is not there.
    """
    if "/" in image:
        return image
    folder = project.containers / image
    if not _NAME.fullmatch(image) or not (folder / "Dockerfile").is_file():
        raise InputError(
            f"image {image!r}: there is no {project.relative(folder)}/Dockerfile; name a folder of"
            f" {project.relative(project.containers)}/ or give a full address."
        )
    files = {path.relative_to(folder).as_posix(): path for path in files_below(folder)}
    return Image(folder, f"{_REPOSITORY}/{image}", digest(files)[:_TAG_LENGTH])


def address(target: Target, image: Image | str) -> str:
    """Return the image's address in this target's account and region."""
    if isinstance(image, str):
        return image
    suffix = ".cn" if target.region.startswith("cn-") else ""
    registry = f"{target.account}.dkr.ecr.{target.region}.amazonaws.com{suffix}"
    return f"{registry}/{image.repository}:{image.tag}"


def provide(project: Project, target: Target, image: Image | str) -> None:
    """See to it that jobs find the image: on AWS it must be in ECR, locally its files are copied.

    Raises:
        InputError: it is not in ECR; the message says how to build and push it.
    """
    if isinstance(image, str):
        return
    if target.is_local:
        _unpack(image, project.state / "images" / image.repository / image.tag)
    else:
        _look_up(project, target, image)


def _unpack(image: Image, folder: Path) -> None:
    """Copy the image's program files, in one step: a job never sees half an image."""
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".", dir=folder.parent))
    try:
        for path in files_below(image.folder, without=_RECIPE):
            copy = draft / path.relative_to(image.folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)
        draft.chmod(0o755)
        os.rename(draft, folder)  # noqa: PTH104 - Path.rename hides that an empty folder is replaced
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        # Someone else was faster: the same content lies there.
        if not folder.exists():
            raise


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
