"""`dropforge image`: build the images of containers/, and push them to ECR."""

import base64
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from dropforge import images, output
from dropforge.engine import docker, has_image
from dropforge.errors import InputError
from dropforge.images import Image
from dropforge.project import Project
from dropforge.target import Target

# What SageMaker's default machines run.
_PLATFORM = "linux/amd64"


@dataclass(frozen=True)
class Built:
    """An image: where it is, what it is called, and its size in bytes when it is in the engine."""

    image: Image
    name: str
    size: int

    def document(self) -> dict[str, Any]:
        """Return what `--json` prints of it."""
        return {"image": self.image.folder.name, "name": self.name, "bytes": self.size}

    def write(self) -> None:
        """Print it for people."""
        output.write_line(f"{self.name} ({self.size / 1e6:.0f} MB)")


def build(project: Project, name: str, base: str | None, builder: str | None) -> Built:
    """Build the image of containers/NAME, tagged by its content.

    `base` and `builder` replace the images that its Dockerfile starts from: the one that it is
    based on, and the one that it is built in.

    Raises:
        InputError: there is no such folder.
        CommandError: the build failed; the message has its last words.
    """
    image = images.of_folder(project, name)
    given = {"BASE": base, "BUILDER": builder}
    options = [
        part for key, value in given.items() if value for part in ("--build-arg", f"{key}={value}")
    ]
    output.say(f"Building {image.name} from {project.relative(image.folder)} ...")
    platform = ("--platform", _PLATFORM)
    docker("build", *platform, "--tag", image.name, *options, str(image.folder))
    return _built(image, image.name)


def push(project: Project, target: Target, name: str) -> Built:
    """Push the image that was built of containers/NAME to ECR, unless it is there.

    Raises:
        InputError: nothing was built.
        CommandError: ECR or the engine refuses.
    """
    image = images.of_folder(project, name)
    if not has_image(image.name):
        raise InputError(f"{image.name} was not built: dropforge image build {name}")
    uri = images.address(target, image)
    if images.is_in_ecr(target, image):
        output.say(f"{uri} is in ECR already.")
        return _built(image, uri, image.name)
    _ensure_repository(target, image.repository)
    _log_in(target)
    docker("tag", image.name, uri)
    output.say(f"Pushing {uri} ...")
    docker("push", uri)
    return _built(image, uri)


def _built(image: Image, name: str, local: str | None = None) -> Built:
    size = docker("image", "inspect", "--format", "{{.Size}}", local or name)
    return Built(image, name, int(size))


def _ensure_repository(target: Target, repository: str) -> None:
    """Create the repository when it is missing: tags stay what they are, and images are scanned."""
    try:
        target.client("ecr").create_repository(
            repositoryName=repository,
            imageTagMutability="IMMUTABLE",
            imageScanningConfiguration={"scanOnPush": True},
        )
    except ClientError as err:
        if err.response["Error"]["Code"] != "RepositoryAlreadyExistsException":
            raise
    else:
        output.say(f"Created the repository {repository}.")


def _log_in(target: Target) -> None:
    """Let the engine in to the registry, with a token that ECR gives for twelve hours."""
    [data] = target.client("ecr").get_authorization_token()["authorizationData"]
    user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
    registry = data["proxyEndpoint"].removeprefix("https://")
    docker("login", "--username", user, "--password-stdin", registry, text=password)
