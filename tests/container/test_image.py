"""`dropforge image`: what it builds keeps SageMaker's contract, and is small."""

import json
from concurrent.futures import Future

import pytest

from .conftest import PYTHON_BASE
from .engine import docker
from .images import NAMES
from .tool import Tool

# Megabytes above the base: what its libraries take, and little else.
_SIZES = {"car_evaluation": 480, "iris": 320, "onnx": 200, "xgboost": 300}


@pytest.mark.parametrize("name", NAMES)
def test_an_image_keeps_the_contract(name: str, tool: Tool, images: dict[str, Future[str]]) -> None:
    """Each check of `image test` runs, and none finds anything."""
    assert images[name].result().startswith(f"dropforge/{name}:")
    done = tool("image", "test", name, "--json")
    checks = json.loads(done.stdout)
    assert {check["check"]: check["problem"] for check in checks if check["problem"]} == {}
    assert checks
    assert done.returncode == 0


@pytest.mark.parametrize("name", _SIZES)
def test_an_image_holds_nothing_that_only_the_build_needs(
    name: str, images: dict[str, Future[str]]
) -> None:
    """No compiler, no pip, no wheels, no recipe; nothing of the builder."""
    image = images[name].result()
    paths = "/wheels /etc/pip.conf /opt/program/Dockerfile /opt/venv/bin/pip"
    look = f"ls {paths} 2>/dev/null; which cc gcc; true"
    assert docker("run", "--rm", "--entrypoint", "sh", image, "-c", look) == ""
    base, built = (
        int(docker("image", "inspect", "--format", "{{.Size}}", each))
        for each in (PYTHON_BASE, image)
    )
    assert built - base < _SIZES[name] * 1e6


@pytest.mark.parametrize("name", ["iris", "onnx", "xgboost"])
def test_an_engine_sees_whether_it_serves(name: str, images: dict[str, Future[str]]) -> None:
    """Who serves has a health check."""
    inspected = ("image", "inspect", "--format", "{{json .Config}}", images[name].result())
    assert json.loads(docker(*inspected))["Healthcheck"]["Test"][0] == "CMD"
