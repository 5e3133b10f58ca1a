"""One ONNX model and the schema of its rows, as SageMaker's variables and the archive tell them.

The container's environment says what a row is (`SCHEMA`); the model's own metadata says which
categories it knows and whether others are refused, so that a value which was never seen is told
with its column's name, and never taken for another one.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from onnx_image.bodies import RowError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FILE = "model.onnx"
# Metadata of the model: {column: [what it knows]}, and what becomes of other values.
CATEGORIES, UNKNOWN = "categories", "unknown"
TEXT, NUMBER = "string", "double"
IGNORE = "ignore"
_KINDS = {
    "tensor(string)": object,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
}
_NAMED = 8  # categories that a message names
_SHOWN = 40  # characters of a cell that a message shows


class ModelError(Exception):
    """There is no usable model or schema; the text is one sentence."""


@dataclass(frozen=True)
class Schema:
    """What a row is.

    Attributes:
        names: the columns, in their order.
        types: of each, "string" or "double".
    """

    names: tuple[str, ...]
    types: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Schema:
        """Read `[{"name": "doors", "type": "string"}, ...]`; raises `ModelError`."""
        try:
            columns = json.loads(text)
            schema = cls(
                tuple(str(each["name"]) for each in columns),
                tuple(str(each["type"]) for each in columns),
            )
        except (ValueError, TypeError, KeyError) as error:
            raise ModelError(
                f'SCHEMA is no list of {{"name": ..., "type": ...}}: {error!r}'
            ) from error
        if not schema.names or set(schema.types) - {TEXT, NUMBER}:
            raise ModelError(f"SCHEMA has to name columns of the types {TEXT} and {NUMBER}")
        return schema


class OnnxModel:
    """A model that answers rows.

    Its inputs are named like the columns, each of one column; or it has one input for all of them.
    Of its outputs the first counts. Unknown categories are refused, or left to the model.
    """

    def __init__(self, session: onnxruntime.InferenceSession, schema: Schema) -> None:
        """Take a loaded model; raises `ModelError` when the schema does not fit it."""
        self.names: Sequence[str] = schema.names
        self.width = len(schema.names)
        self._session = session
        self._output = session.get_outputs()[0].name
        kinds = {each.name: _KINDS.get(each.type, np.float32) for each in session.get_inputs()}
        inputs = list(kinds)
        if len(inputs) != 1 and set(inputs) != set(schema.names):
            raise ModelError(f"the model takes {inputs}, and SCHEMA names {list(schema.names)}")
        self._whole = inputs[0] if len(inputs) == 1 else None
        self._kinds = kinds
        self._text = [kind == TEXT for kind in schema.types]
        if self._whole and len(set(schema.types)) > 1:
            raise ModelError("a model with one input takes columns of one type")
        known = _known(session.get_modelmeta().custom_metadata_map)
        self._known = [known.get(name) for name in schema.names]

    def check(self, cells: list[Any]) -> list[Any]:
        """Return a row's values.

        Raises:
            RowError: one is of another type than its column, or of a category that is unknown.
        """
        return [self._value(place, cell) for place, cell in enumerate(cells)]

    def predict(self, rows: list[list[Any]]) -> list[Any]:
        """Return the model's answer to each row: a value, or a list when it gives several."""
        if self._whole:
            feed = {self._whole: np.array(rows, dtype=self._kinds[self._whole])}
        else:
            columns = zip(self.names, zip(*rows, strict=True), strict=True)
            feed = {
                name: np.array(cells, dtype=self._kinds[name]).reshape(-1, 1)
                for name, cells in columns
            }
        answers = self._session.run([self._output], feed)[0]
        if answers.ndim > 1 and answers.shape[1] == 1:
            answers = answers[:, 0]
        return answers.tolist()  # type: ignore[no-any-return]

    def _value(self, place: int, cell: Any) -> Any:
        name, known = self.names[place], self._known[place]
        value = _text(cell) if self._text[place] else _number(cell)
        if value is None:
            kind = "text" if self._text[place] else "finite number"
            raise RowError(f"column {name} is no {kind}: {json.dumps(cell)[:_SHOWN]}")
        if known is not None and value not in known:
            raise RowError(_not_known(name, value, known))
        return value


def load(folder: Path, environ: Mapping[str, str]) -> OnnxModel:
    """Load the model in `folder`, with the schema of `environ`.

    Raises:
        ModelError: there is none, it is damaged, or the schema does not fit it.
    """
    if "SCHEMA" not in environ:
        raise ModelError('SCHEMA is not set: it says what a row is, [{"name": ..., "type": ...}]')
    options = onnxruntime.SessionOptions()
    # Requests are small and many: threads of its own would only wait for each other.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    path = folder / FILE
    if not path.is_file():
        raise ModelError(f"there is no model at {path}")
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its own exceptions share no base
        raise ModelError(f"the model {path} cannot be loaded: {error}") from error
    return OnnxModel(session, Schema.parse(environ["SCHEMA"]))


def _known(metadata: Mapping[str, str]) -> dict[str, frozenset[Any]]:
    """Return what each column may hold; nothing of those that may hold anything."""
    if metadata.get(UNKNOWN) == IGNORE:
        return {}
    found = json.loads(metadata.get(CATEGORIES, "{}"))
    return {name: frozenset(values) for name, values in found.items()}


def _not_known(name: str, value: Any, known: frozenset[Any]) -> str:
    if value == "":
        return f"column {name} is empty"
    some = ", ".join(map(str, sorted(known)[:_NAMED]))
    more = ", ..." if len(known) > _NAMED else ""
    shown = repr(value[:_SHOWN]) if isinstance(value, str) else f"{value:g}"
    return f"column {name} is {shown}; known are {some}{more}"


def _text(cell: Any) -> str | None:
    return cell.strip() if isinstance(cell, str) else None


def _number(cell: Any) -> float | None:
    """Return the finite number that a cell holds, or None; no digits of other scripts, no `1_0`."""
    if isinstance(cell, str):
        if "_" in cell or not cell.isascii():
            return None
        try:
            cell = float(cell)
        except ValueError:
            return None
    if isinstance(cell, bool) or not isinstance(cell, int | float) or not math.isfinite(cell):
        return None
    return float(cell)
