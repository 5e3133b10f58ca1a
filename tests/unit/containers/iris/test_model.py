import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from iris_image import model, training
from iris_image.model import ModelError, Tree
from sklearn.tree import DecisionTreeClassifier

TREE = Tree(["a", "b"], 2, [1, -1, -1], [0.5, 0.0, 0.0], [1, -1, -1], [2, -1, -1], [0, 0, 1])


@pytest.mark.parametrize("parameters", [{}, {"max_leaf_nodes": 20}, {"splitter": "random"}])
def test_it_answers_as_scikit_learn_does(parameters: dict[str, Any]) -> None:
    """Every answer agrees, on the thresholds themselves and on numbers of any size too."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(600, 3)) * [1, 1e-6, 1e30]
    labels = random.choice(["a", "b", "c"], size=600)
    parameters = {**parameters, "random_state": 0}
    tree = training.fit(labels.tolist(), rows.tolist(), parameters)
    fitted = DecisionTreeClassifier(**parameters).fit(rows, labels)
    thresholds = np.array(tree.threshold)[:, None].repeat(3, axis=1)
    for probe in (rows, random.normal(size=(5000, 3)) * [1, 1e-6, 1e30], thresholds):
        assert tree.predict(probe.tolist()) == fitted.predict(probe).tolist()


def test_numbers_are_compared_with_32_bits_as_in_training() -> None:
    """0.50000001 is 0.5 to a tree, so it goes left."""
    assert TREE.predict([[0, 0.50000001], [0, 0.5001]]) == ["a", "b"]


def test_what_is_saved_loads_again(tmp_path: Path) -> None:
    """The tree is the same, and no unfinished file stays."""
    model.save(TREE, tmp_path)
    assert model.load(tmp_path) == TREE
    assert [path.name for path in tmp_path.iterdir()] == ["model.json"]


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    """The error says where it was looked for."""
    with pytest.raises(ModelError, match=r"there is no model at .*model\.json"):
        model.load(tmp_path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format": "decision-tree-9"}, "no model of the format decision-tree-1"),
        ({"surprise": 1}, "damaged: .*surprise"),
        ({"left": [1, -1]}, "do not make a tree"),
        ({"left": [0, -1, -1]}, "do not make a tree"),  # would walk for ever
        ({"right": [3, -1, -1]}, "do not make a tree"),
        ({"feature": [2, -1, -1]}, "do not make a tree"),
        ({"label": [0, 0, 2]}, "do not make a tree"),
        ({"feature": []}, "do not make a tree"),
        ({"left": None}, "damaged"),
    ],
)
def test_a_damaged_model_is_refused_when_it_is_loaded(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    """No request meets a model that cannot answer."""
    model.save(TREE, tmp_path)
    document = json.loads((tmp_path / "model.json").read_text("utf-8"))
    (tmp_path / "model.json").write_text(json.dumps(document | changes), "utf-8")
    with pytest.raises(ModelError, match=reason):
        model.load(tmp_path)


@pytest.mark.parametrize("text", ["", "[1]", "null", "{"])
def test_what_is_no_model_at_all_is_refused(tmp_path: Path, text: str) -> None:
    """Any other file under that name is an error, not a traceback."""
    (tmp_path / "model.json").write_text(text, "utf-8")
    with pytest.raises(ModelError):
        model.load(tmp_path)
