import ast
import sys
from pathlib import Path

import pytest

FILES = sorted((Path(__file__).parents[3] / "dropforge_jobs").rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_oldest_image_can_read_it(path: Path) -> None:
    """AWS's images carry Pythons down to 3.9."""
    ast.parse(path.read_text("utf-8"), feature_version=(3, 9))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_needs_the_standard_library_and_numpy_only(path: Path) -> None:
    """Nothing can be installed where jobs run."""
    tree = ast.parse(path.read_text("utf-8"))
    modules = {alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
    modules |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    roots = {module.split(".")[0] for module in modules}
    assert roots <= sys.stdlib_module_names | {"dropforge_jobs", "numpy"}
