"""Training: AWS's contract for its XGBoost algorithm around `xgboost.train`.

https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost.html
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from xgboost_image.data import DataError, check_classes, read_channel
from xgboost_image.hyperparameters import HyperparameterError, cast_hyperparameters

if TYPE_CHECKING:
    from collections.abc import Mapping

MODEL = "xgboost-model"
TRAIN, VALIDATION = "train", "validation"
STOPPED = 128 + signal.SIGTERM
FAILURE_CHARACTERS = 1024  # what DescribeTrainingJob returns of FailureReason

logger = logging.getLogger(__name__)


class ConfigurationError(Exception):
    """The job's configuration asks for what this image does not do; the text is one sentence."""


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
        hyperparameters = cast_hyperparameters(_read(base, "hyperparameters"))
        channels = _read(base, "inputdataconfig")
        _check_configuration(channels, _read(base, "resourceconfig"))
        data = base / "input" / "data"
        validation = data / VALIDATION if VALIDATION in channels else None
        train(data / TRAIN, validation, base / "model", hyperparameters)
    except (HyperparameterError, DataError, ConfigurationError) as error:
        return _failed(base, f"Customer Error: {error}")
    except Exception as error:  # noqa: BLE001  whatever it is, SageMaker is to show it
        return _failed(base, f"Algorithm Error: {type(error).__name__}: {error}")
    return 0


def train(
    train_dir: Path, validation_dir: Path | None, model_dir: Path, parameters: Mapping[str, Any]
) -> None:
    """Train on the CSV files of a folder (label first, no header) and save the best round's model.

    Args:
        train_dir: the rows to learn from.
        validation_dir: the rows that early stopping looks at; None without them.
        model_dir: gets `xgboost-model`, in XGBoost's own format.
        parameters: as `cast_hyperparameters` returns them.

    Raises:
        DataError: a channel cannot be used.
        ConfigurationError: early stopping has no validation channel.
    """
    # Imported here: bad hyperparameters need not wait for it.
    import xgboost  # noqa: PLC0415

    from xgboost_image.log import RoundLog  # noqa: PLC0415

    options = dict(parameters)
    rounds, patience = options.pop("num_round"), options.pop("early_stopping_rounds", None)
    options.pop("csv_weights", None)
    if patience and not validation_dir:
        raise ConfigurationError(
            "early_stopping_rounds looks at the channel validation, which the job has not."
        )
    folders = {TRAIN: train_dir, **({VALIDATION: validation_dir} if validation_dir else {})}
    matrices = {}
    for name, folder in folders.items():
        features, labels = read_channel(folder)
        if "num_class" in options:
            check_classes(labels, options["num_class"], name)
        matrices[name] = xgboost.DMatrix(features, labels)
        logger.info("%s matrix has %d rows and %d columns", name.title(), *features.shape)
    callbacks: list[xgboost.callback.TrainingCallback] = [RoundLog()]
    if patience:
        callbacks.append(
            xgboost.callback.EarlyStopping(rounds=patience, data_name=VALIDATION, save_best=True)
        )
    booster = xgboost.train(
        options,
        matrices[TRAIN],
        rounds,
        evals=[(matrix, name) for name, matrix in matrices.items()],
        callbacks=callbacks,
        verbose_eval=False,
    )
    model_dir.mkdir(parents=True, exist_ok=True)
    unfinished = model_dir / f".{MODEL}"
    unfinished.write_bytes(booster.save_raw("ubj"))
    unfinished.replace(model_dir / MODEL)  # at once or not at all


def _read(base: Path, name: str) -> dict[str, Any]:
    """Read one of the job's configuration files; SageMaker always writes all three."""
    path = base / "input" / "config" / f"{name}.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path.name} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path.name} is no JSON object")
    return document


def _check_configuration(channels: Mapping[str, Any], resources: Mapping[str, Any]) -> None:
    """Refuse what this image does not do, rather than train on something else than was meant."""
    if TRAIN not in channels:
        raise ConfigurationError(f"Missing required channel: {TRAIN}, there is {sorted(channels)}.")
    for name, channel in channels.items():
        if name not in (TRAIN, VALIDATION):
            raise ConfigurationError(f"Extraneous channel found: {name}.")
        kind = channel.get("ContentType", "text/csv").partition(";")[0].strip().lower()
        if kind not in ("text/csv", "csv"):
            raise ConfigurationError(f"The channel {name} is {kind}; here only text/csv is read.")
        if channel.get("TrainingInputMode", "File") == "Pipe":
            raise ConfigurationError(f"The channel {name} is a pipe; here only files are read.")
    hosts = resources.get("hosts", [])
    if len(hosts) > 1:
        raise ConfigurationError(f"The job has {len(hosts)} instances; here one trains.")


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
