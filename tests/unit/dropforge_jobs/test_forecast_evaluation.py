from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dropforge_jobs.facts import RunFacts
from dropforge_jobs.forecast_chart import write_forecast_chart
from dropforge_jobs.forecast_evaluation import Evaluated, Forecaster, Holdout, evaluate_forecasts
from dropforge_jobs.forecast_metrics import METRICS
from dropforge_jobs.forecast_report import write_forecast_report
from dropforge_jobs.jobs import JobError
from dropforge_jobs.series_grid import Grid, Segment
from dropforge_jobs.series_store import Scaler, StoredSeries, read_series, write_series

DAY = 24
DAYS = 7
START = 10 * DAY  # the hold-out begins here; a day of context comes before
METRIC = "relative_mae_day_ahead"


@pytest.fixture
def series(tmp_path: Path) -> StoredSeries:
    """Seven held-out days, each a little warmer and noisier than the last."""
    hours = np.arange((DAYS + 1) * DAY)
    noise = np.random.default_rng(0).normal(size=len(hours)) * 0.3
    values = np.sin(hours / DAY * 2 * np.pi) * 5 + hours / 40 + noise
    grid = Grid(step=3600, season=DAY, fill=0, context=DAY)
    piece = Segment("", START - DAY, values, DAY)
    write_series(tmp_path / "holdout", [piece], grid, Scaler(0.0, 1.0), 2.0)
    return read_series(tmp_path / "holdout")


NAIVE = Forecaster(DAY, lambda values: values)
WARMER = Forecaster(DAY, lambda values: values + 0.6)


def facts(**others: Any) -> RunFacts:
    """Return a run with a champion that was trained on nothing that is held out."""
    profile = {"time_split": {"validation_from": 0, "holdout_from": START * 3600, "until": 0}}
    given = {"champion_run_id": "old", "champion_profile": profile, "metric": METRIC} | others
    return RunFacts(run_id="new", higher_is_better=False, **given)


def judge(
    series: StoredSeries,
    challenger: Forecaster,
    champion: Callable[[], Forecaster] = lambda: NAIVE,
    **others: Any,
) -> Evaluated:
    """Evaluate with a forecast every hour."""
    return evaluate_forecasts(series, challenger, champion, facts(**others), every=1)


def test_the_metrics_are_those_of_their_definitions(series: StoredSeries) -> None:
    """Computed here once more, forecast by forecast."""
    document = judge(series, WARMER, champion_run_id=None).document
    values = series.values.astype(float)
    ahead, naive, one, persistence = [], [], [], []
    for origin in range(DAY, len(values)):
        one.append(abs(values[origin - DAY] + 0.6 - values[origin]))
        persistence.append(abs(values[origin - 1] - values[origin]))
        if origin + DAY <= len(values):
            truth = values[origin : origin + DAY]
            ahead.append(values[origin - DAY : origin] + 0.6 - truth)
            naive.append(values[origin - DAY : origin] - truth)
    error = np.abs(ahead).mean()
    expected = {
        "mae_one_step": np.mean(one),
        "mae_day_ahead": error,
        "rmse_day_ahead": np.sqrt(np.square(ahead).mean()),
        "mase_day_ahead": error / 2.0,
        "relative_mae_day_ahead": error / np.abs(naive).mean(),
        "relative_mae_one_step": np.mean(one) / np.mean(persistence),
    }
    assert document["metrics"].pop("rows") == (DAYS - 1) * DAY + 1
    assert document["metrics"] == pytest.approx(expected, rel=1e-6)
    assert tuple(document["metrics"]) == METRICS
    quality = document["regression_metrics"]
    assert quality["mae"]["value"] == pytest.approx(error, rel=1e-6)
    assert quality["rmse"]["value"] ** 2 == pytest.approx(quality["mse"]["value"])
    assert quality["r2"]["value"] < 1
    assert document["champion"] is document["comparison"] is None


def test_the_naive_forecast_is_the_measure(series: StoredSeries) -> None:
    """It has itself for its error, so the difference to a better one is what that one gains."""
    document = judge(series, WARMER).document
    champion, comparison = document["champion"], document["comparison"]
    assert champion["status"] == "scored"
    assert champion["metrics"][METRIC] == 1.0
    assert comparison["metric"] == METRIC
    assert comparison["difference"] == pytest.approx(1 - document["metrics"][METRIC])
    assert 0 < comparison["low"] < comparison["difference"] < comparison["high"]
    assert comparison["rows"] == (DAYS - 1) * DAY + 1


def test_the_same_model_is_no_better(series: StoredSeries) -> None:
    """No day tells it from itself."""
    comparison = judge(series, NAIVE).document["comparison"]
    assert str(comparison["difference"]) == "0.0"
    assert comparison["low"] == comparison["high"] == 0


