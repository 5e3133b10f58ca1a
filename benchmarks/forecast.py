"""The forecaster's recipe against the one that it replaces, on the same days.

    uv run python benchmarks/forecast.py [--out FILE] [--only TRIAL ...]

The other recipe (benchmarks/windowed_lstm.py) trains a stacked LSTM on every overlapping window.
Each measurement is a process of its own in the environment of the TensorFlow image, with two
threads: bytes and peak memory of preprocessing on the data and on ten times as much; the time
within training until the default reaches the other's validation error after its one epoch, imports
and tracing apart; a backtest over the last five weeks, refitted weekly, by the pipeline's own
scripts; windows per second and peak memory at 1, 10 and 100 times the data over a fixed number of
steps. The seed is fixed; times depend on what else the machine does. The other recipe's epoch takes
minutes.
"""

import argparse
import json
import os
import subprocess
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from dropforge import environments
from dropforge.project import find_project

ROOT = Path(__file__).parents[1]
DATA = ROOT / "pipelines" / "temperature_forecast" / "data" / "yosemite_temps_5min.csv"
TRIALS = ("preprocess", "recipes", "backtest", "throughput")
TIMES = (1, 10, 100)
STEPS = 100
THREADS = {"OMP_NUM_THREADS": "2", "TF_NUM_INTRAOP_THREADS": "2", "TF_NUM_INTEROP_THREADS": "2"}


def main() -> int:
    """Run the trials, print their tables and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out", type=Path, default=ROOT / ".dropforge" / "benchmarks" / "forecast.json"
    )
    parser.add_argument("--only", nargs="+", choices=TRIALS, default=TRIALS)
    given = parser.parse_args()
    project = find_project()
    environment = environments.provide(project, project.containers / "tensorflow")
    if environment is None:
        raise SystemExit("TensorFlow is expected in an environment of its own")
    python = str(environment / "bin" / "python")
    found: dict[str, Any] = {}
    for name in given.only:
        found[name] = TRIAL[name](python)
        Console().print(TABLE[name](found[name]))
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(found, indent=2), encoding="utf-8")
    return 0


def measure(python: str, *arguments: str) -> Any:
    """Run one trial in a process of its own."""
    done = subprocess.run(
        [python, str(ROOT / "benchmarks" / "forecast_trials.py"), *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **THREADS, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def preprocess(python: str) -> dict[str, Any]:
    """Preprocess both ways, once and ten times the data."""
    with tempfile.TemporaryDirectory() as folder:
        longer = Path(folder) / "ten.csv"
        longer.write_text(repeated(DATA.read_text("utf-8"), 10), "utf-8")
        return {
            f"{way} x{times}": measure(python, way, str(source))
            for way in ("windows", "series")
            for times, source in ((1, DATA), (10, longer))
        }


def repeated(text: str, times: int) -> str:
    """Return the same values several times, at times that go on."""
    header, *rows = text.splitlines()
    values = [row.partition(",")[2] for row in rows[:-1]] * times  # the last one begins a day
    begin = datetime.fromisoformat(rows[0].partition(",")[0])
    lines = (
        f"{begin + timedelta(minutes=5 * place)},{value}" for place, value in enumerate(values)
    )
    return "\n".join([header, *lines, ""])


TRIAL: dict[str, Callable[[str], Any]] = {
    "preprocess": preprocess,
    "recipes": lambda python: measure(python, "recipes", str(DATA)),
    "backtest": lambda python: measure(python, "backtest", str(DATA)),
    "throughput": lambda python: {
        str(times): measure(python, "throughput", str(times), str(STEPS)) for times in TIMES
    },
}


def preprocess_table(found: dict[str, Any]) -> Table:
    """Lay out bytes and memory."""
    table = _table("Preprocessing", "recipe", "data", "bytes written", "peak MB", "seconds")
    for name, each in found.items():
        way, times = name.split()
        row = (f"{each['bytes']:,}", f"{each['peak_mb']:.0f}", f"{each['seconds']:.1f}")
        table.add_row("all windows" if way == "windows" else "series", times, *row)
    written = found["windows x1"]["bytes"] / found["series x1"]["bytes"]
    memory = found["series x10"]["peak_mb"] / found["windows x10"]["peak_mb"]
    table.caption = f"{written:.0f} times fewer bytes; {memory:.2f} of the memory at ten times"
    return table


def recipes_table(found: dict[str, Any]) -> Table:
    """Lay out both recipes' errors on the validation days, in degrees."""
    table = _table("Validation days", "recipe", "training s", "one step", "MSE scaled", "day ahead")
    other, ours, reached = found["other"], found["ours"], found["reached"]

    def row(name: str, each: dict[str, Any], seconds: str, day: str) -> None:
        table.add_row(name, seconds, f"{each['mae']:.4f}", f"{each['mse']:.6f}", day)

    row("persistence / naive", found["persistence"], "", f"{found['naive_day_ahead']:.3f}")
    day = f"{other['mae_day_ahead']:.3f}"
    row("all windows, one epoch", other, f"{other['training']:.1f}", day)
    for place, each in ((1, ours["epochs"][0]), (len(ours["epochs"]), ours["last"])):
        seconds, day = f"{each['seconds']:.2f}", f"{each['mae_day_ahead']:.3f}"
        row(f"default, {place} epochs", each, seconds, day)
    ratio = f"{other['training'] / reached['seconds']:.0f} times faster" if reached else "never"
    table.caption = (
        f"the other's error is reached {ratio}; imports {found['imports']:.1f} s; tracing"
        f" {other['tracing']:.1f} s there, {ours['tracing']:.1f} s here"
    )
    return table


def backtest_table(found: dict[str, Any]) -> Table:
    """Lay out the weeks."""
    table = _table("Backtest", "week", "day ahead", "relative", "MASE", "one step relative")
    names = ("mae_day_ahead", "relative_mae_day_ahead", "mase_day_ahead", "relative_mae_one_step")
    for place, week in enumerate(found["weeks"], 1):
        table.add_row(str(place), *(f"{week[name]:.3f}" for name in names))
    table.caption = f"all weeks together: {found['relative_mae_day_ahead']:.3f}"
    return table


def throughput_table(found: dict[str, Any]) -> Table:
    """Lay out speed and memory."""
    table = _table(
        f"{STEPS} steps", "data", "windows", "windows a second", "peak MB", "level fit s"
    )
    for times, each in found.items():
        rate, memory = f"{each['windows_per_second']:,.0f}", f"{each['peak_mb']:.0f}"
        table.add_row(
            f"x{times}", f"{each['windows']:,}", rate, memory, f"{each['level_seconds']:.1f}"
        )
    return table


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=title)
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


TABLE = {
    "preprocess": preprocess_table,
    "recipes": recipes_table,
    "backtest": backtest_table,
    "throughput": throughput_table,
}


if __name__ == "__main__":
    raise SystemExit(main())
