"""Fit and apply the encoding with scikit-learn, streaming: memory does not grow with the rows."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from contextlib import ExitStack
from functools import lru_cache
from itertools import batched
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from encoding import (
    ENCODED,
    MOST_DISTINCT,
    PREDICTION,
    ROWS,
    SIDES,
    Encoded,
    Encoding,
    annotate,
    check_classes,
    text_columns,
)
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import StringTensorType
from sklearn.preprocessing import LabelEncoder, OneHotEncoder

from dropforge_jobs.holdout import HOLDOUT, TRAIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dropforge_jobs.holdout import Split
    from dropforge_jobs.manifest import ManifestObject
    from dropforge_jobs.screening import Screening

_CHUNK = 20_000  # rows
_OPSETS = {"": 17, "ai.onnx.ml": 3}


def encode(
    arrived: Iterable[tuple[ManifestObject, Path]],
    screening: Screening,
    split: Split,
    output: Path,
    unknown: str,
) -> tuple[Encoded, bytes, bytes]:
    """Share out the good rows and encode them.

    Args:
        arrived: the run's objects and the file of each.
        screening: tells good rows from bad ones.
        split: how rows are shared out.
        output: gets the features of each side, and the hold-out's rows as they came.
        unknown: what the endpoint does with a category that no training row has.

    Returns:
        What was found, and the models in front of XGBoost and behind it, as ONNX.

    Raises:
        UnusableError: no model can be made of these rows.
        JobError: a column has no categories to speak of.
    """
    columns = text_columns(screening.rules)
    with TemporaryDirectory() as folder:
        raw = {side: Path(folder) / f"{side}.csv" for side in SIDES}
        found, categories = _share_out(arrived, screening, split, raw)
        check_classes(found.classes)
        encoder, index = _fit(categories, [name for name, n in found.classes.items() if n[TRAIN]])
        found.encoding = Encoding(
            columns,
            tuple(tuple(values.tolist()) for values in encoder.categories_),
            tuple(index.classes_.tolist()),
        )
        for side in SIDES:
            found.left_out += _write_features(raw[side], side, encoder, index, output)
        rows = output / HOLDOUT / ROWS / "rows.csv"
        rows.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(raw[HOLDOUT], rows)
    shape = [None, len(columns)]
    front = to_onnx(encoder, initial_types=[("row", StringTensorType(shape))], target_opset=_OPSETS)
    return (
        found,
        annotate(front, found.encoding.preprocessor_metadata(unknown)),
        annotate(_postprocessor(found.encoding), found.encoding.postprocessor_metadata()),
    )


def _share_out(
    arrived: Iterable[tuple[ManifestObject, Path]],
    screening: Screening,
    split: Split,
    files: Mapping[str, Path],
) -> tuple[Encoded, list[set[str]]]:
    """Write each good row to its side's file, label first; return the training rows' categories."""
    found = Encoded(values={name: Counter() for name in screening.rules.features})
    categories: list[set[str]] = [set() for _ in screening.rules.features]
    side_of = lru_cache(MOST_DISTINCT)(split.side)  # rows of categories come again and again
    with ExitStack() as stack:
        writers = {
            side: csv.writer(
                stack.enter_context(path.open("w", encoding="utf-8", newline="")),
                lineterminator="\n",
            )
            for side, path in files.items()
        }
        for item, path in arrived:
            for row in screening.rows(item, path):
                label, features = screening.rules.part(row)
                side = side_of(tuple(features))
                writers[side].writerow([label, *features])
                found.count(side, label, features)
                if side == TRAIN:
                    for known, value in zip(categories, features, strict=True):
                        known.add(value)
    found.settle()
    return found, categories


def _fit(categories: Sequence[set[str]], labels: Sequence[str]) -> tuple[Any, Any]:
    """Fit encoder and index to what the training rows hold.

    Both look at nothing but which values there are, so a table in which each comes at least once
    gives what all rows would give.
    """
    columns = [sorted(values) for values in categories]
    longest = max(map(len, columns))
    table = [[values[n % len(values)] for values in columns] for n in range(longest)]
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32)
    return encoder.fit(np.array(table, dtype=object)), LabelEncoder().fit(labels)


def _write_features(raw: Path, side: str, encoder: Any, index: Any, output: Path) -> int:
    """Write a side's features, and return how many rows had to be left out.

    XGBoost cannot learn from nor stop by a label that is not in the index. The hold-out keeps such
    rows, without a label's place: the model is judged on them all the same, and fails.
    """
    folder = output / side / ENCODED if side == HOLDOUT else output / side
    folder.mkdir(parents=True, exist_ok=True)
    places = {label: str(place) for place, label in enumerate(index.classes_)}
    left_out = 0
    with (
        raw.open(encoding="utf-8", newline="") as rows,
        (folder / f"{side}.csv").open("w", encoding="utf-8", newline="\n") as lines,
    ):
        for chunk in batched(csv.reader(rows), _CHUNK, strict=False):
            table = np.array(chunk, dtype=object)
            features = _spelt(encoder.transform(table[:, 1:]))
            width = len(features) // len(chunk)
            for number, label in enumerate(table[:, 0]):
                place = places.get(label, "" if side == HOLDOUT else None)
                if place is None:
                    left_out += 1
                    continue
                lines.write(f"{place}{features[number * width : (number + 1) * width]}\n")
    return left_out


def _spelt(features: Any) -> str:
    """Spell rows of ones and zeros, `,0,1` each, one after the other."""
    digits = features.astype(np.uint8) + ord("0")
    cells = np.full((len(digits), 2 * digits.shape[1]), ord(","), dtype=np.uint8)
    cells[:, 1::2] = digits
    return cells.tobytes().decode("ascii")


def _postprocessor(encoding: Encoding) -> Any:
    """Make the model that gives a place in the index its label; skl2onnx has none for it."""
    node = helper.make_node(
        "LabelEncoder",
        [PREDICTION],
        ["label"],
        domain="ai.onnx.ml",
        keys_floats=[float(place) for place in range(len(encoding.labels))],
        values_strings=list(encoding.labels),
    )
    graph = helper.make_graph(
        [node],
        "postprocessor",
        [helper.make_tensor_value_info(PREDICTION, TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("label", TensorProto.STRING, [None, 1])],
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSETS.items()]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)
