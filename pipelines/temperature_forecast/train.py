"""Train a forecaster: script mode of SageMaker's TensorFlow image.

Channels `train` and `validation` are what preprocess.py wrote. The SavedModel goes to
<model_dir>/1; checkpoints to /opt/ml/checkpoints after each epoch, and at once on SIGTERM, so that
an interrupted spot job goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecast_parameters import Parameters

from dropforge_jobs.checkpoints import Checkpoint, load, save
from dropforge_jobs.jobs import STOPPED, JobError
from dropforge_jobs.series_store import META, VALUES, read_series
from dropforge_jobs.windows import Windows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from forecast_networks import Network

# After SIGTERM the machine stays for two minutes, in which checkpoints are copied to S3.
_SYNC_SECONDS = 10
_VERSION = "1"  # TensorFlow Serving's number of the model

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Places:
    """Where the job finds and leaves its files."""

    train: Path
    validation: Path
    model: Path
    output: Path
    checkpoints: Path

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Places:
        """Take them from script mode's variables; JobError when one is missing."""
        base = Path(environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
        names = ("SM_CHANNEL_TRAIN", "SM_CHANNEL_VALIDATION", "SM_MODEL_DIR")
        missing = [name for name in names if not environ.get(name)]
        if missing:
            raise JobError(f"{', '.join(missing)} must be set: this is a script-mode training")
        output = environ.get("SM_OUTPUT_DATA_DIR", str(base / "output" / "data"))
        channel, validation, model = (Path(environ[name]) for name in names)
        return cls(channel, validation, model, Path(output), base / "checkpoints")


@dataclass
class Progress:
    """How far a training is; what a checkpoint keeps besides arrays.

    Attributes:
        epoch: how many epochs are done.
        batch: how many batches of the next one are done.
        loss: the sum of the losses of these batches.
        history: loss and validation loss of each epoch.
        best: the number of the best epoch, from 1; 0 before there is one.
    """

    epoch: int = 0
    batch: int = 0
    loss: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    best: int = 0


class Interrupted(Exception):  # noqa: N818  it is no error
    """SIGTERM came, and a checkpoint was written."""


class Training:
    """One training, from its first batch or from its last checkpoint."""

    def __init__(self, given: Parameters, places: Places) -> None:
        """Read the data, build the network, and take up the last checkpoint if there is one."""
        started = time.perf_counter()
        import forecast_networks as networks  # noqa: PLC0415  TensorFlow takes seconds to import, and wrong use none

        self.seconds = {"imports": time.perf_counter() - started, "tracing": 0.0, "training": 0.0}
        self.given, self.places = given, places
        series, validation = (read_series(each) for each in (places.train, places.validation))
        season = series.season
        if given.input_dim < season:
            raise JobError(f"input_dim {given.input_dim} is less than the season of {season} steps")
        whole = Windows(series, given.input_dim, season, given.stride)
        self._fingerprint = _fingerprint(given, places)
        self.network: Network = networks.build(given, whole, series.scaler)
        self.windows = Windows(series, given.input_dim, self.network.horizon, given.stride)
        self.validation = Windows(validation, given.input_dim, self.network.horizon, given.stride)
        if not len(self.windows) or not len(self.validation):
            raise JobError(
                f"a side has no window of {given.input_dim} values and those that follow:"
                f" {len(self.windows)} to train on, {len(self.validation)} to validate"
            )
        self.progress = Progress()
        self._best: list[Any] = []
        self._interrupted = False
        self._optimizer = self.network.model.optimizer
        self._optimizer.build(self.network.model.trainable_variables)
        self._resume()

    def interrupt(self, *_: object) -> None:
        """Stop after this batch, with a checkpoint (a signal handler)."""
        self._interrupted = True

    def run(self) -> Network:
        """Train to the end; return the network as it was after its best epoch.

        Raises:
            Interrupted: SIGTERM came.
        """
        while self.progress.epoch < self.given.epoch_num and not self._exhausted():
            self._epoch()
        self._take(self._best)
        return self.network

    def _epoch(self) -> None:
        progress, epoch = self.progress, self.progress.epoch
        size = self.given.batch_size
        for window in self.windows.batches(size, (self.given.seed, epoch), progress.batch):
            before = time.perf_counter()
            loss = float(self.network.model.train_on_batch(*self.network.batch(window)))
            self.network.model.reset_metrics()
            spent = "training" if self.seconds["tracing"] else "tracing"  # the first one traces
            self.seconds[spent] += time.perf_counter() - before
            progress.batch += 1
            progress.loss += loss
            if not math.isfinite(loss):
                raise JobError(f"the loss is {loss} in epoch {epoch + 1}: a lower learning_rate?")
            if self._interrupted:
                self._save()
                raise Interrupted
        loss = progress.loss / progress.batch
        found = self.network.validate(self.validation, size)
        progress.history.append({"loss": loss, "val_loss": found})
        progress.epoch, progress.batch, progress.loss = epoch + 1, 0, 0.0
        if not progress.best or found < progress.history[progress.best - 1]["val_loss"]:
            progress.best = progress.epoch
            self._best = self._weights()
        logger.info(
            "epoch=%d/%d loss=%.5f val_loss=%.5f;",
            progress.epoch,
            self.given.epoch_num,
            loss,
            found,
        )
        self._save()
        if self._interrupted:
            raise Interrupted

    def _exhausted(self) -> bool:
        """Whether the validation error has not become better for too long."""
        waited = self.progress.epoch - self.progress.best
        patience: int = self.given.patience
        return 0 < patience <= waited

    def _weights(self) -> list[Any]:
        return [*self.network.model.get_weights(), *self.network.extras()]

    def _take(self, weights: list[Any]) -> None:
        count = len(self.network.model.weights)
        self.network.model.set_weights(weights[:count])
        self.network.restore(list(weights[count:]))

    def _save(self) -> None:
        now = self._weights()
        moments = [np_value(each) for each in self._optimizer.variables]
        state = {
            "fingerprint": self._fingerprint,
            "progress": vars(self.progress),
            "now": len(now),
            "best": len(self._best),
        }
        per_epoch = math.ceil(len(self.windows) / self.given.batch_size)
        step = self.progress.epoch * per_epoch + self.progress.batch
        save(self.places.checkpoints, Checkpoint(step, state, [*now, *self._best, *moments]))

    def _resume(self) -> None:
        found = load(self.places.checkpoints, self._fingerprint)
        if found is None:
            return
        now, best = found.state["now"], found.state["now"] + found.state["best"]
        self._take(list(found.arrays[:now]))
        self._best = list(found.arrays[now:best])
        for variable, value in zip(self._optimizer.variables, found.arrays[best:]):  # noqa: B905
            variable.assign(value)
        self.progress = Progress(**found.state["progress"])
        done = self.progress
        logger.info("resumed after epoch %d, batch %d", done.epoch, done.batch)


def np_value(variable: Any) -> Any:
    """Return a variable's value as an array."""
    return variable.numpy()


def train(given: Parameters, places: Places) -> Training:
    """Train, and write the SavedModel and training.json.

    Raises:
        JobError: data or hyperparameters are at fault.
        Interrupted: SIGTERM came.
    """
    training = Training(given, places)
    signal.signal(signal.SIGTERM, training.interrupt)
    network = training.run()
    from forecast_networks import export  # noqa: PLC0415

    export(network, given.input_dim, str(places.model / _VERSION))
    document = {
        "parameters": given.document(),
        "history": training.progress.history,
        "best_epoch": training.progress.best,
        "seconds": training.seconds,
    }
    places.output.mkdir(parents=True, exist_ok=True)
    (places.output / "training.json").write_text(json.dumps(document, indent=2), encoding="utf-8")
    spent = {name: round(value, 2) for name, value in training.seconds.items()}
    logger.info("best epoch %d; seconds: %s", training.progress.best, spent)
    return training


def _fingerprint(given: Parameters, places: Places) -> str:
    """Return a hash of the parameters and the data: a checkpoint of others is of no use."""
    digest = hashlib.sha256(json.dumps(given.document(), sort_keys=True).encode())
    for folder in (places.train, places.validation):
        for name in (META, VALUES):
            with (folder / name).open("rb") as file:
                while chunk := file.read(1 << 20):
                    digest.update(chunk)
    return digest.hexdigest()


def main() -> int:
    """Run the job; the exit status is 0, 1 for a failure, 143 when it was interrupted."""
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s", force=True)
    try:
        train(Parameters.parse(sys.argv[1:]), Places.from_environment(os.environ))
    except Interrupted:
        logger.info("interrupted: a checkpoint is kept")
        time.sleep(_SYNC_SECONDS)
        return STOPPED
    except JobError as error:
        return _failed(str(error))
    except Exception as error:  # noqa: BLE001  whatever it is, SageMaker is to show it
        traceback.print_exc()
        return _failed(f"{type(error).__name__}: {error}")
    return 0


def _failed(reason: str) -> int:
    failure = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "output" / "failure"
    failure.parent.mkdir(parents=True, exist_ok=True)
    failure.write_text(reason[:1024], encoding="utf-8")
    sys.stderr.write(f"{reason}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
