"""Copies what arrived into a training and a hold-out set, or fails as it is told.

Told of models, `<name>=<answer>`, it makes those for further containers, and tells what the
training job is to read, which then is always the same.
"""

import io
import os
import shutil
import sys
import tarfile
import time
from pathlib import Path

from dropforge_jobs.manifest import check_arrivals, read_manifest
from dropforge_jobs.outcome import Outcome, digest_of

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "processing"


def main(behaviour: str, *models: str) -> None:
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
    if models:
        make_models(models)


def make_models(models: tuple[str, ...]) -> None:
    """Write each model's archive, and what decides the training."""
    for model in models:
        name, _, answer = model.partition("=")
        folder = BASE / "output/models" / name
        folder.mkdir(parents=True)
        with tarfile.open(folder / "model.tar.gz", "w:gz") as archive:
            member = tarfile.TarInfo("answer")
            member.size = len(answer.encode())
            archive.addfile(member, io.BytesIO(answer.encode()))
    shutil.rmtree(BASE / "output/train")
    (BASE / "output/train").mkdir()
    (BASE / "output/train/data.csv").write_text("1,2\n", "utf-8")
    Outcome(
        rows=1,
        rejected_rows=0,
        quarantined_objects=0,
        hyperparameters={"found": "4"},
        trained_on=digest_of(BASE / "output/train"),
    ).tell(BASE.parent / "output/message")


if __name__ == "__main__":
    main(*sys.argv[1:])
