"""Copies what arrived into a training and a hold-out set, or fails as it is told."""

import os
import shutil
import sys
import time
from pathlib import Path

from dropforge_jobs.manifest import check_arrivals, read_manifest

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "processing"


def main(behaviour: str) -> None:
    """Do the job: `ok`, `fail` or `hang`."""
    if behaviour == "hang":
        time.sleep(60)
    if behaviour == "fail":
        (BASE.parent / "output").mkdir(parents=True, exist_ok=True)
        (BASE.parent / "output/message").write_text("The data is of no use.", "utf-8")
        sys.exit(1)
    objects = read_manifest(BASE / "input/manifest/manifest.json")
    arrived = check_arrivals(objects, BASE / "input/data", etags=True)
    report = BASE / "output/report"
    report.mkdir(parents=True)
    (report / "profile.json").write_text("{}", "utf-8")
    for side in ("train", "holdout"):
        folder = BASE / "output" / side
        folder.mkdir(parents=True, exist_ok=True)
        for path in arrived:
            shutil.copy(path, folder / path.name)


if __name__ == "__main__":
    main(sys.argv[1])
