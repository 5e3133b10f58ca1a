"""The booster behind the image's answers, with the real XGBoost in its own environment."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dropforge import environments
from dropforge.project import Project

ROOT = Path(__file__).parents[4]
IMAGE = ROOT / "containers" / "xgboost"
# Trains, then predicts by XGBoost's own Python and, from threads at once, by ours.
PROGRAM = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import numpy as np
import xgboost
from xgboost_image.model import FILE, load

folder, parameters = Path(sys.argv[1]), json.loads(sys.argv[2])
generator = np.random.default_rng(7)
rows = generator.integers(0, 4, (400, 3)).astype(np.float32)
rows[generator.random(rows.shape) < 0.1] = np.nan
labels = np.nan_to_num(rows[:, 0]) % 3
booster = xgboost.train(parameters, xgboost.DMatrix(rows, labels), 5)
(folder / FILE).write_bytes(booster.save_raw("ubj"))
model = load(folder)
with ThreadPoolExecutor(4) as threads:
    found = list(threads.map(lambda row: model.predict([row])[0], rows.tolist()))
print(json.dumps([booster.inplace_predict(rows).tolist(), found, model.predict(rows.tolist())]))
"""
REFUSED = """
import sys
from pathlib import Path
import numpy as np
import xgboost
from xgboost_image.predictor import Predictor

rows = np.zeros((4, 3), dtype=np.float32)
booster = xgboost.train({}, xgboost.DMatrix(rows, rows[:, 0]), 1)
try:
    Predictor(booster).predict(rows[:, :2].copy())
except xgboost.core.XGBoostError as error:
    print(error)
"""


def run(program: str, *arguments: str) -> str:
    """Run a program in the image's environment; return what it prints."""
    own = environments.provide(Project(ROOT, ROOT / ".dropforge/local"), IMAGE)
    assert own, "the image needs an environment of its own"
    command = [str(own / "bin/python"), "-c", program, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=IMAGE)
    return done.stdout


@pytest.mark.parametrize(
    ("parameters", "values"),
    [
        ({"objective": "multi:softmax", "num_class": 3}, 1),
        ({"objective": "multi:softprob", "num_class": 3}, 3),
        ({"objective": "reg:squarederror"}, 1),
    ],
)
def test_predictions_are_xgboosts_own(
    tmp_path: Path, parameters: dict[str, Any], values: int
) -> None:
    """The shorter way to the trees gives the same numbers, row by row and in a table."""
    printed = run(PROGRAM, str(tmp_path), json.dumps(parameters))
    expected, one_by_one, together = json.loads(printed)
    assert len(expected) == 400
    assert one_by_one == together == expected
    assert values == (len(expected[0]) if isinstance(expected[0], list) else 1)
    assert len({json.dumps(each) for each in expected}) > 2


def test_a_table_that_does_not_suit_the_model_is_refused() -> None:
    """XGBoost's own words say why."""
    assert "feature" in run(REFUSED)
