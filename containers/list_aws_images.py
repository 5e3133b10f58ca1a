"""Write dropforge/aws_images.json: the addresses of AWS's own images, as AWS's library gives them.

`make lock` runs it in an environment of its own, where sagemaker-core is; that library brings 100
packages, so the tool reads what it says from a table instead. Source of every address:
``sagemaker.core.image_uris.retrieve``, asked for each framework, version, place, processor, region.
"""

import json
import logging
import sys
from collections.abc import Iterator
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

from sagemaker.core import image_uris

OUT = Path(__file__).parents[1] / "dropforge" / "aws_images.json"
# SageMaker's images for processing jobs are the training images, where there are none of their own.
FRAMEWORKS = {
    "sklearn": {"processing": "training", "training": "training", "inference": "inference"},
    "spark": {"processing": "processing"},
    "tensorflow": {"processing": "training", "training": "training", "inference": "inference"},
    "xgboost": {"processing": "training", "training": "training", "inference": "inference"},
}
MACHINES = {"cpu": "ml.m5.large", "gpu": "ml.g5.xlarge"}
# Older ones have other contracts: no script mode, other servers, Python 2.
OLDEST = {"sklearn": "1.2-1", "spark": "3.3", "tensorflow": "2.16", "xgboost": "1.7-1"}


def main() -> None:
    """Write the table."""
    logging.disable(logging.WARNING)
    registries: list[dict[str, str]] = []
    images: dict[str, dict[str, dict[str, dict[str, Any]]]] = {}
    for framework, place, scope in _places():
        config = image_uris.config_for_framework(framework)
        config = config.get(scope, config)
        for name, (processor, machine) in product(_versions(framework, config), MACHINES.items()):
            found = _addresses(framework, name, scope, machine, config)
            if found is None:
                continue
            image, hosts = found
            if hosts not in registries:
                registries.append(hosts)
            entry = {"image": image, "registries": registries.index(hosts)}
            of_version = images.setdefault(framework, {}).setdefault(name, {})
            of_version.setdefault(place, {})[processor] = entry
    document = {
        "source": f"sagemaker-core {version('sagemaker-core')}",
        "registries": registries,
        "images": images,
    }
    OUT.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", "utf-8")
    sys.stderr.write(f"{OUT.name}: {sum(map(len, images.values()))} versions\n")


def _places() -> Iterator[tuple[str, str, str]]:
    for framework, places in FRAMEWORKS.items():
        for place, scope in places.items():
            yield framework, place, scope


def _versions(framework: str, config: dict[str, Any]) -> list[str]:
    names = list(config["versions"])
    oldest = config.get("version_aliases", {}).get(OLDEST[framework], OLDEST[framework])
    return names[names.index(oldest) :]


def _addresses(
    framework: str, name: str, scope: str, machine: str, config: dict[str, Any]
) -> tuple[str, dict[str, str]] | None:
    """Give repository with tag, and each region's registry; None when there is no such image."""
    of_version = config["versions"][name]
    pythons = of_version.get("py_versions")
    regions = of_version.get("registries") or next(
        part["registries"] for part in of_version.values() if isinstance(part, dict)
    )
    options = {"py_version": pythons[-1]} if pythons else {}
    if framework == "spark":
        options["container_version"] = "v1"
    hosts: dict[str, str] = {}
    images = set()
    for region in regions:
        try:
            address = image_uris.retrieve(
                framework, region, name, instance_type=machine, image_scope=scope, **options
            )
        except ValueError:
            return None
        hosts[region], _, image = address.partition("/")
        images.add(image)
    (image,) = images
    return image, hosts


if __name__ == "__main__":
    main()
