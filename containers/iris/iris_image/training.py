"""Training: SageMaker's container contract around fitting one decision tree.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
"""

from __future__ import annotations

import json
import logging
import os
import platform
import signal
import sys
import traceback
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from iris_image import model
from iris_image.parameters import ParameterError, cast_parameters
from iris_image.rows import RowError, labelled_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

METADATA = "metadata.json"
CHANNEL = "train"
STOPPED = 128 + signal.SIGTERM
FAILURE_CHARACTERS = 1024  # what DescribeTrainingJob returns of FailureReason

logger = logging.getLogger(__name__)


class TrainingError(Exception):
    """The data or the job's configuration is at fault; the text is one sentence for the user."""


def main() -> int:
    """Train as SageMaker asks, below SAGEMAKER_BASE_DIR (default /opt/ml).

    SIGTERM (StopTrainingJob) ends the process at once, with the exit status 143.

    Returns:
        0 when the model is written; 1 when training failed, the reason being in output/failure.
    """
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
    signal.signal(signal.SIGTERM, _stop)
    base = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
    try:
        parameters = cast_parameters(_read(base, "hyperparameters"))
        _check_configuration(_read(base, "inputdataconfig"), _read(base, "resourceconfig"))
        logger.info("hyperparameters: %s", json.dumps(parameters))
        train(base / "input" / "data" / CHANNEL, base / "model", parameters)
    except (ParameterError, RowError, TrainingError) as error:
        return _failed(base, str(error))
    except Exception as error:  # noqa: BLE001  whatever it is, SageMaker is to show it
        return _failed(base, f"{type(error).__name__}: {error}")
    return 0


def train(data_dir: Path, model_dir: Path, parameters: Mapping[str, Any]) -> None:
    """Fit a decision tree to the CSV files of a folder (label first, no header) and save it.

    Writes model.json and metadata.json into `model_dir` and logs the accuracy on the training data.

    Raises:
        TrainingError: there is nothing to learn from.
        RowError: a row cannot be used.
        ValueError: scikit-learn refuses the parameters.
    """
    labels, rows = labelled_rows(sorted(path for path in data_dir.rglob("*.csv") if path.is_file()))
    if not rows:
        raise TrainingError(f"the channel {data_dir.name} holds no row in any .csv file")
    classes = Counter(labels)
    if len(classes) == 1:
        raise TrainingError(
            f"every row has the label {labels[0]!r}: there is nothing to tell apart"
        )
    tree = fit(labels, rows, parameters)
    predicted = tree.predict(rows)  # by the code that will serve it
    hits = sum(label == guess for label, guess in zip(labels, predicted, strict=True))
    logger.info("train:rows=%d;", len(rows))
    logger.info("train:accuracy=%.6f;", hits / len(rows))
    model_dir.mkdir(parents=True, exist_ok=True)
    metadata = _metadata(tree, classes, parameters, hits / len(rows))
    (model_dir / METADATA).write_text(json.dumps(metadata, indent=2) + "\n", encoding="utf-8")
    model.save(tree, model_dir)  # last: a model that is there is complete


def fit(labels: list[str], rows: list[list[float]], parameters: Mapping[str, Any]) -> model.Tree:
    """Fit a decision tree with scikit-learn and return it as plain data."""
    # Imported here: it takes two seconds, and bad hyperparameters or data need not wait for it.
    from sklearn.tree import DecisionTreeClassifier  # noqa: PLC0415

    fitted = DecisionTreeClassifier(**parameters).fit(rows, labels)
    nodes = fitted.tree_
    leaf = nodes.children_left < 0
    return model.Tree(
        classes=fitted.classes_.tolist(),
        features=fitted.n_features_in_,
        feature=[
            model.LEAF if end else f for end, f in zip(leaf, nodes.feature.tolist(), strict=True)
        ],
        threshold=nodes.threshold.tolist(),
        left=nodes.children_left.tolist(),
        right=nodes.children_right.tolist(),
        label=nodes.value[:, 0, :].argmax(axis=1).tolist(),
    )


def _metadata(
    tree: model.Tree, classes: Counter[str], parameters: Mapping[str, Any], accuracy: float
) -> dict[str, Any]:
    import numpy as np  # noqa: PLC0415  only training has it loaded
    import sklearn  # noqa: PLC0415

    return {
        "classes": dict(sorted(classes.items())),
        "features": tree.features,
        "rows": classes.total(),
        "leaves": tree.feature.count(model.LEAF),
        "training_accuracy": accuracy,
        "hyperparameters": dict(parameters),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
        },
    }


def _read(base: Path, name: str) -> dict[str, Any]:
    """Read one of the job's configuration files; SageMaker always writes all three."""
    path = base / "input" / "config" / f"{name}.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"the configuration {path.name} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise TrainingError(f"the configuration {path.name} is no JSON object")
    return document


def _check_configuration(channels: Mapping[str, Any], resources: Mapping[str, Any]) -> None:
    """Refuse what this image does not do, rather than train on something else than was meant."""
    if CHANNEL not in channels:
        raise TrainingError(f"there is no channel {CHANNEL!r}, only {sorted(channels)}")
    mode = channels[CHANNEL].get("TrainingInputMode", "File")
    if mode == "Pipe":
        raise TrainingError("this image reads files: TrainingInputMode Pipe is not supported")
    hosts = resources.get("hosts", [])
    if len(hosts) > 1:
        raise TrainingError(f"this image trains on one instance, and the job has {len(hosts)}")


def _stop(_signal: int, _frame: object) -> NoReturn:
    # At once, past any `except` on the way: no library can take it for an error of its own.
    os.write(sys.stderr.fileno(), b"stopped by SIGTERM\n")
    os._exit(STOPPED)


def _failed(base: Path, reason: str) -> int:
    traceback.print_exc()
    failure = base / "output" / "failure"
    failure.parent.mkdir(parents=True, exist_ok=True)
    failure.write_text(reason[:FAILURE_CHARACTERS], encoding="utf-8")
    return 1
