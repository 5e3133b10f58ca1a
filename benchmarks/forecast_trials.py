"""The measurements of benchmarks/forecast.py, each in a process of the image's own environment.

python benchmarks/forecast_trials.py TRIAL ARGUMENT... prints one JSON document.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
PIPELINE = ROOT / "pipelines" / "temperature_forecast"
STEP, SEASON, EVERY = 300, 288, 12
WEEKS, WEEK = 5, 7
SEED = 1
TOUGHEST = 40  # epochs at most until the other recipe's error is reached

sys.path[:0] = [str(ROOT), str(PIPELINE), str(Path(__file__).parent)]

logging.basicConfig(stream=sys.stderr, level=logging.WARNING)


def main() -> None:
    """Run the trial that is named."""
    name, *given = sys.argv[1:]
    trials: dict[str, Callable[..., dict[str, Any]]] = {
        "windows": preprocess_windows,
        "series": preprocess_series,
        "recipes": recipes,
        "backtest": backtest,
        "throughput": throughput,
    }
    found = trials[name](*given)
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found))


def preprocess_windows(source: str) -> dict[str, Any]:
    """Preprocess as the other recipe does."""
    import windowed_lstm  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        written = windowed_lstm.preprocess(Path(source), Path(folder))
        return {"bytes": written, "seconds": time.perf_counter() - started}


def preprocess_series(source: str) -> dict[str, Any]:
    """Preprocess as the pipeline does."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        sides(Path(source), Path(folder))
        written = sum(
            path.stat().st_size
            for side in ("train", "validation", "holdout")
            for path in (Path(folder) / side).iterdir()
        )
        return {"bytes": written, "seconds": time.perf_counter() - started}


def sides(source: Path, folder: Path) -> None:
    """Run preprocess.py's own function on one object."""
    from dropforge_jobs.columns import Column  # noqa: PLC0415
    from dropforge_jobs.manifest import ManifestObject  # noqa: PLC0415
    from dropforge_jobs.rules import Rules  # noqa: PLC0415
    from dropforge_jobs.screening import Screening  # noqa: PLC0415
    from pipelines.temperature_forecast.preprocess import preprocess, read_plan, time_step  # noqa: PLC0415

    columns = (Column("ds", "timestamp", step=STEP), Column("y", "number", nullable=True))
    rules = Rules(columns, header=True)
    plan = ["288", "--holdout", "7", "--validation", "14", "--fill", "12"]  # as in pipeline.yaml
    item = ManifestObject("incoming/t/a.csv", "a.csv", 0, "", is_new=True)
    screening = Screening(rules, folder / "quarantine")
    done = preprocess([(item, source)], screening, read_plan(plan, time_step(rules)), folder)
    if done.skipped:
        raise SystemExit(done.skipped)


def recipes(source: str) -> dict[str, Any]:
    """Train both recipes on the same days, and compare them on the same validation days."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        sides(Path(source), base)
        training = begin(base, "direct")
        windows = Validation(base)
        ours = ours_until(training, windows)
        theirs, model = other_recipe(base, windows)
        reached = next((each for each in ours["epochs"] if each["mse"] <= theirs["mse"]), None)
        last = ours["epochs"][-1]
        return {
            "imports": training.seconds["imports"],
            "ours": {**ours, "tracing": training.seconds["tracing"], "last": last},
            "reached": reached,
            "other": {**theirs, "mae_day_ahead": fed_back(base, model, windows)},
            "persistence": windows.errors(windows.inputs[:, -1]),
            "naive_day_ahead": float(np.abs(windows.inputs - windows.after).mean()),
        }


def begin(base: Path, network: str, **others: Any) -> Any:
    """Begin a training of train.py's own on what was preprocessed."""
    from forecast_parameters import Parameters  # noqa: PLC0415

    from pipelines.temperature_forecast.train import Places, Training  # noqa: PLC0415

    places = Places(
        base / "train", base / "validation", base / "model", base / "output", base / "checkpoints"
    )
    return Training(Parameters(network=network, seed=SEED, **others), places)


class Validation:
    """The validation days: what both recipes are measured by."""

    def __init__(self, base: Path) -> None:
        """Cut the windows of a day ahead."""
        from dropforge_jobs.series_store import read_series  # noqa: PLC0415
        from dropforge_jobs.windows import Windows  # noqa: PLC0415

        series = read_series(base / "validation")
        self.scaler = series.scaler
        found = Windows(series, SEASON, SEASON, 4)
        cut = found.cut(np.arange(len(found)))
        self.inputs, self.after = cut[:, :SEASON], cut[:, SEASON:]

    def errors(self, said: Any) -> dict[str, float]:
        """Return the errors of forecasts of one step: squared in scaled units, absolute in raw."""
        off = said - self.after[:, 0]
        scaled = off / self.scaler.scale
        return {"mse": float((scaled**2).mean()), "mae": float(np.abs(off).mean())}


