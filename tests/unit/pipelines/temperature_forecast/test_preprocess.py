import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from dropforge_core.columns_config import Column, Csv, Quarantine, rules_document

from dropforge_jobs.jobs import JobError
from dropforge_jobs.manifest import ManifestObject
from dropforge_jobs.outcome import Outcome
from dropforge_jobs.readings import Merge
from dropforge_jobs.rules import FILE, Rules
from dropforge_jobs.screening import Screening
from dropforge_jobs.series_store import Scaler, read_series
from dropforge_jobs.windows import Windows
from pipelines.temperature_forecast import preprocess as job
from pipelines.temperature_forecast.preprocess import preprocess, read_plan, time_step

if TYPE_CHECKING:
    from dropforge_jobs.series_grid import Segment

PIPELINE = Path(__file__).parents[4] / "pipelines" / "temperature_forecast"
YOSEMITE = (PIPELINE / "data" / "yosemite_temps_5min.csv").read_bytes()
TIME = Column(name="ds", type="timestamp", step=3600)
VALUE = Column(name="y", type="number", nullable=True)
SERIES = Column(name="series", type="text")
HOURLY = ("24", "--holdout", "2", "--validation", "3", "--fill", "2")
BEGIN = datetime(2024, 2, 1)  # noqa: DTZ001  there are no zones

type Line = tuple[datetime, float | str]


class Done(NamedTuple):
    """What the job told, its report as it was written, and what is in quarantine."""

    outcome: Outcome
    profile: Any
    quarantined: dict[str, str]


def hours(days: int, begin: datetime = BEGIN, seed: int = 0) -> list[Line]:
    """Return a warm day after the other, with some noise."""
    noise = np.random.default_rng(seed).normal(size=days * 24)
    return [
        (
            begin + timedelta(hours=hour),
            round(float(np.sin(hour / 24 * 2 * np.pi) + noise[hour]), 4),
        )
        for hour in range(days * 24)
    ]


def csv(lines: Sequence[Line]) -> bytes:
    """Return the object that has these rows."""
    return ("ds,y\n" + "".join(f"{time},{value}\n" for time, value in lines)).encode()


def process(
    folder: Path,
    contents: Mapping[str, bytes],
    *,
    columns: Sequence[Column] = (TIME, VALUE),
    plan: Sequence[str] = HOURLY,
) -> Done:
    """Preprocess objects that arrived in this order, all of them new."""
    folder.mkdir(parents=True, exist_ok=True)
    rules = rules_document(columns, Csv(header=True), Quarantine(fewest_rows=10))
    (folder / FILE).write_text(json.dumps(rules), "utf-8")
    arrived = []
    for place, (name, content) in enumerate(contents.items()):
        path = folder / name
        path.write_bytes(content)
        item = ManifestObject(
            f"incoming/t/{name}", name, len(content), "", is_new=True, arrived_at=f"2024-0{place}"
        )
        arrived.append((item, path))
    read = Rules.load(folder)
    screening = Screening(read, folder / "quarantine")
    # In the order of their keys, as manifests list them.
    arrived.sort(key=lambda each: each[0].key)
    outcome = preprocess(arrived, screening, read_plan(plan, time_step(read)), folder / "output")
    profile = json.loads((folder / "output" / "report" / "profile.json").read_text("utf-8"))
    index = folder / "quarantine" / "quarantine.json"
    entries = json.loads(index.read_text("utf-8"))["objects"] if index.exists() else []
    reasons = {entry["key"].rpartition("/")[2]: entry["reason"] for entry in entries}
    return Done(outcome, profile, reasons)


def values(folder: Path, side: str) -> list[list[float]]:
    """Return the values of each segment of a side, without its context."""
    series = read_series(folder / "output" / side)
    return [
        series.values[each.offset + each.context : each.offset + each.length].tolist()
        for each in series.segments
    ]


