"""`dropforge image`: what it builds keeps SageMaker's contract, and is small."""

import json

from .engine import docker
from .tool import Tool


def test_the_image_keeps_the_contract(tool: Tool, iris_image: str) -> None:
    """Each check of `image test` runs, and none finds anything."""
    assert iris_image.startswith("dropforge/iris:")
    checks = tool.document("image", "test", "iris")
    assert [check["problem"] for check in checks] == [None] * 8


def test_the_image_holds_nothing_that_only_the_build_needs(iris_image: str) -> None:
    """No compiler, no pip, no wheels, no recipe; nothing of the builder."""
    paths = "/wheels /etc/pip.conf /opt/program/Dockerfile /opt/venv/bin/pip"
    look = f"ls {paths} 2>/dev/null; which cc gcc; true"
    found = docker("run", "--rm", "--entrypoint", "sh", iris_image, "-c", look)
    assert found == ""
    config = json.loads(docker("image", "inspect", "--format", "{{json .Config}}", iris_image))
    assert config["Healthcheck"]["Test"][0] == "CMD"
    base, image = (
        int(docker("image", "inspect", "--format", "{{.Size}}", name))
        for name in ("dropforge-stand-in/python:3.13", iris_image)
    )
    assert image - base < 320e6
