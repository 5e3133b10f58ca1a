"""Small trainings in the image's environment, all in one process, for TensorFlow loads slowly.

    python training_scenarios.py FOLDER

FOLDER has train/, validation/ and holdout/ as preprocess.py writes them, of a season of 24 steps.
What came of each scenario is printed as JSON.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import tarfile
from pathlib import Path
from typing import Any

import forecast_networks
import numpy as np
import tensorflow as tf
from forecast_parameters import Parameters

from dropforge_jobs.facts import RunFacts
from dropforge_jobs.jobs import JobError
from dropforge_jobs.paths import JobPaths
from pipelines.temperature_forecast import evaluate
from pipelines.temperature_forecast.train import Interrupted, Places, Training, train

FOLDER = Path(sys.argv[1])
SEASON = 24
SMALL = {"input_dim": SEASON, "patch": 4, "hidden_nums": "5", "batch_size": 16, "epoch_num": 4}


class Log(logging.Handler):
    """Keeps what the script logs."""

    def __init__(self) -> None:
        """Begin without a line."""
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.lines.append(record.getMessage())


class Batches:
    """Counts batches, and sends this process SIGTERM at some of them, as SageMaker would."""

    def __init__(self) -> None:
        """Begin at none."""
        self.count = 0
        self.interrupting: set[int] = set()
        self._batch = forecast_networks.Direct.batch

    def __call__(self, network: Any, window: Any) -> Any:
        """Stand for `Direct.batch`."""
        self.count += 1
        if self.count in self.interrupting:
            os.kill(os.getpid(), signal.SIGTERM)
        return self._batch(network, window)


def places(name: str) -> Places:
    """Return a job's folders."""
    own = FOLDER / name
    return Places(
        FOLDER / "train", FOLDER / "validation", own / "model", own / "output", own / "checkpoints"
    )


def until_the_end(name: str, *, spoil: bool = False) -> dict[str, Any]:
    """Start the same job again until it is not interrupted any more."""
    log.lines.clear()
    interrupted = 0
    while True:
        try:
            history = train(Parameters(**SMALL), places(name)).progress.history
            return {"interrupted": interrupted, "history": history, "log": list(log.lines)}
        except Interrupted:
            interrupted += 1
            newest = max((FOLDER / name / "checkpoints").iterdir())
            if spoil:
                newest.write_bytes(newest.read_bytes()[:-100])


def weights(name: str) -> list[float]:
    """Return what a job's SavedModel forecasts from one window."""
    window = np.linspace(0, 5, SEASON, dtype=np.float32)[None]
    model = evaluate.load_model(str(FOLDER / name / "model" / "1"))
    return [float(value) for value in model.answer(window)[0]]


def sequence() -> dict[str, Any]:
    """Train the plain LSTM, and feed back by hand what it says."""
    given = Parameters(**{**SMALL, "network": "sequence", "hidden_nums": "4,3", "epoch_num": 1})
    training = train(given, places("sequence"))
    network, scaler = training.network, training.windows.series.scaler
    window = np.linspace(0, 5, SEASON, dtype=np.float32)
    said = weights("sequence")
    flow = (window - scaler.mean) / scaler.scale
    by_hand = []
    for _ in range(3):
        out = flow[None, :, None]
        for layer in network.model.layers[1:-1]:
            out, *_ = layer(out)
        flow = np.append(flow, network.model.layers[-1](out).numpy()[0, -1, 0])
        by_hand.append(float(flow[-1] * scaler.scale + scaler.mean))
    return {"said": said, "by_hand": by_hand, "history": training.progress.history}


def judged() -> dict[str, Any]:
    """Evaluate one model against another, as the job does, from the archives."""
    paths = JobPaths(FOLDER / "evaluation")
    for name, job in (("model", "whole"), ("champion", "sequence")):
        paths.input(name).mkdir(parents=True)
        with tarfile.open(paths.input(name) / evaluate.ARCHIVE, "w:gz") as tar:
            tar.add(FOLDER / job / "model", ".")
    (FOLDER / "holdout").rename(paths.input("holdout"))
    profile = {"time_split": dict.fromkeys(("validation_from", "holdout_from", "until"), 0)}
    facts = RunFacts(
        run_id="new",
        champion_run_id="old",
        metric="relative_mae_day_ahead",
        higher_is_better=False,
        profile={"rows": 7},
        champion_profile=profile,
    )
    document = evaluate.evaluate(paths, facts, every=1).document
    (paths.input("model") / evaluate.ARCHIVE).write_bytes(b"no archive")
    try:
        evaluate.evaluate(paths, facts, every=1)
    except JobError as error:
        return {**document, "broken": str(error)}
    return document


def refused() -> dict[str, str]:
    """Ask for what cannot be."""
    found = {}
    for name, value in (("input_dim", 12), ("learning_rate", 1e38)):
        try:
            train(Parameters(**{**SMALL, name: value}), places(f"refused-{name}"))
        except JobError as error:
            found[name] = str(error)
    return found


log = Log()
logging.getLogger().addHandler(log)
logging.getLogger().setLevel(logging.INFO)
tf.config.threading.set_intra_op_parallelism_threads(1)  # the same sums each time
batches = Batches()
# A function, for an object would not be bound to the network.
forecast_networks.Direct.batch = lambda self, window: batches(self, window)  # noqa: PLW0108

results: dict[str, Any] = {"whole": until_the_end("whole")}
results["whole"]["batches"] = batches.count
total = batches.count
batches.count, batches.interrupting = 0, {total // 9, total // 3, total * 2 // 3}
results["three"] = until_the_end("three")
batches.count, batches.interrupting = 0, {total // 2}
results["half"] = until_the_end("half", spoil=True)
batches.interrupting = set()
results["forecasts"] = {name: weights(name) for name in ("whole", "three", "half")}
results["sequence"] = sequence()
results["judged"] = judged()
results["refused"] = refused()
results["again"] = Training(Parameters(**SMALL), places("whole")).progress.epoch
sys.stdout.write(json.dumps(results))
