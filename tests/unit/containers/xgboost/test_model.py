"""The booster behind the image's answers, with the real XGBoost in its own environment."""

import json
import subprocess
from pathlib import Path

from dropforge import environments
from dropforge.project import Project

ROOT = Path(__file__).parents[4]
IMAGE = ROOT / "containers" / "xgboost"
# Learns that the label is the first column; then answers, and says what was looked for meanwhile.
PROGRAM = """
import json, sys
from importlib.abc import MetaPathFinder
from pathlib import Path
import numpy as np
import xgboost
from xgboost_image.model import FILE, load

class Watch(MetaPathFinder):
    sought = []
    def find_spec(self, name, path=None, target=None):
        self.sought.append(name)

folder = Path(sys.argv[1])
rows = np.array([[0, 1], [0, 2], [1, 3], [1, 4]] * 10, dtype=np.float32)
params = {"objective": "multi:softmax", "num_class": 2, "min_child_weight": 0}
booster = xgboost.train(params, xgboost.DMatrix(rows, rows[:, 0]), 3)
(folder / FILE).write_bytes(booster.save_raw("ubj"))
model = load(folder)
first = model.answer("text/csv", b"1,5")[1].decode()
sys.meta_path.insert(0, Watch())
second = model.answer("text/csv", b"0,5\\n1,\\n")[1].decode()
print(json.dumps([first, second, Watch.sought]))
"""


def test_a_prediction_looks_for_no_module(tmp_path: Path) -> None:
    """What is not installed is not looked for with each request: that took a third of its time."""
    own = environments.provide(Project(ROOT, ROOT / ".dropforge/local"), IMAGE)
    assert own, "the image needs an environment of its own"
    done = subprocess.run(
        [own / "bin/python", "-c", PROGRAM, tmp_path],
        check=True,
        capture_output=True,
        text=True,
        cwd=IMAGE,
    )
    assert json.loads(done.stdout) == ["1.0", "0.0,1.0", []]
