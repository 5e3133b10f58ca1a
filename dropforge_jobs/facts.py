"""What an evaluation knows of its run besides the models and the rows.

All but the run's own name may be missing: a pipeline's first run has no champion, and a champion
may be older than what is read here.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

from dropforge_jobs.drift import data_drift, figure
from dropforge_jobs.holdout import Split
from dropforge_jobs.jobs import JobError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dropforge_jobs.paths import JobPaths

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunFacts:
    """A run, its champion's run, and what judges between them.

    Attributes:
        run_id: this run.
        code_version: version of the pipeline's code.
        champion_run_id: the run that made the model which serves now; None without one.
        metric: the metric that judges; None when there is none.
        higher_is_better: whether a larger value of it is the better one.
        manifest: the ledger's manifest of the run's objects.
        profile: what preprocessing found in this run's data.
        champion_profile: the same of the champion's run.
    """

    run_id: str = ""
    code_version: str = ""
    champion_run_id: Optional[str] = None
    metric: Optional[str] = None
    higher_is_better: bool = True
    manifest: Optional[dict[str, Any]] = None
    profile: Optional[dict[str, Any]] = None
    champion_profile: Optional[dict[str, Any]] = None

    @classmethod
    def read(cls, paths: JobPaths, environ: Mapping[str, str]) -> RunFacts:
        """Read the job's environment and its optional inputs.

        Raises:
            JobError: JUDGED_DIRECTION is neither "higher" nor "lower".
        """
        direction = environ.get("JUDGED_DIRECTION", "higher")
        if direction not in ("higher", "lower"):
            raise JobError(f"JUDGED_DIRECTION is {direction!r}; it must be 'higher' or 'lower'")
        return cls(
            run_id=environ.get("RUN_ID", ""),
            code_version=environ.get("CODE_VERSION", ""),
            champion_run_id=environ.get("CHAMPION_RUN_ID") or None,
            metric=environ.get("JUDGED_METRIC") or None,
            higher_is_better=direction == "higher",
            manifest=_optional(paths.input("manifest") / "manifest.json"),
            profile=_optional(paths.input("profile") / "profile.json"),
            champion_profile=_optional(paths.input("champion_profile") / "profile.json"),
        )

    @property
    def split(self) -> Optional[Split]:
        """How this run shared out its rows."""
        return _split(self.profile)

    @property
    def row_counts(self) -> dict[str, Any]:
        """How many rows of the run's data were used and rejected, and how far it has drifted.

        As far as preprocessing says, of this run and, for the drift, of the champion's.
        """
        profile = self.profile or {}
        rejected = profile.get("rejected")
        counts = {
            "rows": profile.get("rows"),
            "rejected_rows": rejected.get("rows") if isinstance(rejected, dict) else None,
        }
        known = {name: count for name, count in counts.items() if isinstance(count, int)}
        drifts = data_drift(profile, self.champion_profile) if self.champion_profile else []
        return {**known, "drift": figure(drifts)} if drifts else known

    @property
    def champion_split(self) -> Optional[Split]:
        """How the champion's run shared out its rows."""
        return _split(self.champion_profile)


def _optional(path: Path) -> Optional[dict[str, Any]]:
    """Read a JSON object that may be missing or, made by another version, of no use."""
    if not path.exists():
        return None
    try:
        document = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except (OSError, ValueError) as error:
        logger.warning("%s of %s is left out: %s", path.name, path.parent.name, error)
        return None
    return document if isinstance(document, dict) else None


def _refuse(text: str) -> None:
    """Refuse NaN and the infinities, which are no JSON."""
    raise ValueError(f"{text} is no JSON")


def _split(profile: Optional[dict[str, Any]]) -> Optional[Split]:
    try:
        return Split(**profile["split"]) if profile else None
    except (KeyError, TypeError, ValueError):
        return None
