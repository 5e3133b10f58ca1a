"""``columns``, ``csv`` and ``quarantine`` of ``pipeline.yaml``: which rows are good, and enough."""

import re
from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import Field, StrictInt, StrictStr, field_validator, model_validator

from dropforge_core.section import Section


class Column(Section):
    """One column of a pipeline's objects, and what its cells may hold.

    ``minimum`` and ``maximum`` are for numbers and integers, ``values`` for text and integers,
    ``pattern``, which the whole cell has to match, for text, ``step`` (seconds) for timestamps.
    """

    name: str = Field(max_length=100, pattern=r"^\S(.*\S)?$")
    type: Literal["text", "number", "integer", "timestamp"]
    label: bool = False
    nullable: bool = False
    minimum: float | None = Field(default=None, allow_inf_nan=False)
    maximum: float | None = Field(default=None, allow_inf_nan=False)
    values: tuple[StrictStr | StrictInt, ...] = ()
    pattern: str = ""
    step: int | None = Field(default=None, ge=1)

    @field_validator("pattern")
    @classmethod
    def _a_regular_expression(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as err:
            message = f"no regular expression: {err}"
            raise ValueError(message) from err
        return pattern

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        bounds = [bound for bound in (self.minimum, self.maximum) if bound is not None]
        kind = {"text": str, "integer": int}.get(self.type)
        misfits = {
            "minimum and maximum are for numbers and integers": (
                self.type in {"text", "timestamp"} and bounds
            ),
            "step is for timestamps": self.type != "timestamp" and self.step is not None,
            "minimum is above maximum": bounds != sorted(bounds),
            "pattern is for text": self.type != "text" and self.pattern,
            "values are for text and integers": self.values and kind is None,
            f"values: one is no {self.type}; to YAML, 1 and yes are text in quotes only": (
                kind and not all(isinstance(value, kind) for value in self.values)
            ),
            "a label cannot be nullable: there is nothing to learn from a row without": (
                self.label and self.nullable
            ),
        }
        for problem, applies in misfits.items():
            if applies:
                raise ValueError(problem)
        return self


class Csv(Section):
    """How rows lie in an object: whether a line of the columns' names comes first."""

    header: bool = False
    delimiter: Literal[",", ";", "|", "\t"] = ","


class Quarantine(Section):
    """When a run is SKIPPED for its data: too many of the new rows are bad, too few rows good."""

    most_bad_rows: float = Field(default=0.2, ge=0, lt=1)
    fewest_rows: int = Field(default=10, ge=1)


def problem_of(columns: Sequence[Column]) -> str:
    """Say what is wrong with columns that are all right one by one; "" when nothing is."""
    names = [column.name for column in columns]
    labels = [column.name for column in columns if column.label]
    if len(set(names)) < len(names):
        return "columns: two have the same name"
    if len(labels) > 1:
        return f"columns: a pipeline has one label, not {len(labels)}"
    if columns and names == labels:
        return "columns: there is nothing to predict the label by"
    return ""


def rules_document(columns: Sequence[Column], csv: Csv, quarantine: Quarantine) -> dict[str, Any]:
    """Return the rules as a job's dropforge_jobs.rules reads them."""
    return {
        "columns": [column.model_dump(mode="json", exclude_defaults=True) for column in columns],
        **csv.model_dump(mode="json"),
        **quarantine.model_dump(mode="json"),
    }
