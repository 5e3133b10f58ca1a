"""What the columns of a pipeline's objects hold, and whether a cell does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Optional, Union

from dropforge_jobs.numbers import parse_number
from dropforge_jobs.timestamps import BadTimestampError, parse_timestamp

Value = Any  # str, float, int or None, as the column's type says

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")  # any such number has room in 64 bits
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_WHAT = {
    "text": "text",
    "number": "finite number",
    "integer": "whole number",
    "timestamp": "timestamp",
}


class BadCellError(ValueError):
    """A cell breaks its column's rules; the text says which, the same for all cells that do so."""


@dataclass(frozen=True)
class Column:
    """One column, as `columns` of pipeline.yaml has it.

    Attributes:
        name: what people call it; its header, where the objects have one.
        type: "text", "number", "integer" or "timestamp", which is read as seconds.
        label: whether it is what a model is to predict.
        nullable: whether a cell may be empty.
        minimum: the smallest number that it may hold; None for any.
        maximum: the largest one.
        values: the only values that it may hold; empty for any.
        pattern: a regular expression that its whole text has to match; "" for any text.
        step: how many seconds a timestamp's grid has from one to the next; None for any time.
    """

    name: str
    type: str
    label: bool = False
    nullable: bool = False
    minimum: Optional[float] = None
    maximum: Optional[float] = None
    values: tuple[Value, ...] = ()
    pattern: str = ""
    step: Optional[int] = None

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Column:
        """Make it of its JSON; raises TypeError or ValueError when that is none."""
        column = cls(**{**document, "values": tuple(document.get("values", ()))})
        if column.type not in _WHAT:
            raise ValueError(f"{column.name} has the unknown type {column.type!r}")
        try:
            re.compile(column.pattern)
        except re.error as error:
            raise ValueError(f"{column.name} has no regular expression: {error}") from error
        return column

    def read(self, cell: str) -> Value:
        """Return what a cell holds; None when it is empty and may be so.

        Raises:
            BadCellError: the cell breaks a rule.
        """
        text = cell.strip()
        if not text:
            if self.nullable:
                return None
            raise BadCellError(f"{self.name} is empty")
        try:
            value = _parse(self.type, text)
        except BadTimestampError as error:
            raise BadCellError(f"{self.name} {error}") from error
        if value is None:
            raise BadCellError(f"{self.name} is no {_WHAT[self.type]}")
        self._check(value)
        return value

    def _check(self, value: Union[str, float]) -> None:
        if isinstance(value, str):
            if _CONTROL.search(value):
                raise BadCellError(f"{self.name} has control characters")
            if self.pattern and not re.fullmatch(self.pattern, value):
                raise BadCellError(f"{self.name} does not match {self.pattern}")
        else:
            if self.minimum is not None and value < self.minimum:
                raise BadCellError(f"{self.name} is below {self.minimum:g}")
            if self.maximum is not None and value > self.maximum:
                raise BadCellError(f"{self.name} is above {self.maximum:g}")
            if self.step is not None and value % self.step:
                raise BadCellError(f"{self.name} is off the grid of {self.step} seconds")
        if self.values and value not in self.values:
            raise BadCellError(f"{self.name} is none of the allowed values")


def _parse(kind: str, text: str) -> Union[str, float, None]:
    if kind == "number":
        return parse_number(text)
    if kind == "integer":
        return int(text) if _INTEGER.fullmatch(text) else None
    if kind == "timestamp":
        return parse_timestamp(text)
    return text
