import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
EVENTS = sorted((ROOT / "events").glob("*.json"))
FUNCTIONS = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_an_event_is_named_for_its_function(path: Path) -> None:
    """``<function>.<case>.json``, one JSON document."""
    assert path.name.count(".") == 2
    assert path.name.split(".")[0] in FUNCTIONS
    assert isinstance(json.loads(path.read_text()), dict)


def test_every_function_has_an_event() -> None:
    """Each can be tried with ``sam local invoke``."""
    assert {path.name.split(".")[0] for path in EVENTS} == FUNCTIONS


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_an_event_is_used_by_a_test(path: Path) -> None:
    """A sample that no test reads would rot."""
    tests = "".join(file.read_text() for file in ROOT.glob("tests/unit/functions/test_*.py"))
    function, case, _ = path.name.split(".")
    assert function in tests
    assert case in tests
