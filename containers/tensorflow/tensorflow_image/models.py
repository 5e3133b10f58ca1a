"""The SavedModels of a model's folder, and predictions by their signatures.

Sources: TensorFlow Serving, "RESTful API" (shapes and names of answers, ``b64`` and ``_bytes``);
layout as in the README of github.com/aws/sagemaker-tensorflow-serving-container.
"""

from __future__ import annotations

import base64
import binascii
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tensorflow_image.requests import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tensorflow_image.requests import Question, Target

FILE = "saved_model.pb"
SCRIPT = "inference.py"


class ModelError(Exception):
    """There is nothing here that can be served; the text says why."""


class Servable:
    """One version of a model."""

    def __init__(self, signatures: Mapping[str, Any]) -> None:
        """Take its signatures, as ``tf.saved_model.load`` gives them."""
        self._signatures = signatures

    def predict(self, question: Question) -> dict[str, Any]:
        """Answer with ``predictions`` a row, or ``outputs`` in columns; raises RequestError."""
        function = self._signatures.get(question.signature)
        if function is None:
            raise RequestError(f'Serving signature key "{question.signature}" not found.')
        wanted = function.structured_input_signature[1]
        # TensorFlow gives them in an order of its own, another in each process.
        columns = _columns(question, sorted(wanted))
        tensors = {name: _tensor(name, columns[name], spec) for name, spec in wanted.items()}
        outputs = _called(function, tensors)
        told = {name: _told(name, tensor.numpy()) for name, tensor in outputs.items()}
        if not question.by_row:
            return {"outputs": next(iter(told.values())) if len(told) == 1 else told}
        if len(told) == 1:
            return {"predictions": next(iter(told.values()))}
        rows = zip(*told.values(), strict=True)
        return {"predictions": [dict(zip(told, row, strict=True)) for row in rows]}


class Models:
    """All models of a folder by name, each with its versions."""

    def __init__(self, models: Mapping[str, Mapping[int, Servable]]) -> None:
        """Serve these; the first one is asked when a request names none."""
        self._models = models

    def find(self, target: Target) -> Servable:
        """Find what a request asks; the newest version by default. Raises RequestError."""
        name = target.model or next(iter(self._models))
        versions = self._models.get(name, {})
        wanted = f"Specific({name}, {target.version})" if target.version else f"Latest({name})"
        number = target.version or max(versions, default="")
        try:
            return versions[int(number)]
        except (KeyError, ValueError) as err:
            message = f"Servable not found for request: {wanted}"
            raise RequestError(message, HTTPStatus.NOT_FOUND) from err


def load(folder: Path, intra: int, inter: int) -> Models:
    """Load all SavedModels below a folder, with so many threads within and between operations.

    Raises:
        ModelError: there is none, or one that cannot be read; or one brings code of its own.
    """
    if (folder / "code" / SCRIPT).exists():
        raise ModelError(f"the model brings code/{SCRIPT}, which this image does not run")
    places = find(folder)
    if not places:
        raise ModelError(f"there is no <model>/<version>/{FILE} below {folder}")
    import tensorflow as tf  # noqa: PLC0415 - seconds, that a folder without a model need not cost

    tf.config.threading.set_intra_op_parallelism_threads(intra)
    tf.config.threading.set_inter_op_parallelism_threads(inter)
    try:
        return Models(
            {
                name: {
                    number: Servable(tf.saved_model.load(str(path)).signatures)
                    for number, path in versions.items()
                }
                for name, versions in places.items()
            }
        )
    except (OSError, ValueError, RuntimeError) as err:
        raise ModelError(f"a SavedModel cannot be loaded: {err}") from err


def find(folder: Path) -> dict[str, dict[int, Path]]:
    """Find SavedModels: the folders named by a number, under the name of the folder they are in."""
    found: dict[str, dict[int, Path]] = {}
    for file in sorted(folder.rglob(FILE)):
        version = file.parent
        if version.name.isascii() and version.name.isdigit():
            found.setdefault(version.parent.name, {})[int(version.name)] = version
    return found


def _columns(question: Question, names: list[str]) -> dict[str, Any]:
    """Give each input's values, however they were asked; raises RequestError."""
    values = question.values
    parts = values if question.by_row else [values]
    named = [isinstance(part, dict) and not _is_bytes(part) for part in parts]
    if not any(named):
        if len(names) != 1:
            raise RequestError(f"the model has the inputs {', '.join(names)}: name them")
        return {names[0]: values}
    if not all(named):
        raise RequestError("the elements of 'instances' must all be objects, or none")
    if wrong := {name for part in parts for name in part.keys() ^ set(names)}:
        raise RequestError(
            f"the inputs are {', '.join(names)}; missing or unknown: {', '.join(sorted(wrong))}"
        )
    return {name: [row[name] for row in values] for name in names} if question.by_row else values


def _tensor(name: str, values: Any, spec: Any) -> Any:
    import numpy as np  # noqa: PLC0415 - is there once TensorFlow is
    import tensorflow as tf  # noqa: PLC0415

    is_text = spec.dtype == tf.string
    try:
        array = np.asarray(_decoded(values), dtype=object if is_text else spec.dtype.as_numpy_dtype)
        tensor = tf.constant(array, dtype=spec.dtype)
    except (TypeError, ValueError, binascii.Error) as err:
        raise RequestError(
            f"input {name}: not values of the type {spec.dtype.name}: {err}"
        ) from err
    if not spec.shape.is_compatible_with(tensor.shape):
        raise RequestError(f"input {name}: has the shape {tensor.shape}, expected is {spec.shape}")
    return tensor


def _called(function: Callable[..., Any], tensors: Mapping[str, Any]) -> Mapping[str, Any]:
    import tensorflow as tf  # noqa: PLC0415

    try:
        outputs: Mapping[str, Any] = function(**tensors)
    except tf.errors.OpError as err:
        raise RequestError(str(err.message)) from err
    return outputs


def _is_bytes(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"b64"}


def _decoded(value: Any) -> Any:
    if _is_bytes(value):
        return base64.b64decode(value["b64"], validate=True)
    return [_decoded(part) for part in value] if isinstance(value, list) else value


def _told(name: str, array: Any) -> Any:
    """Give a tensor as JSON: floats with nine digits, bytes as text, or as Base64 when named so."""
    import numpy as np  # noqa: PLC0415

    if array.dtype == object:
        return _texts(array.tolist(), as_base64=name.endswith("_bytes"))
    if array.dtype.kind in "fV" and array.dtype != np.float64:  # half precisions too
        array = np.char.mod("%.9g", array.astype(np.float32)).astype(np.float64)
    return array.tolist()


def _texts(value: Any, *, as_base64: bool) -> Any:
    if isinstance(value, list):
        return [_texts(part, as_base64=as_base64) for part in value]
    if as_base64:
        return {"b64": base64.b64encode(value).decode()}
    return value.decode(errors="replace")
