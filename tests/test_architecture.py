"""Imports point one way; handlers stay light; nothing happens at import."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = {"dropforge", "dropforge_core", "dropforge_jobs", "embedded_aws"}
HEAVY = {"pandas", "numpy", "sklearn", "sagemaker", "aws_xray_sdk", "moto", "skops"}

# Who may import what of ours; a folder that is not named here is a failure.
MAY_IMPORT = {
    "dropforge": {"dropforge", "dropforge_core", "dropforge_jobs", "embedded_aws"},
    "functions": {"dropforge_core"},
    "layers/shared/dropforge_core": {"dropforge_core"},
    "embedded_aws": {"embedded_aws"},
    "dropforge_jobs": {"dropforge_jobs"},
    "pipelines": {"dropforge_jobs"},
    "containers": {"dropforge_jobs"},
}


def imports(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports, at its top or anywhere inside."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_imports_point_one_way(folder: str) -> None:
    """Functions and the tool import the core, never the other way; pipelines know jobs only."""
    files = list((ROOT / folder).rglob("*.py"))
    assert files
    for path in files:
        ours = {name.split(".")[0] for name in imports(path)} & OURS
        assert ours <= MAY_IMPORT[folder], path.relative_to(ROOT)


def test_only_one_room_of_the_tool_starts_the_embedded_aws() -> None:
    """The tool talks to AWS or to what stands for it by boto3; one module starts and deploys it."""
    users = {
        path.name
        for path in (ROOT / "dropforge").rglob("*.py")
        if any(name.split(".")[0] == "embedded_aws" for name in imports(path))
    }
    assert users == {"local.py"}


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("functions/*/app.py")), ids=lambda p: p.parent.name
)
def test_handlers_import_light_and_without_an_environment(path: Path) -> None:
    """A handler imports with an empty environment, no network, and none of the heavy libraries."""
    script = (
        "import socket, sys\n"
        "def refuse(*a, **k): raise AssertionError('network at import')\n"
        "socket.socket.connect = refuse\n"
        f"sys.path[:0] = [{str(path.parent)!r}, {str(ROOT / 'layers/shared')!r}]\n"
        "import app\n"
        "assert callable(app.lambda_handler)\n"
        f"heavy = {HEAVY!r} & {{name.split('.')[0] for name in sys.modules}}\n"
        "assert not heavy, heavy\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], env={}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
