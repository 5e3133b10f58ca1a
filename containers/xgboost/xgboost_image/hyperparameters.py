"""Hyperparameters: SageMaker passes every one as text; here they are cast and checked.

Names, ranges and what is required are those of AWS's XGBoost algorithm, as far as this stand-in
goes: https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost_hyperparameters.html
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Cast = Callable[[str], Any]

OBJECTIVES = (
    *("binary:logistic", "binary:logitraw", "binary:hinge", "count:poisson", "multi:softmax"),
    *("multi:softprob", "reg:squarederror", "reg:logistic", "reg:gamma", "reg:pseudohubererror"),
    *("reg:squaredlogerror", "reg:tweedie", "reg:absoluteerror"),
)
METRICS = (
    *("auc", "aucpr", "error", "gamma-deviance", "gamma-nloglik", "logloss", "mae", "map", "mape"),
    *("merror", "mlogloss", "ndcg", "poisson-nloglik", "rmse", "rmsle", "tweedie-nloglik"),
)
_SEVERAL_CLASSES = ("multi:softmax", "multi:softprob")


class HyperparameterError(ValueError):
    """A hyperparameter is unknown, missing, or has a value that cannot be used."""


def _whole(least: int) -> Cast:
    def cast(text: str) -> int:
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit()) or int(text) < least:
            raise HyperparameterError(f"must be a whole number of at least {least}")
        return int(text)

    return cast


def _real(least: float = 0, most: float = math.inf, *, above: bool = False) -> Cast:
    wanted = f"{'above' if above else 'of at least'} {least:g}"
    wanted += "" if math.isinf(most) else f" and at most {most:g}"

    def cast(text: str) -> float:
        try:
            number = float(text) if "_" not in text else math.nan
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and least <= number <= most) or (above and number == least):
            raise HyperparameterError(f"must be a number {wanted}")
        return number

    return cast


def _choice(*names: str) -> Cast:
    def cast(text: str) -> str:
        if text not in names:
            raise HyperparameterError(f"must be one of {', '.join(names)}")
        return text

    return cast


def _metrics(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    for name in names:
        _choice(*METRICS)(name)
    return names


_SHARE = _real(0, 1, above=True)
_CASTS: dict[str, Cast] = {
    "num_round": _whole(1),
    "early_stopping_rounds": _whole(1),
    "objective": _choice(*OBJECTIVES),
    "num_class": _whole(2),
    "eval_metric": _metrics,
    "booster": _choice("gbtree", "gblinear", "dart"),
    "tree_method": _choice("auto", "exact", "approx", "hist"),
    "grow_policy": _choice("depthwise", "lossguide"),
    "eta": _real(0, 1),
    "gamma": _real(),
    "lambda": _real(),
    "alpha": _real(),
    "max_depth": _whole(0),
    "max_leaves": _whole(0),
    "max_bin": _whole(2),
    "min_child_weight": _real(),
    "max_delta_step": _real(),
    "subsample": _SHARE,
    "colsample_bytree": _SHARE,
    "colsample_bylevel": _SHARE,
    "colsample_bynode": _SHARE,
    "num_parallel_tree": _whole(1),
    "scale_pos_weight": _real(above=True),
    "base_score": _real(),
    "tweedie_variance_power": _real(1, 2),
    "seed": _whole(-(2**31) + 1),
    "nthread": _whole(1),
    "verbosity": _choice("0", "1", "2", "3"),
    "csv_weights": _choice("0"),
}


def cast_hyperparameters(texts: Mapping[str, str]) -> dict[str, Any]:
    """Return what `xgboost.train` takes for the hyperparameters of a training job.

    Raises:
        HyperparameterError: one is unknown, cannot be used, or is missing.
    """
    for name in texts:
        if name not in _CASTS:
            raise HyperparameterError(
                f"Extraneous hyperparameter found: {name}. Known here are {', '.join(_CASTS)}."
            )
    if "num_round" not in texts:
        raise HyperparameterError("Missing required hyperparameter: num_round.")
    values = {name: _cast(name, text) for name, text in texts.items()}
    if values.get("objective") in _SEVERAL_CLASSES and "num_class" not in values:
        raise HyperparameterError(
            "Require input for parameter 'num_class' for multi-classification."
        )
    return values


def _cast(name: str, text: str) -> Any:
    if not isinstance(text, str):  # SageMaker passes text; another caller may not
        raise HyperparameterError(f"Hyperparameter {name}: {text!r} is no text.")
    try:
        return _CASTS[name](text.strip())
    except HyperparameterError as error:
        raise HyperparameterError(f"Hyperparameter {name}: it {error}, not {text!r}.") from error
