"""The two networks, what each learns from a window, and the forecast that serves.

Both forecast raw values from raw values: scaling is inside the graph, so that TensorFlow Serving
alone answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import keras
import numpy as np
import tensorflow as tf
from forecast_parameters import SEQUENCE, Parameters

from dropforge_jobs.level import Level, between_knots, knots

if TYPE_CHECKING:
    from dropforge_jobs.series_store import Scaler
    from dropforge_jobs.windows import Windows

_LEAST = 1e-12


class Network(Protocol):
    """What training needs of a network."""

    model: keras.Model
    horizon: int  # how many values after its inputs a training window has

    def batch(self, window: Any) -> tuple[Any, Any]:
        """Return inputs and targets of the model for windows of raw values."""

    def validate(self, windows: Windows, size: int) -> float:
        """Return the loss on windows that nothing is learned from."""

    def extras(self) -> list[Any]:
        """Return what besides the weights makes the forecast, to be kept with them."""

    def restore(self, extras: list[Any]) -> None:
        """Take back what `extras` gave."""

    def forecast(self, values: Any) -> Any:
        """Return a season of raw values for raw values (any, input_dim); runs in a graph."""


def build(given: Parameters, windows: Windows, scaler: Scaler) -> Network:
    """Build the network that is asked for; `windows` are those to train on, of a season ahead."""
    keras.utils.set_random_seed(given.seed)
    kind = Sequence if given.network == SEQUENCE else Direct
    return kind(given, windows, scaler)


def _compile(model: keras.Model, given: Parameters) -> None:
    config = {"class_name": given.optimizer, "config": {"learning_rate": given.learning_rate}}
    model.compile(optimizer=keras.optimizers.get(config), loss=given.loss_fnc)


class Direct:
    """Forecasts what the level-corrected naive forecast leaves, at all knots at once.

    An LSTM reads the window in patches, relative to its last value, and says how far off each knot
    is, in units of the spread there: so near and far knots count alike. A knot's correction is
    shrunk to what it is worth on the validation days, down to nothing.
    """

    def __init__(self, given: Parameters, windows: Windows, scaler: Scaler) -> None:
        """Build it; the level-corrected forecast is fitted on the training windows."""
        self.horizon = windows.horizon
        self._scaler = scaler
        self._level = Level.fit(windows, scaler.mean, scaler.scale)
        steps = knots(self.horizon, given.patch)
        self._places = np.array(steps) - 1
        self._lines = between_knots(steps, self.horizon)
        self._spread = self._level.spread[self._places]
        self._shrink = np.ones(len(steps), np.float32)
        inputs = keras.Input((given.input_dim,))
        patches = (given.input_dim // given.patch, given.patch)
        flow = keras.layers.Reshape(patches)(inputs - inputs[:, -1:])
        for place, units in enumerate(given.units):
            flow = keras.layers.LSTM(units, return_sequences=place + 1 < len(given.units))(flow)
        output = keras.layers.Dense(len(steps), kernel_initializer="zeros")(flow)
        self.model = keras.Model(inputs, output)
        _compile(self.model, given)
        self._loss = keras.losses.get(given.loss_fnc)

    def batch(self, window: Any) -> tuple[Any, Any]:
        """Return scaled inputs, and how far off the level-corrected forecast is at each knot."""
        scaled = (window - np.float32(self._scaler.mean)) / np.float32(self._scaler.scale)
        inputs, after = scaled[:, : -self.horizon], scaled[:, -self.horizon :]
        off = (after - self._level.forecast(inputs))[:, self._places]
        return inputs, off / self._spread

    def validate(self, windows: Windows, size: int) -> float:
        """Find how much each knot's correction is worth, and return the loss with that."""
        pairs = [self.batch(window) for window in windows.batches(size)]
        said = np.concatenate([self.model.predict_on_batch(inputs) for inputs, _ in pairs])
        true = np.concatenate([target for _, target in pairs])
        worth = (said * true).sum(axis=0) / ((said**2).sum(axis=0) + _LEAST)
        self._shrink = np.clip(worth, 0, 1).astype(np.float32)
        return float(np.mean(self._loss(true, said * self._shrink)))

    def extras(self) -> list[Any]:
        """Return the shrinkage."""
        return [self._shrink]

    def restore(self, extras: list[Any]) -> None:
        """Take it back."""
        (self._shrink,) = extras

    def forecast(self, values: Any) -> Any:
        """Return the next season of raw values."""
        scaled = (values - self._scaler.mean) / self._scaler.scale
        knot = self.model(scaled) * (self._shrink * self._spread)
        ahead = self._level.forecast(scaled) + tf.matmul(knot, self._lines)
        return ahead * self._scaler.scale + self._scaler.mean


