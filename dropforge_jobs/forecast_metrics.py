"""How good forecasts are, from sums per day: so whole days can be drawn anew for an interval.

Errors of forecasts that begin an hour apart are nearly the same error, so a day, and not a
forecast, is the unit that is independent of others, and even days are so only roughly: a forecast
from the afternoon reaches into the next day. An interval from seven days is a wide one.

`mase_day_ahead` is the mean absolute scaled error: Hyndman and Koehler, "Another look at measures
of forecast accuracy", International Journal of Forecasting 22 (2006).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from dropforge_jobs.bootstrap import bootstrap
from dropforge_jobs.comparison import Comparison
from dropforge_jobs.jobs import JobError
from dropforge_jobs.power import smallest_difference

if TYPE_CHECKING:
    from collections.abc import Callable

METRICS = (
    "mae_one_step",
    "mae_day_ahead",
    "rmse_day_ahead",
    "mase_day_ahead",
    "relative_mae_day_ahead",
    "relative_mae_one_step",
)
_SUMS = ("absolute", "squares", "values", "naive", "one", "ones", "persistence", "true", "true2")


@dataclass(frozen=True)
class Truth:
    """What really came, for each forecast, and what needs no model to forecast it.

    Attributes:
        times: when the first value of each day-ahead forecast is, as a position on the grid.
        after: the values that came, (forecasts, steps ahead).
        naive: the season before, of the same shape.
        one_times: the same for forecasts of one step.
        one_after: the value that came, (forecasts,).
        one_before: the value before it.
        season: steps of a season, here called a day.
        training_error: the mean absolute error of the naive forecast on the training days.
    """

    times: Any
    after: Any
    naive: Any
    one_times: Any
    one_after: Any
    one_before: Any
    season: int
    training_error: float

    def sums(self, ahead: Any, one: Any) -> Any:
        """Return the sums of each day, as the metrics need them.

        Args:
            ahead: a model's day-ahead forecasts, shaped as `after`.
            one: its forecasts of one step, shaped as `one_after`.

        Raises:
            JobError: they have another shape, or are no finite numbers.
        """
        if ahead.shape != self.after.shape or one.shape != self.one_after.shape:
            raise JobError(f"it forecasts {ahead.shape} and {one.shape}, not {self.after.shape}")
        if not (np.isfinite(ahead).all() and np.isfinite(one).all()):
            raise JobError("it forecasts values that are no finite numbers")
        off = ahead - self.after
        columns = {
            "absolute": np.abs(off).sum(axis=1),
            "squares": (off**2).sum(axis=1),
            "values": np.full(len(off), off.shape[1]),
            "naive": np.abs(self.naive - self.after).sum(axis=1),
            "true": self.after.sum(axis=1),
            "true2": (self.after**2).sum(axis=1),
        }
        ones = {
            "one": np.abs(one - self.one_after),
            "ones": np.ones(len(one)),
            "persistence": np.abs(self.one_before - self.one_after),
        }
        days = np.unique(np.concatenate([self.times, self.one_times]) // self.season)
        table = np.zeros((len(days), len(_SUMS)))
        for found, times in ((columns, self.times), (ones, self.one_times)):
            places = np.searchsorted(days, times // self.season)
            for name, values in found.items():
                np.add.at(table[:, _SUMS.index(name)], places, values)
        return table


def metric(name: str, sums: Any, training_error: float) -> Any:
    """Return a metric of sums of the shape (..., sums); NaN where there is nothing to divide by.

    Raises:
        KeyError: there is no such metric.
    """
    column = {each: sums[..., place] for place, each in enumerate(_SUMS)}
    formulas: dict[str, Callable[[], Any]] = {
        "mae_one_step": lambda: _ratio(column["one"], column["ones"]),
        "mae_day_ahead": lambda: _ratio(column["absolute"], column["values"]),
        "rmse_day_ahead": lambda: np.sqrt(_ratio(column["squares"], column["values"])),
        "mase_day_ahead": lambda: _ratio(column["absolute"], column["values"] * training_error),
        "relative_mae_day_ahead": lambda: _ratio(column["absolute"], column["naive"]),
        "relative_mae_one_step": lambda: _ratio(column["one"], column["persistence"]),
    }
    return formulas[name]()


def measure(sums: Any, training_error: float) -> dict[str, float]:
    """Return all metrics of a model.

    Raises:
        JobError: the naive forecast is without an error, so that nothing is relative to it.
    """
    total = sums.sum(axis=0)
    found = {name: float(metric(name, total, training_error)) for name in METRICS}
    flaws = [name for name, value in found.items() if not np.isfinite(value)]
    if flaws:
        raise JobError(f"{flaws[0]} is not defined: the naive forecasts are without an error")
    return found


def quality(sums: Any) -> dict[str, Any]:
    """Return the day-ahead errors as SageMaker Model Monitor lays out those of a regression.

    https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-metrics.html
    """

    def mse(total: Any) -> Any:
        return _ratio(total[..., _SUMS.index("squares")], total[..., _SUMS.index("values")])

    def r2(total: Any) -> Any:
        count, true, squares = (
            total[..., _SUMS.index(name)] for name in ("values", "true", "true2")
        )
        spread = squares - true**2 / np.maximum(count, 1)
        return 1 - _ratio(total[..., _SUMS.index("squares")], spread)

    formulas: dict[str, Callable[[Any], Any]] = {
        "mae": lambda total: metric("mae_day_ahead", total, 1.0),
        "mse": mse,
        "rmse": lambda total: np.sqrt(mse(total)),
        "r2": r2,
    }
    shown = {}
    for name, formula in formulas.items():
        spread = bootstrap(sums, np.ones(len(sums)), formula)
        value = float(formula(sums.sum(axis=0)))
        if np.isfinite(value):
            deviation = spread.standard_error if spread else 0.0
            shown[name] = {"value": value, "standard_deviation": deviation}
    return shown


def compare_forecasts(  # noqa: PLR0913  a comparison has these parts
    challenger: Any,
    champion: Any,
    name: str,
    training_error: float,
    *,
    forecasts: int,
    higher_is_better: bool = False,
) -> Optional[Comparison]:
    """Compare two models by their sums of the same days, which are drawn together.

    Returns:
        The comparison; None when there is no such metric, or there are too few days.
    """
    if name not in METRICS:
        return None
    sign = 1 if higher_is_better else -1
    width = challenger.shape[1]

    def difference(total: Any) -> Any:
        new = metric(name, total[..., :width], training_error)
        return sign * (new - metric(name, total[..., width:], training_error))

    units = np.concatenate([challenger, champion], axis=1)
    interval = bootstrap(units, np.ones(len(units)), difference)
    if interval is None:
        return None
    value = float(difference(units.sum(axis=0))) + 0.0  # no -0.0
    detectable = smallest_difference(interval.standard_error)
    return Comparison(name, value, interval.low, interval.high, detectable, forecasts)


def _ratio(part: Any, whole: Any) -> Any:
    """Divide; what is divided by nothing is not defined."""
    whole = np.asarray(whole, dtype=float)
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)
