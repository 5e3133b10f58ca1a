"""AWS's own images: ``aws:<framework>:<version>`` as an address, by AWS's tables.

``aws_images.json`` is written by ``containers/list_aws_images.py`` from AWS's library.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from dropforge.errors import InputError

PREFIX = "aws:"
_TABLE = Path(__file__).with_name("aws_images.json")

# Tags that do not tell their Python: docker/<version>/base/Dockerfile.cpu in
# github.com/aws/sagemaker-scikit-learn-container and sagemaker-xgboost-container.
_PYTHONS = {
    "sagemaker-scikit-learn:1.2-1-cpu-py3": "3.9",
    "sagemaker-scikit-learn:1.4-2-cpu-py3": "3.10",
    "sagemaker-xgboost:1.7-1": "3.8",
    "sagemaker-xgboost:3.0-5": "3.10",
}
_TAGGED_PYTHON = re.compile(r"-py3(\d+)(?!\d)")

type Place = Literal["processing", "training", "inference"]


@dataclass(frozen=True)
class AwsImage:
    """An image of AWS's: repository, tag, and the registry's host in each region."""

    name: str
    repository: str
    tag: str
    hosts: dict[str, str]

    @property
    def python(self) -> str | None:
        """The Python that it has, such as "3.12"; None when nobody tells it."""
        tagged = _TAGGED_PYTHON.search(self.tag)
        return f"3.{tagged[1]}" if tagged else _PYTHONS.get(f"{self.repository}:{self.tag}")

    def address(self, region: str) -> str:
        """Return the address in a region.

        Raises:
            InputError: AWS has no such image there.
        """
        if region not in self.hosts:
            raise InputError(f"image {self.name!r}: AWS names no registry of it in {region}.")
        return f"{self.hosts[region]}/{self.repository}:{self.tag}"


def find(name: str, place: Place, instance_type: str | None) -> AwsImage:
    """Find an image by ``aws:<framework>:<version>``, where it runs and on which machine.

    Versions may leave out what comes last, as 2.19 for 2.19.0. A machine of the families g and p
    has a GPU (so does ``sagemaker.core.image_uris`` tell them); None stands for serverless.

    Raises:
        InputError: there is no such image; the message says which there are.
    """
    _, framework, version = (*name.split(":", 2), "", "")[:3]
    table = _table()
    of_framework = table["images"].get(framework)
    if of_framework is None:
        known = ", ".join(table["images"])
        raise InputError(f"image {name!r}: no framework of AWS's images: {known}.")
    fitting = {
        one: places[place]
        for one, places in of_framework.items()
        if place in places and (one == version or one.startswith(f"{version}."))
    }
    if not version or not fitting:
        known = ", ".join(one for one, places in of_framework.items() if place in places)
        raise InputError(f"image {name!r}: for {place} AWS has {known or 'none'}.")
    processor = "gpu" if _has_gpu(instance_type) else "cpu"
    images = list(fitting.values())[-1]
    if processor not in images:
        raise InputError(f"image {name!r}: for {place} AWS has none for {instance_type}.")
    entry = images[processor]
    repository, _, tag = entry["image"].partition(":")
    return AwsImage(name, repository, tag, table["registries"][entry["registries"]])


def _has_gpu(instance_type: str | None) -> bool:
    return instance_type is not None and instance_type.startswith(("ml.g", "ml.p"))


@cache
def _table() -> Any:
    return json.loads(_TABLE.read_text("utf-8"))
