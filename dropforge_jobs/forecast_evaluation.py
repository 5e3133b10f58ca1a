"""Challenger and champion on the hold-out of a series, in the layout of evaluation.json.

As `dropforge_jobs.evaluation` for classes, with `regression_metrics` in place of those of classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from dropforge_jobs.champion import ask_champion
from dropforge_jobs.forecast_metrics import Truth, compare_forecasts, measure, quality
from dropforge_jobs.jobs import JobError
from dropforge_jobs.time_split import TimeSplit
from dropforge_jobs.windows import Windows

if TYPE_CHECKING:
    from collections.abc import Callable

    from dropforge_jobs.champion import Champion
    from dropforge_jobs.facts import RunFacts
    from dropforge_jobs.series_store import StoredSeries

_BATCH = 512


@dataclass(frozen=True)
class Forecaster:
    """A model: how many values it starts from, and what it answers.

    Attributes:
        inputs: how many values a forecast starts from.
        answer: takes float32 (forecasts, inputs), returns (forecasts, season).
    """

    inputs: int
    answer: Callable[[Any], Any]


@dataclass(frozen=True)
class Curves:
    """Forecasts of whole days, one after the other, for pictures; all arrays are (days, season).

    Attributes:
        times: the position of each day's first value.
        step: seconds from one value to the next.
        truth: what came.
        naive: the day before.
        challenger: what the new model said.
        champion: what the old one said; None without one.
    """

    times: Any
    step: int
    truth: Any
    naive: Any
    challenger: Any
    champion: Any = None


@dataclass(frozen=True)
class Evaluated:
    """What came of it.

    Attributes:
        document: evaluation.json without its data.
        curves: what to draw.
        left_out: how many forecasts of a day are not judged, because the champion may have been
            trained on what they forecast.
    """

    document: dict[str, Any]
    curves: Curves
    left_out: int


@dataclass(frozen=True)
class Holdout:
    """The windows that models are judged on: of a day ahead, and of one step."""

    ahead: Any
    one: Any
    truth: Truth

    @classmethod
    def of(cls, series: StoredSeries, inputs: int, every: int, seen_until: int = 0) -> Holdout:
        """Cut the windows.

        Args:
            series: the hold-out.
            inputs: how many values forecasts start from; at least a season.
            every: steps between forecasts of a day.
            seen_until: the position before which a model may have been trained.
        """
        season = series.season
        found = []
        for horizon, stride in ((season, every), (1, 1)):
            windows = Windows(series, inputs, horizon, stride)
            times = windows.times(np.arange(len(windows)))
            fair = np.flatnonzero(times >= seen_until)
            found.append((windows.cut(fair), times[fair]))
        (ahead, times), (one, one_times) = found
        truth = Truth(
            times,
            ahead[:, inputs:].astype(np.float64),
            ahead[:, inputs - season : inputs].astype(np.float64),
            one_times,
            one[:, -1].astype(np.float64),
            one[:, -2].astype(np.float64),
            season,
            series.naive_error,
        )
        return cls(ahead[:, :inputs], one[:, :inputs], truth)

    def flat(self, ahead: Any, one: Any) -> Any:
        """Return forecasts as one row of numbers."""
        return np.concatenate([ahead.ravel(), one])

    def parts(self, flat: Any) -> tuple[Any, Any]:
        """Take such a row apart again."""
        shape = self.truth.after.shape
        return flat[: shape[0] * shape[1]].reshape(shape), flat[shape[0] * shape[1] :]

    def forecasts(self, model: Forecaster) -> tuple[Any, Any]:
        """Return what a model says: a day ahead, and one step.

        Raises:
            JobError: it starts from more values than these windows have.
        """
        if model.inputs > self.ahead.shape[1]:
            raise JobError(f"it starts from {model.inputs} values, not {self.ahead.shape[1]}")
        ahead, one = (
            np.concatenate(
                [
                    np.asarray(model.answer(inputs[low : low + _BATCH, -model.inputs :]))
                    for low in range(0, len(inputs), _BATCH)
                ]
            ).astype(np.float64)
            for inputs in (self.ahead, self.one)
        )
        return ahead, one[:, 0]


def evaluate_forecasts(
    series: StoredSeries,
    challenger: Forecaster,
    load_champion: Callable[[], Forecaster],
    facts: RunFacts,
    *,
    every: int,
) -> Evaluated:
    """Judge both models on the same forecasts, those that neither has seen the values of.

    Args:
        series: the hold-out.
        challenger: the new model.
        load_champion: loads the model that serves; asked only when there is one.
        facts: what is known of the run.
        every: steps between forecasts of a day.

    Raises:
        JobError: the challenger cannot be judged.
    """
    inputs = max(challenger.inputs, series.season)
    every_window = Holdout.of(series, inputs, every)
    if not len(every_window.truth.times):
        raise JobError(f"the hold-out has no {inputs} values and a season that follows them")
    seen, why = _champion_saw(facts, series.step)
    fair = Holdout.of(series, inputs, every, seen)
    held = fair if len(fair.truth.times) else every_window
    truth = held.truth
    said = held.forecasts(challenger)
    sums = truth.sums(*said)
    document: dict[str, Any] = {
        "regression_metrics": quality(sums),
        "metrics": {**measure(sums, truth.training_error), "rows": len(truth.times)},
        "champion": None,
        "comparison": None,
    }
    old = None
    if facts.champion_run_id is not None:

        def answers() -> Any:
            if why or held is not fair:
                raise JobError(why or "it may have been trained on the whole hold-out")
            return held.flat(*held.forecasts(load_champion()))

        count = truth.after.size + len(truth.one_after)
        champion = ask_champion(facts.champion_run_id, count, answers)
        if champion.answers is not None:
            old = held.parts(np.asarray(champion.answers))
        document |= _against(champion, truth, sums, old, facts)
    left_out = len(every_window.truth.times) - len(truth.times)
    return Evaluated(document, _curves(series, truth, said[0], old), left_out)


def _champion_saw(facts: RunFacts, step: int) -> tuple[int, str]:
    """Return the position up to which the champion may have been trained; or why nobody knows."""
    if facts.champion_run_id is None:
        return 0, ""
    split = TimeSplit.read(facts.champion_profile)
    if split is None:
        return 0, "its run has left no profile that says which times it was trained on"
    return split.holdout_from // step, ""


def _against(
    champion: Champion, truth: Truth, sums: Any, old: Optional[tuple[Any, Any]], facts: RunFacts
) -> dict[str, Any]:
    """Return what the document says of the champion, and of the difference."""
    told: dict[str, Any] = {
        "run_id": champion.run_id,
        "status": "unusable",
        "reason": champion.reason,
        "metrics": {},
    }
    if old is None:
        return {"champion": told, "comparison": None}
    try:
        old_sums = truth.sums(*old)
    except JobError as error:
        return {"champion": {**told, "reason": str(error)}, "comparison": None}
    told |= {"status": "scored", "metrics": measure(old_sums, truth.training_error)}
    found = None
    if facts.metric is not None:
        found = compare_forecasts(
            sums,
            old_sums,
            facts.metric,
            truth.training_error,
            forecasts=len(truth.times),
            higher_is_better=facts.higher_is_better,
        )
    return {"champion": told, "comparison": found.document() if found else None}


def _curves(
    series: StoredSeries, truth: Truth, said: Any, old: Optional[tuple[Any, Any]]
) -> Curves:
    """Take the forecasts that begin with a day; they lie one behind the other."""
    days = np.flatnonzero(truth.times % series.season == 0)
    return Curves(
        truth.times[days],
        series.step,
        truth.after[days],
        truth.naive[days],
        said[days],
        None if old is None else old[0][days],
    )
