import os
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
IMAGE = ROOT / "containers" / "iris"
REQUIREMENTS = (IMAGE / "requirements.txt").read_text("utf-8")


def locked() -> dict[str, str]:
    """Return the version of each package in uv.lock."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    return {package["name"]: package.get("version", "") for package in lock["package"]}


def test_the_image_has_the_versions_of_the_lock_file() -> None:
    """What the embedded AWS runs is what the image runs."""
    pinned = dict(re.findall(r"^(\S+)==(\S+)", REQUIREMENTS, re.MULTILINE))
    assert {"gunicorn", "numpy", "scikit-learn"} <= set(pinned)
    versions = locked()
    assert pinned == {name: versions[name] for name in pinned}


def test_every_requirement_has_its_hashes() -> None:
    """Installing refuses a file that was replaced."""
    pins = re.split(r"^(?=\S+==)", REQUIREMENTS, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in pin for pin in pins)


@pytest.mark.parametrize("program", ["train", "serve"])
def test_the_programs_can_be_started_by_name(program: str) -> None:
    """`docker run IMAGE train` needs them executable and on the PATH."""
    path = IMAGE / program
    assert os.access(path, os.X_OK)
    assert path.read_text("utf-8").startswith("#!/usr/bin/env python3\n")
    dockerfile = (IMAGE / "Dockerfile").read_text("utf-8")
    assert "PATH=/opt/program:" in dockerfile
    assert "ENTRYPOINT" not in dockerfile


def test_the_image_can_stand_in_a_chain_of_containers() -> None:
    """Without this label SageMaker refuses to put it behind another port."""
    label = "com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true"
    assert f"LABEL {label}" in (IMAGE / "Dockerfile").read_text("utf-8")


def test_the_readme_names_every_hyperparameter_and_setting() -> None:
    """What the programs read is what the README lists."""
    readme = (IMAGE / "README.md").read_text("utf-8")
    source = "".join(path.read_text("utf-8") for path in (IMAGE / "iris_image").glob("*.py"))
    names = r'(?:_number\(environ, |environ\.get\()"([A-Z_]+)"'
    settings = set(re.findall(names, source)) - {"CONTENT_TYPE", "HTTP_ACCEPT"}  # a request's own
    hyperparameters = set(re.findall(r'^    "(\w+)": _', source, re.MULTILINE))
    assert settings >= {"BIND_ADDRESS", "MODEL_SERVER_THREADS"}
    assert hyperparameters >= {"criterion", "random_state"}
    missing = {name for name in settings | hyperparameters if f"`{name}`" not in readme}
    assert not missing
