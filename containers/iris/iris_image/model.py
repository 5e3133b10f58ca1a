"""The model: a decision tree as plain data, saved as JSON and walked without scikit-learn.

Loading a file of numbers can run no code, which a pickle can, and needs no library: a server is up
in a fifth of a second and takes a third of the memory, since importing scikit-learn alone takes two
seconds and 130 MB.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FORMAT = "decision-tree-1"
FILE = "model.json"
LEAF = -1


class ModelError(Exception):
    """There is no usable model; the text is one sentence."""


@dataclass(frozen=True)
class Tree:
    """A decision tree for classification; the lists have one entry per node, the root being first.

    Attributes:
        classes: the labels.
        features: how many numbers a row has.
        feature: the number that a node looks at, counted from 0; LEAF for a leaf.
        threshold: a row goes left when that number, as a 32-bit float, is at most this.
        left: the node to go on with, always a later one.
        right: likewise.
        label: the position in `classes` that a leaf answers.
    """

    classes: list[str]
    features: int
    feature: list[int]
    threshold: list[float]
    left: list[int]
    right: list[int]
    label: list[int]

    def predict(self, rows: Sequence[Sequence[float]]) -> list[str]:
        """Return the label of each row; a row has `features` numbers in the range of 32 bits."""
        pack = struct.Struct(f"{self.features}f")
        return [self.classes[self._leaf_label(pack.unpack(pack.pack(*row)))] for row in rows]

    def _leaf_label(self, row: Sequence[float]) -> int:
        node = 0
        while (feature := self.feature[node]) != LEAF:
            node = self.left[node] if row[feature] <= self.threshold[node] else self.right[node]
        return self.label[node]


def save(tree: Tree, folder: Path) -> None:
    """Write the model into `folder`, at once or not at all."""
    text = json.dumps({"format": FORMAT, **asdict(tree)}, allow_nan=False)
    unfinished = folder / f".{FILE}"
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(folder / FILE)


def load(folder: Path) -> Tree:
    """Read the model in `folder`.

    Raises:
        ModelError: there is none, or it is none of this format, or it is damaged.
    """
    path = folder / FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"there is no model at {path}: {error.strerror}") from error
    except ValueError as error:
        raise ModelError(f"{path} is no JSON: {error}") from error
    if not isinstance(document, dict) or document.pop("format", None) != FORMAT:
        raise ModelError(f"{path} is no model of the format {FORMAT}")
    try:
        tree = Tree(**document)
        sound = _is_sound(tree)
    except TypeError as error:
        raise ModelError(f"the model {path} is damaged: {error}") from error
    if not sound:
        raise ModelError(f"the model {path} is damaged: its nodes do not make a tree")
    return tree


def _is_sound(tree: Tree) -> bool:
    """Say whether every walk from the root ends at a leaf with a label."""
    size = len(tree.feature)
    columns: list[list[Any]] = [tree.threshold, tree.left, tree.right, tree.label]
    if not size or any(len(column) != size for column in columns):
        return False
    for node, feature in enumerate(tree.feature):
        if feature == LEAF:
            if not 0 <= tree.label[node] < len(tree.classes):
                return False
        elif not (
            0 <= feature < tree.features
            and node < tree.left[node] < size
            and node < tree.right[node] < size
        ):
            return False
    return True