def test_nobody_is_judged_on_what_the_champion_was_trained_on(series: StoredSeries) -> None:
    """Its hold-out began two days later than this one's: those two days count for neither."""
    later = {"validation_from": 0, "holdout_from": (START + 2 * DAY) * 3600, "until": 0}
    evaluated = judge(series, WARMER, champion_profile={"time_split": later})
    assert evaluated.left_out == 2 * DAY
    assert evaluated.document["metrics"]["rows"] == (DAYS - 3) * DAY + 1
    assert evaluated.document["champion"]["status"] == "scored"
    assert evaluated.curves.times.tolist() == [START + day * DAY for day in range(2, DAYS)]


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ({"champion_profile": None}, "its run has left no profile"),
        (
            {"champion_profile": {"time_split": dict.fromkeys(("validation_from", "until"), 0)}},
            "its run has left no profile",
        ),
        (
            {
                "champion_profile": {
                    "time_split": {"validation_from": 0, "holdout_from": 10**9, "until": 0}
                }
            },
            "it may have been trained on the whole hold-out",
        ),
    ],
)
def test_a_champion_that_cannot_be_judged_fairly_is_not(
    series: StoredSeries, others: dict[str, Any], reason: str
) -> None:
    """The challenger is judged on all days nevertheless."""
    document = judge(series, WARMER, **others).document
    assert document["champion"]["status"] == "unusable"
    assert document["champion"]["reason"].startswith(reason)
    assert document["comparison"] is None
    assert document["metrics"]["rows"] == (DAYS - 1) * DAY + 1


def broken() -> Forecaster:
    """Load nothing."""
    raise JobError("it cannot be unpacked")


@pytest.mark.parametrize(
    ("champion", "reason"),
    [
        (broken, "it cannot be unpacked"),
        (lambda: Forecaster(DAY, lambda values: values[:, :5]), "it gave"),
        (lambda: Forecaster(DAY, lambda values: values * np.nan), "it forecasts values that are"),
        (lambda: Forecaster(99, lambda values: values), "it starts from 99 values, not 24"),
    ],
)
def test_a_champion_that_fails_is_a_fact(
    series: StoredSeries, champion: Callable[[], Forecaster], reason: str
) -> None:
    """It is no reason for the run to fail."""
    told = judge(series, WARMER, champion).document["champion"]
    assert (told["status"], told["metrics"]) == ("unusable", {})
    assert told["reason"].startswith(reason)


def test_a_challenger_that_fails_fails_the_run(series: StoredSeries) -> None:
    """So does a hold-out that it cannot be judged on."""
    with pytest.raises(JobError, match="no finite numbers"):
        judge(series, Forecaster(DAY, lambda values: values * np.nan))
    with pytest.raises(JobError, match="has no 200 values"):
        judge(series, Forecaster(200, lambda values: values[:, :DAY]))


def test_a_series_that_repeats_itself_has_nothing_to_gain(tmp_path: Path) -> None:
    """Nothing can be divided by the naive forecast's error then."""
    grid = Grid(step=3600, season=DAY, fill=0, context=DAY)
    piece = Segment("", 0, np.tile(np.arange(DAY), 4), DAY)
    write_series(tmp_path, [piece], grid, Scaler(0.0, 1.0), 1.0)
    with pytest.raises(JobError, match="is not defined"):
        judge(read_series(tmp_path), WARMER)


def test_forecasts_begin_in_the_hold_out(series: StoredSeries) -> None:
    """What they start from lies before; a longer start leaves fewer."""
    truth = Holdout.of(series, DAY, 12).truth
    assert truth.times.tolist() == list(range(START, START + (DAYS - 1) * DAY + 1, 12))
    assert truth.one_times.tolist() == list(range(START, START + DAYS * DAY))


def test_the_report_and_the_chart_show_both_models(series: StoredSeries, tmp_path: Path) -> None:
    """Metrics, notes, a picture for each day; what comes from data is escaped."""
    evaluated = judge(series, WARMER, profile={"sides": {"train": 5}, "readings": {"rows": 7}})
    path = tmp_path / "made" / "report.html"
    write_forecast_report(
        evaluated.document, evaluated.curves, facts(profile={"gaps": []}), path, ["<b>note"]
    )
    text = path.read_text("utf-8")
    for expected in ("The challenger is better", METRIC, "&lt;b&gt;note", "1970-01-11", "<svg"):
        assert expected in text
    assert text.count("<polyline") == 4 * DAYS
    chart = tmp_path / "made" / "chart.png"
    write_forecast_chart(evaluated.document, evaluated.curves, chart)
    with Image.open(chart) as picture:
        assert picture.size == (800, 400)
        colours = {colour for _, colour in picture.getcolors(maxcolors=1 << 20) or ()}
    assert (0x25, 0x63, 0xEB) in colours


def test_without_a_champion_and_a_whole_day_there_is_a_report(
    series: StoredSeries, tmp_path: Path
) -> None:
    """It says so, and the chart has nothing but words."""
    evaluated = judge(series, WARMER, champion_run_id=None)
    curves = type(evaluated.curves)(
        evaluated.curves.times[:0], 3600, *([evaluated.curves.truth[:0]] * 3)
    )
    write_forecast_report(evaluated.document, curves, RunFacts(), tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text("utf-8")
    assert "There is no champion yet" in text
    assert "profile of this run's data did not arrive" in text
    write_forecast_chart(evaluated.document, curves, tmp_path / "chart.png")
    assert (tmp_path / "chart.png").stat().st_size > 1000
