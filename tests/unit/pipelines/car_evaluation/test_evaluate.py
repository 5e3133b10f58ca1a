import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from .conftest import Trained, run_script

pytestmark = pytest.mark.timeout(300)


def lay_out(base: Path, trained: Trained, *, champion: bool = False) -> Path:
    """Lay out what an evaluation finds; return the folder of its inputs."""
    inputs = base / "processing" / "input"
    for name in ("model", "profile", *(["champion", "champion_profile"] if champion else [])):
        (inputs / name).mkdir(parents=True)
    for name in ("holdout", "models"):
        shutil.copytree(trained.output / name, inputs / name)
    shutil.copy(trained.archive, inputs / "model")
    shutil.copy(trained.output / "report" / "profile.json", inputs / "profile")
    if champion:
        shutil.copy(trained.archive, inputs / "champion")
        shutil.copytree(trained.output / "models", inputs / "champion_models")
        shutil.copy(trained.output / "report" / "profile.json", inputs / "champion_profile")
    return inputs


def evaluate(base: Path, **variables: str) -> Any:
    """Run the job; return what it wrote."""
    done = run_script("evaluate.py", base, RUN_ID="run", JUDGED_METRIC="accuracy", **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    written = base / "processing" / "output" / "evaluation"
    return json.loads((written / "evaluation.json").read_text("utf-8"))


def test_the_chain_is_judged_by_the_cars_that_were_held_out(
    trained: Trained, tmp_path: Path
) -> None:
    """Every class is told, and the reader learns what the hyperparameters of 2018 give."""
    lay_out(tmp_path, trained)
    document = evaluate(tmp_path)
    metrics = document["metrics"]
    assert metrics.keys() == {
        *("accuracy", "macro_f1", "rows"),
        *(f"recall_{label}" for label in ("acc", "good", "unacc", "vgood")),
    }
    assert metrics["accuracy"] >= 0.97
    assert metrics["rows"] == 258
    assert document["data"] == {"rows": 1728, "rejected_rows": 0}
    assert 0.93 <= document["reference"]["accuracy"] < metrics["accuracy"]
    written = tmp_path / "processing" / "output" / "evaluation"
    report = (written / "report.html").read_text("utf-8")
    assert "with the hyperparameters of 2018 (10 rounds" in report
    assert f"accuracy is {document['reference']['accuracy']:.4f}" in report
    assert (written / "chart.png").read_bytes().startswith(b"\x89PNG")


def test_a_champion_answers_the_same_cars_by_its_own_chain(
    trained: Trained, tmp_path: Path
) -> None:
    """The same chain is neither better nor worse than itself."""
    lay_out(tmp_path, trained, champion=True)
    document = evaluate(tmp_path, CHAMPION_RUN_ID="before")
    assert document["champion"]["status"] == "scored"
    assert document["champion"]["metrics"] == document["metrics"]
    assert (document["comparison"]["low"], document["comparison"]["high"]) == (0, 0)


def test_skew_ends_the_evaluation(trained: Trained, tmp_path: Path) -> None:
    """One feature of one held-out car differs from what the first container computes."""
    file = lay_out(tmp_path, trained) / "holdout" / "features" / "holdout.csv"
    rows = list(csv.reader(file.read_text("utf-8").splitlines()))
    rows[6][3] = "1" if rows[6][3] == "0" else "0"
    file.write_text("\n".join(map(",".join, rows)), "utf-8")
    done = run_script("evaluate.py", tmp_path)
    assert done.returncode == 1
    message = (tmp_path / "output" / "message").read_text("utf-8")
    assert message.startswith("skew: for row 7 of the hold-out the model in front of XGBoost")


def test_a_held_out_car_of_an_unknown_kind_counts_as_wrong(
    trained: Trained, tmp_path: Path
) -> None:
    """The endpoint would refuse it."""
    folder = lay_out(tmp_path, trained) / "holdout"
    for name, line in (
        ("rows/rows.csv", "unacc,huge,low,2,2,med,low\n"),
        ("features/holdout.csv", f"2,{','.join('000001001000100010010')}\n"),
    ):
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write(line)
    # By this run's split the car may be on another side; who trained on what is not the matter.
    (tmp_path / "processing" / "input" / "profile" / "profile.json").unlink()
    document = evaluate(tmp_path)
    matrix = document["multiclass_classification_metrics"]["confusion_matrix"]
    assert matrix["unacc"]["(refused)"] == 1
    assert document["metrics"]["rows"] == 259
