"""Container images as folders: `<images>/<repository>/<tag>/` is what an image has unpacked."""

import re
from pathlib import Path

from embedded_aws.errors import AwsError

# An ECR address, "<account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>", or no registry.
_URI = re.compile(
    r"(?:[^/]+[.:][^/]*/)?(?P<repository>[a-z0-9][a-z0-9._/-]*)(?::(?P<tag>[A-Za-z0-9_][\w.-]*))?"
)


class Images:
    """The images that are here."""

    def __init__(self, folder: Path) -> None:
        """Look for them in `folder`."""
        self._folder = folder

    def folder(self, uri: str) -> Path:
        """Give the folder that stands for an image; raises AwsError when there is none."""
        parts = _URI.fullmatch(uri)
        if parts is None or ".." in uri:
            raise AwsError("ValidationException", f"Not the address of an image: {uri}")
        path = self._folder / parts["repository"] / (parts["tag"] or "latest")
        if not path.is_dir():
            raise AwsError(
                "ValidationException",
                f"Requested image {uri} not found: the embedded AWS has no folder"
                f" images/{path.relative_to(self._folder)}",
            )
        return path
