"""How preprocessing scales: seconds, rows a second and peak memory, by engine and rows.

    uv run python benchmarks/preprocess_scale.py [--out FILE] [--rows N,N] [--engines NAME,NAME]

The script of `car_evaluation` preprocesses synthetic cars, in objects of at most 250,000 rows, as a
processing job does: by the Python of its image, in a process of its own. Memory is the resident
memory of that process and all that it started (Spark's JVM and its Python workers), looked at five
times a second. scikit-learn's path streams: from 1 to 5 million rows it may take 1.5 times the
memory.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import yaml
from dropforge_core.pipeline_config import PipelineConfig
from rich.console import Console
from rich.table import Table

from dropforge import environments
from dropforge.project import Project

ROOT = Path(__file__).parents[1]
PIPELINE = ROOT / "pipelines" / "car_evaluation"
IMAGES = {"sklearn": "car_evaluation", "spark": "spark"}
OBJECT_ROWS = 250_000
MOST_GROWTH = 1.5
SMALL, LARGE = 1_000_000, 5_000_000


def main() -> None:
    """Measure, print the table, write the JSON; exit 1 when memory grows too much."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out", type=Path, default=ROOT / ".dropforge/benchmarks/preprocess_scale.json"
    )
    parser.add_argument("--rows", default=f"100000,{SMALL},{LARGE}")
    parser.add_argument("--engines", default="sklearn,spark")
    arguments = parser.parse_args()
    found = []
    for rows in map(int, arguments.rows.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            write_objects(Path(folder), rows)
            found += [
                {"engine": engine, "rows": rows, **measure(Path(folder), engine)}
                for engine in arguments.engines.split(",")
            ]
    growth = growth_of(found)
    console = Console()
    console.print(table_of(found), f"scikit-learn's memory from 1 to 5 million rows: {growth}")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    document = {"cores": os.cpu_count(), "measured": found, "growth": growth}
    arguments.out.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    console.print(f"written to {arguments.out}")
    sys.exit(1 if growth and growth > MOST_GROWTH else 0)


def write_objects(base: Path, rows: int) -> None:
    """Lay out what a preprocess job finds, with this many rows; a fixed seed makes them."""
    inputs = base / "processing" / "input"
    for name in ("data", "manifest", "code"):
        (inputs / name).mkdir(parents=True)
    config = PipelineConfig.model_validate(
        yaml.safe_load((PIPELINE / "pipeline.yaml").read_text("utf-8"))
    )
    (inputs / "code" / "rules.json").write_text(json.dumps(config.rules()), "utf-8")
    cars = (PIPELINE / "data" / "car.data").read_text("utf-8").splitlines(keepends=True)
    draw = random.Random(1)  # noqa: S311  no secret
    entries = []
    for start in range(0, rows, OBJECT_ROWS):
        name = f"{start:09d}.csv"
        path = inputs / "data" / name
        path.write_text("".join(draw.choices(cars, k=min(OBJECT_ROWS, rows - start))), "utf-8")
        entries.append(
            {
                "key": f"incoming/car_evaluation/{name}",
                "path": name,
                "size": path.stat().st_size,
                "etag": "parts-1",
                "new": True,
            }
        )
    manifest = {"prefix": "incoming/car_evaluation/", "objects": entries}
    (inputs / "manifest" / "manifest.json").write_text(json.dumps(manifest), "utf-8")


def measure(base: Path, engine: str) -> dict[str, float]:
    """Run the job; return its seconds, rows a second, and peak memory in MB."""
    image = ROOT / "containers" / IMAGES[engine]
    environment = environments.provide(Project(ROOT, ROOT / ".dropforge/local"), image)
    python = str(environment / "bin" / "python") if environment else sys.executable
    command = [python, str(PIPELINE / "preprocess.py"), "--seed", "238", "--engine", engine]
    variables = {"PYTHONPATH": str(ROOT), "SAGEMAKER_BASE_DIR": str(base), "HOME": str(base)}
    began = time.monotonic()
    with (base / f"{engine}.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env={"PATH": "/usr/bin:/bin", **variables},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        watch = Watch(process.pid)
        status = process.wait()
    seconds = time.monotonic() - began
    if status:
        raise SystemExit((base / f"{engine}.log").read_text("utf-8", "replace")[-2000:])
    text = (base / "output" / "message").read_text("utf-8").removeprefix("dropforge: ")
    rows: int = json.loads(text)["rows"]["rows"]
    return {"seconds": seconds, "per_second": rows / seconds, "peak_mb": watch.end()}


class Watch:
    """Looks at the memory of a process and its descendants until it is ended."""

    def __init__(self, pid: int) -> None:
        """Begin."""
        self._pid = pid
        self._peak = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> float:
        """Stop; return the peak in MB."""
        self._over.set()
        self._thread.join()
        return self._peak

    def _look(self) -> None:
        while not self._over.wait(0.2):
            self._peak = max(self._peak, resident_mb(self._pid))


def resident_mb(root: int) -> float:
    """Return the resident memory of a process and all its descendants, in MB."""
    parents: dict[int, int] = {}
    sizes: dict[int, float] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = dict(
                line.split(":", 1) for line in (folder / "status").read_text().splitlines()
            )
        except (OSError, ValueError):
            continue  # it has ended
        pid = int(folder.name)
        parents[pid] = int(status["PPid"])
        sizes[pid] = int(status.get("VmRSS", "0").split()[0]) / 1024
    family = {root}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(sizes.get(pid, 0.0) for pid in family)


def growth_of(found: list[dict[str, Any]]) -> float | None:
    """Return how much more memory scikit-learn's path takes for 5 million rows than for 1."""
    peaks = {each["rows"]: each["peak_mb"] for each in found if each["engine"] == "sklearn"}
    return peaks[LARGE] / peaks[SMALL] if {SMALL, LARGE} <= peaks.keys() else None


def table_of(found: list[dict[str, Any]]) -> Table:
    """Return the measurements as a table."""
    table = Table("engine", "rows", "seconds", "rows/s", "peak MB", title="Preprocessing")
    for each in found:
        cells = (f"{each[key]:,.0f}" for key in ("rows", "seconds", "per_second", "peak_mb"))
        table.add_row(each["engine"], *cells)
    return table


if __name__ == "__main__":
    main()