def ours_until(training: Any, windows: Validation) -> dict[str, Any]:
    """Train to the end, and look at the error of one step after each epoch.

    Looking does not count as training.
    """
    import tensorflow as tf  # noqa: PLC0415

    found: list[dict[str, Any]] = []
    spent = {"all": 0.0, "before": time.perf_counter()}
    epoch = training._epoch  # noqa: SLF001

    def watched() -> None:
        epoch()
        spent["all"] += time.perf_counter() - spent["before"]
        said = training.network.forecast(tf.constant(windows.inputs)).numpy()
        day = float(np.abs(said - windows.after).mean())
        seconds = spent["all"] - training.seconds["tracing"]
        found.append({"seconds": seconds, "mae_day_ahead": day, **windows.errors(said[:, 0])})
        spent["before"] = time.perf_counter()

    training._epoch = watched  # noqa: SLF001
    training.run()
    return {"epochs": found}


def other_recipe(base: Path, windows: Validation) -> tuple[dict[str, Any], Any]:
    """Train the other recipe for its one epoch."""
    import windowed_lstm  # noqa: PLC0415

    from dropforge_jobs.series_store import read_series  # noqa: PLC0415

    series = read_series(base / "train")
    (segment,) = series.segments
    scaler = series.scaler
    values = (np.array(series.values[: segment.length], np.float64) - scaler.mean) / scaler.scale
    model, seconds = windowed_lstm.train(values, SEED)
    scaled = (windows.inputs - scaler.mean) / scaler.scale
    said = model.predict(scaled[:, :, None], batch_size=256, verbose=0)[:, -1, 0]
    return {**seconds, **windows.errors(said * scaler.scale + scaler.mean)}, model


def fed_back(base: Path, model: Any, windows: Validation) -> float:
    """Return the other recipe's error a day ahead, by the pipeline's own network `sequence`."""
    import tensorflow as tf  # noqa: PLC0415

    given = {"hidden_nums": "255,255", "patch": 1, "loss_fnc": "mean_squared_error"}
    network = begin(base, "sequence", **given).network
    network.model.set_weights(model.get_weights())
    picked = slice(None, None, EVERY // 4)
    said = network.forecast(tf.constant(windows.inputs[picked])).numpy()
    return float(np.abs(said - windows.after[picked]).mean())


def backtest(source: str) -> dict[str, Any]:
    """Preprocess, train and evaluate five times, each time with a week more."""
    from forecast_networks import export  # noqa: PLC0415

    from dropforge_jobs.facts import RunFacts  # noqa: PLC0415
    from dropforge_jobs.forecast_evaluation import evaluate_forecasts  # noqa: PLC0415
    from dropforge_jobs.series_store import read_series  # noqa: PLC0415
    from pipelines.temperature_forecast import evaluate  # noqa: PLC0415

    lines = Path(source).read_text("utf-8").splitlines(keepends=True)
    days = (len(lines) - 1) // SEASON
    weeks = []
    for back in range(WEEKS - 1, -1, -1):
        with tempfile.TemporaryDirectory() as folder:
            base = Path(folder)
            part = base / "part.csv"
            part.write_text("".join(lines[: 1 + (days - back * WEEK) * SEASON]), "utf-8")
            sides(part, base)
            training = begin(base, "direct")
            export(training.run(), SEASON, str(base / "model" / "1"))
            model = evaluate.load_model(str(base / "model" / "1"))
            held = read_series(base / "holdout")
            judged = evaluate_forecasts(held, model, lambda: model, RunFacts(), every=EVERY)  # noqa: B023
            metrics = judged.document["metrics"]
            weeks.append({**metrics, "best_epoch": training.progress.best})
    errors = sum(week["mae_day_ahead"] for week in weeks)
    naive = sum(week["mae_day_ahead"] / week["relative_mae_day_ahead"] for week in weeks)
    return {"weeks": weeks, "relative_mae_day_ahead": errors / naive}


def throughput(times: str, batches: str) -> dict[str, Any]:
    """Train a fixed number of steps on a series of so many times the length."""
    from forecast_parameters import Parameters  # noqa: PLC0415

    from dropforge_jobs.series_grid import Grid, Segment  # noqa: PLC0415
    from dropforge_jobs.series_store import Scaler, write_series  # noqa: PLC0415
    from pipelines.temperature_forecast.train import Places, Training  # noqa: PLC0415

    grid = Grid(STEP, SEASON, 0, SEASON)
    generator = np.random.default_rng(SEED)
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        for side, days in (("train", 44 * int(times)), ("validation", 14)):
            # A day's cycle and a wandering level.
            steps = np.arange(days * SEASON)
            values = (10 * np.sin(steps / SEASON * 2 * np.pi)).astype(np.float32)
            values += generator.normal(size=len(steps)).cumsum(dtype=np.float32) / 10
            write_series(base / side, [Segment("", 0, values)], grid, Scaler(0.0, 10.0), 1.0)
            del steps, values
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        started = time.perf_counter()
        places = Places(base / "train", base / "validation", base / "m", base / "o", base / "c")
        training = Training(Parameters(seed=SEED, stride=1), places)
        fitted = time.perf_counter() - started - training.seconds["imports"]
        size, seen, spent = training.given.batch_size, 0, 0.0
        rounds = islice(training.windows.batches(size, SEED), int(batches))
        for place, window in enumerate(rounds):
            now = time.perf_counter()
            training.network.model.train_on_batch(*training.network.batch(window))
            if place:  # the first one traces
                seen, spent = seen + len(window), spent + time.perf_counter() - now
        return {
            "windows": len(training.windows),
            "windows_per_second": seen / spent,
            "level_seconds": fitted,
            "making_mb": before,
        }


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
