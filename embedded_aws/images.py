"""Container images as folders: `<images>/<repository>/<tag>/` is what an image has unpacked.

A link there makes the image that it leads to stand in for another.
"""

import re
from pathlib import Path

from embedded_aws.errors import AwsError

# An ECR address, "<account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>", or no registry.
_URI = re.compile(
    r"(?:[^/]+[.:][^/]*/)?(?P<repository>[a-z0-9][a-z0-9._/-]*)(?::(?P<tag>[A-Za-z0-9_][\w.-]*))?"
)


class Images:
    """The images that are here."""

    def __init__(self, table: Path) -> None:
        """Look for them in the folder `table`."""
        self.table = table

    def folder(self, uri: str) -> Path:
        """Give the folder that stands for an image; raises AwsError when there is none."""
        path = self._place(uri)
        if not path.is_dir():
            raise AwsError(
                "ValidationException",
                f"Requested image {uri} not found: the embedded AWS has no folder"
                f" images/{path.relative_to(self.table)}",
            )
        return path

    def name(self, uri: str) -> str:
        """Name what an engine is to have for an image: "<repository>:<tag>", or its stand-in's.

        Raises AwsError when the address is none.
        """
        place, root = self._place(uri), self.table.resolve()
        end = place.resolve()
        path = end.relative_to(root) if end.is_relative_to(root) else place.relative_to(self.table)
        return f"{path.parent}:{path.name}"

    def _place(self, uri: str) -> Path:
        parts = _URI.fullmatch(uri)
        if parts is None or ".." in uri:
            raise AwsError("ValidationException", f"Not the address of an image: {uri}")
        return self.table / parts["repository"] / (parts["tag"] or "latest")
