"""Put the measurements that arrived on their grid and share them out: train, validation, hold-out.

A SageMaker processing job; it needs the standard library, NumPy and dropforge_jobs only. What a
column is for follows from its type: the timestamp with its step is the time, the number the value,
and a text, when there is one, the name of the series.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dropforge_jobs.jobs import JobError, run_job
from dropforge_jobs.manifest import check_arrivals, read_manifest
from dropforge_jobs.profile import NumberProfile
from dropforge_jobs.readings import Merge, ObjectReadings, merge
from dropforge_jobs.rules import Rules
from dropforge_jobs.screening import Screening
from dropforge_jobs.series_grid import Grid, gaps, segments, sides, whole_seasons
from dropforge_jobs.series_store import Scaler, naive_error, write_series
from dropforge_jobs.time_split import TimeSplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from dropforge_jobs.manifest import ManifestObject
    from dropforge_jobs.outcome import Outcome
    from dropforge_jobs.paths import JobPaths
    from dropforge_jobs.series_grid import Gap, Segment

GAPS_SHOWN = 50

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What the command line asks for: whole seasons per side, and how series lie in time."""

    grid: Grid
    holdout: int
    validation: int


@dataclass(frozen=True)
class Shared:
    """The series on the three sides, and when those begin."""

    split: TimeSplit
    sides: dict[str, list[Segment]]


def main(paths: JobPaths) -> None:
    """Run the job with the arguments of the command line."""
    rules = Rules.load(paths.input("code"))
    plan = read_plan(sys.argv[1:], time_step(rules))
    objects = read_manifest(paths.input("manifest") / "manifest.json")
    # The state machine says so: under a KMS key ETags are no MD5s of the bytes.
    etags = os.environ.get("DROPFORGE_ETAGS", "md5") == "md5"
    files = check_arrivals(objects, paths.input("data"), etags=etags)
    screening = Screening(rules, paths.quarantine)
    arrived = zip(objects, files)  # noqa: B905  Python 3.9 has no `strict`
    preprocess(arrived, screening, plan, paths.output).tell(paths.message)


def read_plan(texts: Sequence[str], step: int) -> Plan:
    """Read the arguments; JobError when they are wrong."""
    parser = argparse.ArgumentParser(description=__doc__, exit_on_error=False)
    parser.add_argument("season", type=int, help="steps of a season, such as 288 five minutes")
    parser.add_argument("--holdout", type=int, default=7, help="newest whole seasons, to judge by")
    parser.add_argument("--validation", type=int, default=7, help="whole seasons before those")
    parser.add_argument("--fill", type=int, default=0, help="longest gap to fill, in steps")
    parser.add_argument("--context", type=int, help="steps to start a side's first forecast from")
    try:
        given = parser.parse_args(texts)
    except argparse.ArgumentError as error:
        raise JobError(f"preprocess.py was called with wrong arguments: {error}") from error
    if min(given.season, given.holdout, given.validation) < 1 or given.fill < 0:
        raise JobError("season, holdout and validation must be at least 1, fill at least 0")
    context = given.season if given.context is None else given.context
    return Plan(Grid(step, given.season, given.fill, context), given.holdout, given.validation)


def time_step(rules: Rules) -> int:
    """Return the seconds of the grid; JobError when the columns are not those of series."""
    kinds = [column.type for column in rules.columns]
    steps = [column.step for column in rules.columns if column.type == "timestamp"]
    if kinds.count("timestamp") != 1 or kinds.count("number") != 1 or kinds.count("text") > 1:
        raise JobError("series take one timestamp, one number and at most one text as columns")
    if steps[0] is None:
        raise JobError("the timestamp in pipeline.yaml needs a step, the seconds of its grid")
    return steps[0]


def preprocess(
    arrived: Iterable[tuple[ManifestObject, Path]],
    screening: Screening,
    plan: Plan,
    output: Path,
) -> Outcome:
    """Write the series of each side, and a profile.

    Args:
        arrived: the run's objects and the file of each.
        screening: tells good rows from bad ones.
        plan: how series are put on their grid and shared out.
        output: gets train/, validation/ and holdout/ as `dropforge_jobs.series_store` writes them,
            and report/profile.json.

    Returns:
        What came of it; it says so when no model should be made of these series.
    """
    merged = merge(read_objects(arrived, screening, plan.grid))
    shared = share(merged, plan)
    problem = unusable(shared, merged, plan)
    outcome = screening.end(problem)
    written = 0
    if shared and not problem:
        scaler = Scaler.fit(shared.sides["train"])
        naive = naive_error(shared.sides["train"], plan.grid.season)
        for side, pieces in shared.sides.items():
            written += write_series(output / side, pieces, plan.grid, scaler, naive)
    profile = describe(merged, shared, screening, plan.grid)
    report = output / "report" / "profile.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps(profile, allow_nan=False), encoding="utf-8")
    logger.info("values used: %s; bytes written: %d", profile["sides"], written)
    logger.info("rows: %s; gaps: %d", profile["readings"], profile["gap_count"])
    logger.info("rows rejected: %s", screening.rejected()["reasons"])
    return outcome


