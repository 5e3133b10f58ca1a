"""Writes the evaluation that it is told to write, with a report and a chart if asked, or fails."""

import base64
import json
import os
import sys
from pathlib import Path

# One grey point.
CHART = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)
BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "processing"


def main(behaviour: str, of_stranger: str = "", *further: str) -> None:
    """Do the job: the text of evaluation.json, `fail`, `nothing` or `large`; and then `chart`.

    `of_stranger` counts, if there is one, when what serves is no run's model.
    """
    champion = (BASE / "input/champion").is_dir()
    if of_stranger and champion and "CHAMPION_RUN_ID" not in os.environ:
        behaviour = of_stranger
    if behaviour == "fail":
        sys.exit("evaluate was told to fail")
    folder = BASE / "output/evaluation"
    folder.mkdir(parents=True, exist_ok=True)
    if behaviour == "large":
        behaviour = json.dumps({"metrics": {"accuracy": 0.95}, "rest": "x" * 300_000})
    if behaviour != "nothing":
        (folder / "evaluation.json").write_text(behaviour, "utf-8")
    if "chart" in further:
        (folder / "report.html").write_text("<h1>quick</h1>", "utf-8")
        (folder / "chart.png").write_bytes(CHART)


if __name__ == "__main__":
    main(*sys.argv[1:])