def test_the_real_data_becomes_three_sides_of_whole_days(tmp_path: Path) -> None:
    """65 days of 288 values, of which a gap of twelve is filled; the last value waits."""
    columns = (Column(name="ds", type="timestamp", step=300), VALUE)
    plan = ("288", "--holdout", "7", "--validation", "14", "--fill", "12")
    done = process(tmp_path, {"a.csv": YOSEMITE}, columns=columns, plan=plan)
    assert done.outcome.skipped == ""
    assert done.profile["sides"] == {"train": 44 * 288, "validation": 14 * 288, "holdout": 7 * 288}
    assert done.profile["readings"]["filled"] == 12
    assert done.profile["readings"]["unfinished"] == 1
    assert done.profile["rejected"]["reasons"] == {"y is no finite number": 12}
    (gap,) = done.profile["gaps"]
    assert (gap["from"], gap["steps"], gap["filled"]) == ("2017-06-10 14:05:00", 12, True)
    assert done.profile["time_split"]["words"] == {
        "validation_from": "2017-06-14 00:00:00",
        "holdout_from": "2017-06-28 00:00:00",
        "until": "2017-07-05 00:00:00",
    }
    written = sum(path.stat().st_size for path in (tmp_path / "output").glob("*/[sv]*"))
    assert written < 5 * len(YOSEMITE.splitlines())  # 81 MB, were the windows written


def change(lines: Sequence[Line], day: int) -> list[Line]:
    """Return the rows with other values on one day."""
    first = day * 24
    return [
        (time, 99.0 + place % 7 if first <= place < first + 24 else value)
        for place, (time, value) in enumerate(lines)
    ]


def learned_from(folder: Path, lines: Sequence[Line]) -> tuple[Any, Any]:
    """Return what a model learns from, and what scales it."""
    process(folder, {"a.csv": csv(lines)})
    train = read_series(folder / "output" / "train")
    windows = Windows(train, 24, 24)
    return windows.cut(np.arange(len(windows))).tolist(), train.scaler


def validated_with(folder: Path, lines: Sequence[Line]) -> Any:
    """Return the targets that validate."""
    process(folder, {"a.csv": csv(lines)})
    windows = Windows(read_series(folder / "output" / "validation"), 24, 24)
    return windows.cut(np.arange(len(windows)))[:, 24:].tolist()


@pytest.mark.parametrize("day", [7, 9, 10, 11])
def test_no_later_day_changes_what_is_learned_from(tmp_path: Path, day: int) -> None:
    """Days 7 to 9 validate and 10 and 11 are held out: inputs, targets and scaler stay."""
    lines = hours(12)
    assert learned_from(tmp_path / "a", lines) == learned_from(tmp_path / "b", change(lines, day))


@pytest.mark.parametrize("day", [6, 10])
def test_validation_targets_are_validation_values(tmp_path: Path, day: int) -> None:
    """No day before or after changes them; their own do."""
    lines = hours(12)
    before = validated_with(tmp_path / "a", lines)
    assert validated_with(tmp_path / "b", change(lines, day)) == before
    assert validated_with(tmp_path / "c", change(lines, 8)) != before


