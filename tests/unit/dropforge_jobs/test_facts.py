import json
from pathlib import Path
from typing import Any

import pytest

from dropforge_jobs.facts import RunFacts
from dropforge_jobs.holdout import Split
from dropforge_jobs.jobs import JobError
from dropforge_jobs.paths import JobPaths

PROFILE = {"rows": 3, "split": {"seed": 15, "holdout": 0.3, "validation": 0.1}}


def lay(base: Path, name: str, content: str) -> None:
    """Lay an optional input down."""
    file = "manifest.json" if name == "manifest" else "profile.json"
    path = base / "processing" / "input" / name / file
    path.parent.mkdir(parents=True)
    path.write_text(content, "utf-8")


def test_everything_is_read(tmp_path: Path) -> None:
    """Environment, manifest, and both profiles with their splits."""
    lay(tmp_path, "manifest", '{"bucket": "data"}')
    lay(tmp_path, "profile", json.dumps(PROFILE))
    lay(tmp_path, "champion_profile", json.dumps({"split": {"seed": 2, "holdout": 0.2}}))
    environ = {
        "RUN_ID": "iris-2",
        "CODE_VERSION": "abc",
        "CHAMPION_RUN_ID": "iris-1",
        "JUDGED_METRIC": "rmse",
        "JUDGED_DIRECTION": "lower",
    }
    facts = RunFacts.read(JobPaths(tmp_path), environ)
    assert (facts.run_id, facts.code_version, facts.champion_run_id) == ("iris-2", "abc", "iris-1")
    assert (facts.metric, facts.higher_is_better) == ("rmse", False)
    assert facts.manifest == {"bucket": "data"}
    assert facts.profile == PROFILE
    assert facts.split == Split(15, holdout=0.3, validation=0.1)
    assert facts.champion_split == Split(2, holdout=0.2)


def test_everything_may_be_missing(tmp_path: Path) -> None:
    """A pipeline's first run has no champion, and a job by hand not even a name."""
    facts = RunFacts.read(JobPaths(tmp_path), {"CHAMPION_RUN_ID": ""})
    assert facts == RunFacts()
    assert facts.champion_run_id is None
    assert facts.split is None
    assert facts.champion_split is None
    assert facts.higher_is_better


@pytest.mark.parametrize("content", ["", "{", "[1]", '"text"', '{"rows": NaN}', "\xff"])
def test_a_profile_of_no_use_is_left_out(tmp_path: Path, content: str) -> None:
    """Another version's or a damaged file is no reason to fail, and NaN is no number."""
    lay(tmp_path, "champion_profile", content)
    assert RunFacts.read(JobPaths(tmp_path), {}).champion_profile is None


@pytest.mark.parametrize(
    "split", [None, {}, {"seed": 1}, {"seed": 1, "holdout": "x"}, {"seed": 1, "holdout": 2}, 3]
)
def test_a_split_of_no_use_is_none(tmp_path: Path, split: Any) -> None:
    """A profile from before splits were kept has none."""
    lay(tmp_path, "champion_profile", json.dumps({"split": split}))
    assert RunFacts.read(JobPaths(tmp_path), {}).champion_split is None


def test_an_unknown_direction_is_refused(tmp_path: Path) -> None:
    """Guessing would promote the worse model."""
    with pytest.raises(JobError, match="JUDGED_DIRECTION is 'up'"):
        RunFacts.read(JobPaths(tmp_path), {"JUDGED_DIRECTION": "up"})


@pytest.mark.parametrize(
    ("profile", "counts"),
    [
        ({"rows": 150, "rejected": {"rows": 3}}, {"rows": 150, "rejected_rows": 3}),
        ({"rows": 150}, {"rows": 150}),
        ({"rows": "many", "rejected": {"rows": None}}, {}),
        ({"rejected": 3}, {}),
        (None, {}),
    ],
)
def test_rows_are_counted_as_far_as_preprocessing_says(
    profile: dict[str, Any] | None, counts: dict[str, int]
) -> None:
    """A pipeline's own profile need not count them."""
    assert RunFacts(profile=profile).row_counts == counts
