"""Hyperparameters: SageMaker passes every one as text; here they are cast and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Value = int | float | str | None

NONE = "none"


class ParameterError(ValueError):
    """A hyperparameter is unknown or has a value that cannot be used."""


def _whole(
    least: int, most: int | None = None, *, optional: bool = False
) -> Callable[[str], Value]:
    wanted = f"a whole number of at least {least}" if most is None else f"one of {least} to {most}"

    def cast(text: str) -> Value:
        if optional and text == NONE:
            return None
        if not (text.isascii() and text.isdigit()) or not least <= int(text) <= (most or int(text)):
            raise ParameterError(f"must be {wanted}" + (f" or {NONE}" if optional else ""))
        return int(text)

    return cast


def _choice(*names: str) -> Callable[[str], Value]:
    def cast(text: str) -> Value:
        if text not in names:
            raise ParameterError(f"must be one of {', '.join(names)}")
        return None if text == NONE else text

    return cast


# Names, meanings and defaults are those of sklearn.tree.DecisionTreeClassifier, except for
# random_state: without it, two trainings on the same data could differ.
_CASTS: dict[str, Callable[[str], Value]] = {
    "criterion": _choice("gini", "entropy", "log_loss"),
    "splitter": _choice("best", "random"),
    "max_depth": _whole(1, optional=True),
    "max_leaf_nodes": _whole(2, optional=True),
    "min_samples_split": _whole(2),
    "min_samples_leaf": _whole(1),
    "class_weight": _choice(NONE, "balanced"),
    "random_state": _whole(0, 2**32 - 1),
}
_DEFAULTS: dict[str, Value] = {"random_state": 0}


def cast_parameters(texts: Mapping[str, str]) -> dict[str, Value]:
    """Return the arguments of a decision tree for the hyperparameters of a training job.

    Raises:
        ParameterError: one is unknown (all that are known are named) or cannot be used.
    """
    unknown = sorted(set(texts) - set(_CASTS))
    if unknown:
        raise ParameterError(
            f"unknown hyperparameter {unknown[0]!r}; known are {', '.join(_CASTS)}"
        )
    return _DEFAULTS | {name: _cast(name, text) for name, text in texts.items()}


def _cast(name: str, text: str) -> Value:
    if not isinstance(text, str):  # SageMaker passes text; another caller may not
        raise ParameterError(f"the hyperparameter {name} is no text but {text!r}")
    try:
        return _CASTS[name](text.strip())
    except ParameterError as error:
        raise ParameterError(f"the hyperparameter {name} is {text!r}; it {error}") from error
