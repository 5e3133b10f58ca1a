"""All twenty faults are tried."""

import re
from pathlib import Path

from .fault_book import FAULTS


def test_each_fault_has_its_test() -> None:
    """One or more, in the files beside this one; what they see makes up the table."""
    files = Path(__file__).parent.glob("test_fault_*.py")
    marks = re.compile(r"^@pytest\.mark\.fault\((\d+)\)$", re.MULTILINE)
    tried = {int(number) for path in files for number in marks.findall(path.read_text("utf-8"))}
    assert tried == set(range(1, len(FAULTS) + 1))
    assert len(FAULTS) == 20
