import json
from pathlib import Path
from typing import Any

import pytest

from dropforge import machines
from dropforge.errors import InputError

MACHINE: dict[str, Any] = {
    "QueryLanguage": "JSONata",
    "StartAt": "Begin",
    "States": {
        "Begin": {"Type": "Pass", "Assign": {"name": "{% 'x' & $string(1) %}"}, "Next": "Both"},
        "Both": {
            "Type": "Parallel",
            "Branches": [{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}],
            "Next": "Choose",
        },
        "Choose": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $name = '${Bucket}' %}", "Next": "Done"}],
            "Default": "Done",
        },
        "Done": {"Type": "Succeed"},
    },
}


def checked(tmp_path: Path, text: str, *given: str) -> None:
    """Check a definition."""
    path = tmp_path / "machine.asl.json"
    path.write_text(text)
    machines.check(path, set(given or ("Bucket",)))


def test_a_sound_machine_passes(tmp_path: Path) -> None:
    """Nothing is wrong with it."""
    checked(tmp_path, json.dumps(MACHINE))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"StartAt": "Begin"', '"StartAt": "Start"', "leads to 'Start', which is not there"),
        ('"Next": "Both"', '"Next": "Booth"', "leads to 'Booth', which is not there"),
        ('"Next": "Both"', '"Next": "Choose"', "never reaches Both"),
        ('"StartAt": "A"', '"StartAt": "B"', r"Both\[0\] leads to 'B'"),
        ("$string(1)", "$string((1)", r"States\.Begin\.Assign\.name: no JSONata"),
        ('"Succeed"', '"Suceed"', "no Amazon States Language"),
        ("${Bucket}", "${Bukket}", "DefinitionSubstitutions lacks Bukket"),
        ("${Bucket}", "bucket", "DefinitionSubstitutions has Bucket, which nothing uses"),
        ('"States"', "States", "no JSON"),
    ],
)
def test_what_is_wrong_with_a_machine_is_named(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    """Each of these would only fail on AWS, at deployment or in the middle of a run."""
    text = json.dumps(MACHINE)
    assert old in text
    with pytest.raises(InputError, match=says):
        checked(tmp_path, text.replace(old, new))
