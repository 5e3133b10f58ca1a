import json
from pathlib import Path

import pytest

from dropforge_jobs.outcome import MARKER, Outcome, digest_of


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


def test_what_the_data_decides_of_the_training(tmp_path: Path) -> None:
    """Hyperparameters and the digest are told; more of them than SageMaker shows are an error."""
    outcome = Outcome(1, 0, 0, hyperparameters={"num_class": "4"}, trained_on="1a2b")
    document = json.loads(told(tmp_path, outcome).removeprefix(MARKER))
    assert (document["hyperparameters"], document["trained_on"]) == ({"num_class": "4"}, "1a2b")
    with pytest.raises(ValueError, match="more than 1024 bytes of hyperparameters"):
        Outcome(1, 0, 0, "Why.", hyperparameters={"x": "y" * 1000}).tell(tmp_path / "message")


def test_a_digest_knows_names_and_bytes(tmp_path: Path) -> None:
    """The same files give the same digest; another name, byte or folder gives another."""
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
        (folder / "x.csv").write_text("1,2")
    seen = {digest_of(*folders), digest_of(folders[0]), digest_of(tmp_path)}
    assert digest_of(folders[0]) == digest_of(folders[1])
    (folders[0] / "x.csv").write_text("1,3")
    seen.add(digest_of(folders[0]))
    (folders[0] / "x.csv").rename(folders[0] / "y.csv")
    seen.add(digest_of(folders[0]))
    assert len(seen) == 5
