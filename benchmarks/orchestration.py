"""What the orchestration costs: time, memory and transitions of real runs, and on a played clock.

    uv run python benchmarks/orchestration.py [--out FILE]

The first part starts the embedded AWS and runs the demo, with real jobs. The second runs the
shipped machines and two that look every 30 seconds on the same interpreter, with jobs of 10, 30
and 10 minutes and an endpoint of about 8, on a played clock: how many transitions, and how long
until the endpoint in service is noticed.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
LIMITS = {"demo seconds": 45, "up seconds": 8, "peak MB": 500, "overhead": 5, "transitions": 30}
# The endpoint's end falls anywhere in a polling interval: eight phases of it.
PHASES = [480 + 30 * step / 8 for step in range(8)]


def main() -> None:
    """Measure, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out", type=Path, default=ROOT / ".dropforge/benchmarks/orchestration.json"
    )
    out = parser.parse_args().out
    real = measure_real()
    played = measure_played()
    console = Console()
    console.print(real_table(real), played_table(played))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"real": real, "played": played}, indent=2) + "\n", "utf-8")
    console.print(f"written to {out}")


def measure_real() -> dict[str, Any]:
    """Time `local up`, then run the demo beside a watch on the embedded AWS's memory."""
    environment = os.environ | {"DROPFORGE_STATE": str(ROOT / ".dropforge/benchmark")}
    started = time.monotonic()
    _dropforge("dropforge.cli", "local", "up", environment=environment)
    up_seconds = time.monotonic() - started
    _dropforge("dropforge.cli", "local", "down", environment=environment)

    peak = _PeakMemory(ROOT / ".dropforge/demo/embedded.json")
    started = time.monotonic()
    with peak:
        _dropforge("dropforge.demo", environment=dict(os.environ))
    demo_seconds = time.monotonic() - started
    report = json.loads((ROOT / ".dropforge/demo-report.json").read_text("utf-8"))
    runs = [
        {
            "run_id": run["run_id"],
            "status": run["status"],
            "seconds": run["seconds"],
            "overhead": run["seconds"] - run["job_seconds"] - run["endpoint_seconds"],
            "transitions": run["billed_transitions"],
        }
        for run in report["runs"]
    ]
    return {
        "up_seconds": up_seconds,
        "demo_seconds": demo_seconds,
        "peak_megabytes": peak.megabytes,
        "runs": runs,
    }


def measure_played() -> list[dict[str, Any]]:
    """Run each design at every phase, each in a process of its own: moto's state is global."""
    designs = []
    for design in ("poll everything", "poll the endpoint", "dropforge"):
        runs = [
            json.loads(_run(ROOT / "benchmarks/play.py", design, str(seconds)))
            for seconds in PHASES
        ]
        delays = [run["delay"] for run in runs]
        designs.append(
            {
                "design": design,
                "transitions": statistics.mean(run["transitions"] for run in runs),
                "delay_mean": statistics.mean(delays),
                "delay_max": max(delays),
            }
        )
    return designs


def real_table(real: dict[str, Any]) -> Table:
    """Lay out what the real runs took, beside the limits that hold for them."""
    table = Table(title="Real runs on this machine")
    for column in ("what", "measured", "at most"):
        table.add_column(column, justify="left" if column == "what" else "right")
    table.add_row("embedded AWS up, s", f"{real['up_seconds']:.1f}", str(LIMITS["up seconds"]))
    table.add_row("demo, s", f"{real['demo_seconds']:.1f}", str(LIMITS["demo seconds"]))
    table.add_row("its peak memory, MB", f"{real['peak_megabytes']:.0f}", str(LIMITS["peak MB"]))
    for run in real["runs"]:
        name = f"{run['status']} {run['run_id']}"
        table.add_row(f"{name}: overhead, s", f"{run['overhead']:.2f}", str(LIMITS["overhead"]))
        table.add_row(f"{name}: transitions", str(run["transitions"]), str(LIMITS["transitions"]))
    return table


def played_table(designs: list[dict[str, Any]]) -> Table:
    """Lay out the designs with their ratios to the shipped one."""
    own = designs[-1]
    table = Table(title="Jobs of 10, 30 and 10 minutes, an endpoint of 8 (played clock)")
    for column in ("design", "transitions", "ratio", "noticed after, s (mean)", "(max)", "ratio"):
        table.add_column(column, justify="left" if column == "design" else "right")
    for row in designs:
        table.add_row(
            row["design"],
            f"{row['transitions']:.0f}",
            f"{row['transitions'] / own['transitions']:.1f}",
            f"{row['delay_mean']:.2f}",
            f"{row['delay_max']:.2f}",
            f"{row['delay_mean'] / own['delay_mean']:.1f}",
        )
    return table


class _PeakMemory:
    """Watches the peak resident memory of the process that a state record names (Linux)."""

    def __init__(self, record: Path) -> None:
        self.megabytes = 0.0
        self._record = record
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> None:
        self._record.unlink(missing_ok=True)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.1):
            try:
                pid = json.loads(self._record.read_text("utf-8"))["pid"]
                status = Path(f"/proc/{pid}/status").read_text("utf-8")
            except (OSError, ValueError):
                continue
            if found := re.search(r"VmHWM:\s+(\d+) kB", status):
                self.megabytes = max(self.megabytes, int(found[1]) / 1024)


def _dropforge(module: str, *arguments: str, environment: dict[str, str]) -> None:
    subprocess.run(
        [sys.executable, "-m", module, *arguments], env=environment, cwd=ROOT, check=True
    )


def _run(program: Path, *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, str(program), *arguments],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


if __name__ == "__main__":
    main()
