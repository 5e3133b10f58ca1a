import json
from pathlib import Path

import pytest

from dropforge_jobs.outcome import MARKER, Outcome


def told(tmp_path: Path, outcome: Outcome) -> str:
    """Return the message as SageMaker shows it."""
    path = tmp_path / "output" / "message"
    outcome.tell(path)
    assert len(path.read_bytes()) <= 1024, "more than SageMaker shows"
    return path.read_text("utf-8")


def test_a_run_that_goes_on_has_counts_only(tmp_path: Path) -> None:
    """The counts, behind the marker that the state machine looks for."""
    message = told(tmp_path, Outcome(150, 3, 1))
    assert message.startswith("dropforge: ")
    assert json.loads(message.removeprefix(MARKER)) == {
        "rows": {"rows": 150, "rejected_rows": 3, "quarantined_objects": 1}
    }


@pytest.mark.parametrize("reason", ["x" * 5000, "ü" * 900, "😀" * 900, '"\n\\' * 900, "None is."])
def test_a_reason_is_cut_to_what_sagemaker_shows(tmp_path: Path, reason: str) -> None:
    """What is left is JSON, and the beginning of the reason."""
    document = json.loads(told(tmp_path, Outcome(0, 0, 1, reason)).removeprefix(MARKER))
    assert document["rows"] == {"rows": 0, "rejected_rows": 0, "quarantined_objects": 1}
    assert reason.startswith(document["skipped"].removesuffix("…"))
    assert len(document["skipped"]) >= min(len(reason), 200)
