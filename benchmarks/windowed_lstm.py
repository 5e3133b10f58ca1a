"""The recipe to be measured against: an LSTM on every overlapping window, from its description.

Processing: standard scaling, windows of 288 steps, the target being the window shifted by one step,
all of them as float64 arrays, stored as pickles; everything but the last three days trains.
Training: two LSTM layers of 255 units that return sequences, Dense(1), mean squared error, Adam,
batches of 256, one epoch. Two mistakes of the original are mended so that errors compare: the
scaler is that of the training side, and validation targets come from their own side.
"""

from __future__ import annotations

import csv
import pickle
import time
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

SEASON = 288
VALIDATION_DAYS = 3
UNITS = (255, 255)
BATCH = 256


def preprocess(source: Path, folder: Path) -> int:
    """Write the windows of both sides as pickles; return how many bytes that took."""
    with source.open(encoding="utf-8", newline="") as file:
        values = np.array([float(row[1] or "nan") for row in list(csv.reader(file))[1:]])
    places, known = np.arange(len(values)), ~np.isnan(values)
    values = np.interp(places, places[known], values[known])
    border = len(values) - VALIDATION_DAYS * SEASON
    train, validation = values[:border], values[border:]
    mean, scale = train.mean(), train.std()
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    for name, side in (("train", train), ("validation", validation)):
        path = folder / f"{name}.pkl"
        with path.open("wb") as file_out:
            pickle.dump(windows((side - mean) / scale), file_out)
        written += path.stat().st_size
    return written


def windows(values: Any) -> tuple[Any, Any]:
    """Return all windows and their targets, (samples, 288, 1)."""
    count = len(values) - SEASON
    inputs = np.array([values[at : at + SEASON, None] for at in range(count)])
    targets = np.array([values[at + 1 : at + SEASON + 1, None] for at in range(count)])
    return inputs, targets


def train(values: Any, seed: int) -> tuple[Any, dict[str, float]]:
    """Train for one epoch on scaled values; return the model, and seconds by what took them."""
    import keras  # noqa: PLC0415  in the image's environment only

    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((SEASON, 1)),
            *(keras.layers.LSTM(units, return_sequences=True) for units in UNITS),
            keras.layers.Dense(1),
        ]
    )
    model.compile(optimizer="adam", loss="mean_squared_error")
    inputs, targets = windows(values)
    order = np.random.default_rng(seed).permutation(len(inputs))
    seconds = {"tracing": 0.0, "training": 0.0}
    for low in range(0, len(inputs), BATCH):
        batch = order[low : low + BATCH]
        started = time.perf_counter()
        model.train_on_batch(inputs[batch], targets[batch])
        seconds["training" if low else "tracing"] += time.perf_counter() - started
    return model, seconds