def test_a_scaler_fitted_on_all_sides_would_be_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The known mistake, made on purpose: the test above sees it."""
    share, fit = job.share, Scaler.fit
    everything: list[Segment] = []

    def remember(merged: Merge, plan: job.Plan) -> job.Shared | None:
        shared = share(merged, plan)
        assert shared is not None
        everything[:] = [each for pieces in shared.sides.values() for each in pieces]
        return shared

    monkeypatch.setattr(job, "share", remember)
    monkeypatch.setattr(Scaler, "fit", lambda _: fit(everything))
    lines = hours(12)
    _, before = learned_from(tmp_path / "a", lines)
    _, after = learned_from(tmp_path / "b", change(lines, 8))
    assert before != after


def test_validation_targets_cut_from_training_would_be_caught(tmp_path: Path) -> None:
    """The other known mistake: such targets change with a training day, and not with their own."""
    lines = hours(12)
    for name, rows in (("a", lines), ("b", change(lines, 6)), ("c", change(lines, 8))):
        process(tmp_path / name, {"a.csv": csv(rows)})
        (tmp_path / name / "output" / "validation").rename(tmp_path / name / "right")
        (tmp_path / name / "output" / "train").rename(tmp_path / name / "output" / "validation")
    wrong = [
        Windows(read_series(tmp_path / name / "output" / "validation"), 24, 24) for name in "abc"
    ]
    before, training_day, own_day = (
        windows.cut(np.arange(len(windows)))[:, 24:].tolist() for windows in wrong
    )
    assert training_day != before
    assert own_day == before


def test_the_same_days_stay_together_when_newer_ones_come(tmp_path: Path) -> None:
    """What a first model was trained on is never held out from a second one: fair to the first."""
    first = process(tmp_path / "a", {"a.csv": csv(hours(12))}).profile["time_split"]
    both = {"a.csv": csv(hours(12)), "b.csv": csv(hours(3, BEGIN + timedelta(days=12), seed=1))}
    second = process(tmp_path / "b", both).profile["time_split"]
    assert second["holdout_from"] == first["holdout_from"] + 3 * 86_400
    assert second["holdout_from"] > first["validation_from"]
    assert values(tmp_path / "b", "train")[0][: 7 * 24] == values(tmp_path / "a", "train")[0]


def test_the_newest_arrival_wins(tmp_path: Path) -> None:
    """By when it came, not by its key; and the report says how often."""
    old, new = hours(12), hours(2)
    new = [(time, float(value) + 50) for time, value in new]
    done = process(tmp_path, {"z.csv": csv(old), "a.csv": csv(new)})
    assert values(tmp_path, "train")[0][0] == pytest.approx(float(new[0][1]))
    assert done.profile["readings"]["replaced"] == 48
    assert "48 values gave way to those of an object that arrived later." in done.profile["notes"]


def test_several_series_are_split_at_the_same_times(tmp_path: Path) -> None:
    """A series that ends early has fewer days held out; none is mixed with another."""
    text = "series,ds,y\n" + "".join(
        f"{name},{time},{value}\n"
        for name, days, seed in (("north", 12, 1), ("south", 11, 2))
        for time, value in hours(days, seed=seed)
    )
    done = process(tmp_path, {"a.csv": text.encode()}, columns=(SERIES, TIME, VALUE))
    assert done.profile["series"] == {"north": 288, "south": 264}
    assert done.profile["sides"] == {"train": 2 * 7 * 24, "validation": 2 * 72, "holdout": 48 + 24}
    assert values(tmp_path, "train")[1] == pytest.approx(
        [float(value) for _, value in hours(7, seed=2)], rel=1e-6
    )


def shuffled(lines: Sequence[Line]) -> list[Line]:
    """Return the rows in another order."""
    return [lines[place] for place in np.random.default_rng(1).permutation(len(lines))]


def test_unsorted_rows_are_put_in_order_and_counted(tmp_path: Path) -> None:
    """The series is the same as if they had come in order."""
    process(tmp_path / "a", {"a.csv": csv(hours(12))})
    done = process(tmp_path / "b", {"a.csv": csv(shuffled(hours(12)))})
    for side in ("train", "validation", "holdout"):
        assert values(tmp_path / "a", side) == values(tmp_path / "b", side)
    assert done.profile["readings"]["out_of_order"] > 100
    assert re.match(r"\d+ rows stood before an earlier one", done.profile["notes"][0])


def text_in_values(lines: Sequence[Line]) -> list[Line]:
    """Return rows of which every fourth has a word for its value."""
    return [(time, value if place % 4 else "cold") for place, (time, value) in enumerate(lines)]


def autumn(lines: Sequence[Line]) -> list[Line]:
    """Return what a local clock wrote that was set back an hour on the sixth day."""
    back = timedelta(hours=1)
    return [
        (time - back if place > 5 * 24 + 2 else time, value)
        for place, (time, value) in enumerate(lines)
    ]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda lines: [(time, "") for time, _ in lines], "None of its 288 rows has a value."),
        (
            lambda lines: [(time, "NaN") for time, _ in lines],
            "No row of it can be used: y is no finite number (288 rows).",
        ),
        (lambda lines: [(time, 21.5) for time, _ in lines], "All 288 values are 21.5: is the"),
        (text_in_values, "25.0% of its rows break the rules."),
        (
            lambda lines: [(time + timedelta(minutes=7), value) for time, value in lines],
            "No row of it can be used: ds is off the grid of 3600 seconds (288 rows).",
        ),
        (
            lambda lines: [(f"{time}+02:00", value) for time, value in lines],
            "No row of it can be used: ds has a time zone: give the times of one clock, without",
        ),
        (
            autumn,
            "1 times come twice with different values, the first 2024-02-06 02:00:00: was the",
        ),
    ],
    ids=["empty", "all NaN", "constant", "text", "irregular", "zone", "clock set back"],
)
def test_a_bad_object_is_refused_with_its_reason(
    tmp_path: Path, spoil: Callable[[Sequence[Line]], list[Line]], reason: str
) -> None:
    """Alone it skips the run; beside a good one it costs that nothing."""
    bad = csv(spoil(hours(12)))
    alone = process(tmp_path / "alone", {"bad.csv": bad})
    assert alone.outcome.skipped
    assert alone.quarantined["bad.csv"].startswith(reason)
    assert not (tmp_path / "alone" / "output" / "train").exists()
    if "%" in reason:
        return  # half of the new rows are too many: this run is skipped, the next one is not
    beside = process(tmp_path / "beside", {"good.csv": csv(hours(12)), "bad.csv": bad})
    assert beside.outcome.skipped == ""
    assert beside.quarantined["bad.csv"].startswith(reason)
    process(tmp_path / "good", {"good.csv": csv(hours(12))})
    for side in ("train", "validation", "holdout"):
        assert values(tmp_path / "beside", side) == values(tmp_path / "good", side)


def test_a_clock_set_forward_is_told_and_no_hour_is_invented(tmp_path: Path) -> None:
    """The hour from 2 to 3 is missing on one night: the series is cut there, though it is short."""
    forward = timedelta(hours=1)
    lines = [
        (time + forward if place >= 3 * 24 + 2 else time, value)
        for place, (time, value) in enumerate(hours(12))
    ]
    done = process(tmp_path, {"a.csv": csv(lines)})
    assert done.outcome.skipped == ""
    assert done.profile["gaps"] == [
        {"series": "", "from": "2024-02-04 02:00:00", "steps": 1, "filled": False, "clock": True}
    ]
    assert any("was the clock set forward?" in note for note in done.profile["notes"])
    assert next(len(each) for each in values(tmp_path, "train")) == 3 * 24 + 2


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (hours(5), "There are too few whole seasons of 24 values: 2 judge models, 3 validate"),
        (
            [(t, v) for t, v in hours(12) if t.hour != 5 or t.day > 7 or t.day == 1],
            "The train days have no piece",
        ),
        ([(t, t.hour % 12) for t, _ in hours(12)], "The training days are all alike"),
    ],
    ids=["too short", "cut to pieces", "all alike"],
)
def test_series_that_nothing_can_be_made_of_skip_the_run(
    tmp_path: Path, lines: list[Line], reason: str
) -> None:
    """With the reason, and without a side for training to read."""
    done = process(tmp_path, {"a.csv": csv(lines)}, plan=(*HOURLY[:-1], "0"))
    assert done.outcome.skipped.startswith(reason)
    assert not (tmp_path / "output" / "train").exists()


def test_a_long_gap_cuts_and_no_window_lies_across(tmp_path: Path) -> None:
    """A day is missing: it is in no window, and the report says so."""
    lines = [(time, value) for time, value in hours(12) if time.day != 3]
    done = process(tmp_path, {"a.csv": csv(lines)})
    assert [len(each) for each in values(tmp_path, "train")] == [2 * 24, 4 * 24]
    assert "1 gaps cut a series: no window lies across." in done.profile["notes"]


@pytest.mark.parametrize(
    "arguments", [[], ["x"], ["0"], ["24", "--holdout", "0"], ["24", "--fill", "-1"], ["24", "--x"]]
)
def test_wrong_arguments_are_said(arguments: list[str]) -> None:
    """One line says what."""
    with pytest.raises(JobError):
        read_plan(arguments, 3600)


@pytest.mark.parametrize("columns", [(VALUE, TIME, TIME), (TIME,), (TIME, SERIES, SERIES, VALUE)])
def test_columns_that_are_no_series_are_said(tmp_path: Path, columns: Sequence[Column]) -> None:
    """One time, one value, and at most one name."""
    rules = rules_document(columns, Csv(), Quarantine())
    (tmp_path / FILE).write_text(json.dumps(rules), "utf-8")
    with pytest.raises(JobError, match="one timestamp, one number"):
        time_step(Rules.load(tmp_path))