class Sequence:
    """Stacked LSTM layers over single values that say the next one at every place of a window.

    A season is forecast by feeding back what it says, with the layers' states kept.
    """

    def __init__(self, given: Parameters, windows: Windows, scaler: Scaler) -> None:
        """Build it."""
        self.horizon = 1
        self._ahead = windows.horizon
        self._scaler = scaler
        self._layers = [
            keras.layers.LSTM(units, return_sequences=True, return_state=True)
            for units in given.units
        ]
        self._dense = keras.layers.Dense(1)
        inputs = keras.Input((given.input_dim, 1))
        flow = inputs
        for layer in self._layers:
            flow, *_ = layer(flow)
        self.model = keras.Model(inputs, self._dense(flow))
        _compile(self.model, given)

    def batch(self, window: Any) -> tuple[Any, Any]:
        """Return the scaled window, and the same shifted by one step."""
        scaled = (window - np.float32(self._scaler.mean)) / np.float32(self._scaler.scale)
        return scaled[:, :-1, None], scaled[:, 1:, None]

    def validate(self, windows: Windows, size: int) -> float:
        """Return the mean loss of all places of all windows."""
        losses, counts = [], []
        for window in windows.batches(size):
            losses.append(float(self.model.test_on_batch(*self.batch(window))))
            counts.append(len(window))
            self.model.reset_metrics()
        return float(np.average(losses, weights=counts))

    def extras(self) -> list[Any]:
        """Return nothing: the weights are all."""
        return []

    def restore(self, extras: list[Any]) -> None:
        """Take back nothing."""

    def forecast(self, values: Any) -> Any:
        """Return the next season of raw values."""
        flow = ((values - self._scaler.mean) / self._scaler.scale)[:, :, None]
        states = []
        for layer in self._layers:
            flow, *state = layer(flow)
            states.append(state)
        first = self._dense(flow[:, -1])
        said = tf.TensorArray(tf.float32, size=self._ahead, element_shape=(None, 1))
        said = said.write(0, first)

        def step(at: Any, value: Any, states: Any, said: Any) -> Any:
            flow, after = value[:, None, :], []
            for layer, state in zip(self._layers, states):  # noqa: B905
                flow, *state_after = layer(flow, initial_state=state)
                after.append(state_after)
            value = self._dense(flow[:, -1])
            return at + 1, value, after, said.write(at, value)

        *_, said = tf.while_loop(
            lambda at, *_: at < self._ahead, step, (tf.constant(1), first, states, said)
        )
        ahead = tf.transpose(said.stack()[:, :, 0])
        return ahead * self._scaler.scale + self._scaler.mean


class Served(tf.Module):  # type: ignore[misc]  # it is Any: TensorFlow is in its image only
    """A network as TensorFlow Serving answers with it: `instances` in, `predictions` out."""

    def __init__(self, network: Network, input_dim: int) -> None:
        """Fix the signature: raw values, (any, input_dim)."""
        super().__init__()
        self._model = network.model  # tracked, with its variables
        signature = tf.TensorSpec((None, input_dim), tf.float32, name="values")
        self.serve = tf.function(
            lambda values: {"predictions": network.forecast(values)}, input_signature=[signature]
        )


def export(network: Network, input_dim: int, folder: str) -> None:
    """Write a SavedModel."""
    served = Served(network, input_dim)
    tf.saved_model.save(served, folder, signatures={"serving_default": served.serve})