def read_objects(
    arrived: Iterable[tuple[ManifestObject, Path]], screening: Screening, grid: Grid
) -> list[ObjectReadings]:
    """Read the objects, the first that arrived first; whole ones that make no sense are refused."""
    kinds = [column.type for column in screening.rules.columns]
    time, value = kinds.index("timestamp"), kinds.index("number")
    name = kinds.index("text") if "text" in kinds else None
    found = []
    for item, path in sorted(arrived, key=lambda each: (each[0].arrived_at, each[0].key)):
        readings = ObjectReadings(grid.step)
        rows = 0
        for row in screening.rows(item, path):
            readings.add("" if name is None else row[name], row[time], row[value])
            rows += 1
        fault = readings.fault(longest_flat=grid.season) if rows else ""
        if fault:
            screening.refuse(item, fault)
        elif rows:
            found.append(readings)
    return found


def share(merged: Merge, plan: Plan) -> Shared | None:
    """Share all series out by the same times; None when there are too few whole seasons."""
    grid = plan.grid
    whole: set[int] = set()
    for name, each in merged.series.items():
        whole |= whole_seasons(segments(name, each, grid), grid.season)
    split = TimeSplit.newest(whole, grid.seconds, holdout=plan.holdout, validation=plan.validation)
    if split is None:
        return None
    together: dict[str, list[Segment]] = {}
    for name, each in merged.series.items():
        for side, pieces in sides(name, each, grid, split).items():
            together.setdefault(side, []).extend(pieces)
    return Shared(split, together)


def unusable(shared: Shared | None, merged: Merge, plan: Plan) -> str:
    """Say why no model can be made of these series and judged with them; "" when one can."""
    if not merged.series:
        return ""  # the screening has its own words for that
    season = plan.grid.season
    if shared is None:
        return (
            f"There are too few whole seasons of {season} values: {plan.holdout} judge models,"
            f" {plan.validation} validate them, and what is older trains."
        )
    for side, pieces in shared.sides.items():
        if not any(len(each.values) >= 2 * season for each in pieces):
            return (
                f"The {side} days have no piece of {2 * season} values without a gap of more than"
                f" {plan.grid.fill}: there is nothing to forecast from and compare with."
            )
    if not naive_error(shared.sides["train"], season) > 0:
        return "The training days are all alike: there is nothing to learn."
    return ""


def describe(
    merged: Merge, shared: Shared | None, screening: Screening, grid: Grid
) -> dict[str, Any]:
    """Return the profile as JSON has it."""
    found = [gap for name, each in merged.series.items() for gap in gaps(name, each, grid)]
    values = NumberProfile()
    for each in merged.series.values():
        for value in each.values.tolist():
            values.add(value)
    values.missing = merged.counts["empty"]
    value_name = next(each.name for each in screening.rules.columns if each.type == "number")
    counts = _side_counts(shared)
    kept = sum(len(each.times) for each in merged.series.values())
    filled = sum(gap.steps for gap in found if gap.filled)
    return {
        "rows": sum(each.rows for each in screening.tallies),
        "sides": counts,
        "readings": {
            **merged.counts,
            "filled": filled,
            "unfinished": max(0, kept + filled - sum(counts.values())) if shared else 0,
        },
        "gap_count": len(found),
        "gaps": [gap.document(grid.step) for gap in found[:GAPS_SHOWN]],
        "notes": notes(found, merged),
        "series": {name: len(each.times) for name, each in merged.series.items()},
        "rejected": screening.rejected(),
        "objects": [each.counts() for each in screening.tallies],
        **({"time_split": shared.split.document()} if shared else {}),
        "features": {value_name: values.document()},
    }


def notes(found: Sequence[Gap], merged: Merge) -> list[str]:
    """Say in sentences what was done to the series; the report shows them."""
    counts = merged.counts
    said = [
        (counts["out_of_order"], "rows stood before an earlier one: they were put in order"),
        (counts["repeated"], "values came again at a time that had them already"),
        (counts["replaced"], "values gave way to those of an object that arrived later"),
        (counts["empty"], "rows have no value"),
        (sum(gap.filled for gap in found), "short gaps were filled, by a straight line"),
        (sum(not gap.filled for gap in found), "gaps cut a series: no window lies across"),
        (
            sum(gap.clock for gap in found),
            "of those are an hour without rows in the small hours: was the clock set forward?",
        ),
    ]
    return [f"{count} {text}." for count, text in said if count]


def _side_counts(shared: Shared | None) -> dict[str, int]:
    """Return how many values each side has, without its context."""
    return {
        side: sum(len(each.values) - each.context for each in pieces)
        for side, pieces in (shared.sides.items() if shared else ())
    }


if __name__ == "__main__":
    sys.exit(run_job(main))
