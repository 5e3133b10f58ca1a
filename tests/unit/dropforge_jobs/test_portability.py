import ast
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

FILES = sorted((Path(__file__).parents[3] / "dropforge_jobs").rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_oldest_image_can_read_it(path: Path) -> None:
    """AWS's images carry Pythons down to 3.9."""
    ast.parse(path.read_text("utf-8"), feature_version=(3, 9))


def modules(nodes: Iterable[ast.AST]) -> set[str]:
    """Return the packages that these nodes import."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return {module.split(".")[0] for module in found}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_needs_the_standard_library_and_numpy_only(path: Path) -> None:
    """Nothing can be installed where jobs run; a report and Glue import what they need for it."""
    tree = ast.parse(path.read_text("utf-8"))
    needed = sys.stdlib_module_names | {"dropforge_jobs", "numpy"}
    assert modules(tree.body) <= needed
    later = {"report.py": {"jinja2"}, "canvas.py": {"PIL"}, "glue.py": {"boto3"}}
    assert modules(ast.walk(tree)) <= needed | later.get(path.name, set())
