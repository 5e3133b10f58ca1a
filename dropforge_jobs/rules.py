"""The rules by which a row of CSV is good or bad, as pipeline.yaml declares them.

`dropforge publish` writes them as JSON beside the scripts, for images carry no YAML library, and
`dropforge check` has refused what makes no sense.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dropforge_jobs.columns import BadCellError, Column, Value
from dropforge_jobs.jobs import JobError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FILE = "rules.json"


class BadRowError(ValueError):
    """A row breaks rules.

    Attributes:
        reasons: all that is wrong with it, each the same text for all rows with the same fault.
        columns: the names of the columns at fault.
    """

    def __init__(self, reasons: Sequence[str], columns: Sequence[str] = ()) -> None:
        """Say what is wrong, and where."""
        super().__init__("; ".join(reasons))
        self.reasons = reasons
        self.columns = columns


@dataclass(frozen=True)
class Rules:
    """What the rows of a pipeline's objects must be like.

    Attributes:
        columns: the columns, in their order.
        header: whether each object begins with a line of the columns' names.
        delimiter: what is between two cells.
        most_bad_rows: the largest share of a drop's rows that may be bad, 0 to 1.
        fewest_rows: how many good rows a run needs.
    """

    columns: tuple[Column, ...]
    header: bool = False
    delimiter: str = ","
    most_bad_rows: float = 0.2
    fewest_rows: int = 1

    @classmethod
    def load(cls, code: Path) -> Rules:
        """Read the rules in the folder of the job's code.

        Raises:
            JobError: there are none, for pipeline.yaml declares no columns, or they are no rules.
        """
        try:
            document = json.loads((code / FILE).read_text(encoding="utf-8"))
            columns = tuple(Column.from_document(each) for each in document.pop("columns"))
            return cls(columns, **document)
        except OSError as error:
            raise JobError(
                f"{FILE} cannot be read ({error.strerror}): pipeline.yaml has to declare columns"
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise JobError(f"{FILE} is not what publish writes: {error!r}") from error

    @property
    def names(self) -> list[str]:
        """The columns' names."""
        return [column.name for column in self.columns]

    @property
    def features(self) -> list[str]:
        """The names of all columns but the label."""
        return [column.name for column in self.columns if not column.label]

    def part(self, row: Sequence[Value]) -> tuple[Value, list[Value]]:
        """Return the label and the features of a row; the label is None when no column is one."""
        label, features = None, []
        for column, value in zip(self.columns, row):  # noqa: B905  Python 3.9 has no `strict`
            if column.label:
                label = value
            else:
                features.append(value)
        return label, features

    def is_header(self, line: str) -> bool:
        """Say whether a line holds the columns' names."""
        try:
            return [cell.strip() for cell in self._cells(line)] == self.names
        except BadRowError:
            return False

    def read(self, line: str) -> list[Value]:
        """Return the values of one line.

        A line is a row: with line breaks in quotes, one stray quote would swallow all rows that
        follow it.

        Raises:
            BadRowError: the line breaks rules.
        """
        cells = self._cells(line)
        if len(cells) != len(self.columns):
            raise BadRowError([f"not {len(self.columns)} columns"])
        row: list[Value] = []
        faults: dict[str, str] = {}
        for column, cell in zip(self.columns, cells):  # noqa: B905
            try:
                row.append(column.read(cell))
            except BadCellError as error:
                faults[column.name] = str(error)
        if faults:
            raise BadRowError(list(faults.values()), list(faults))
        return row

    def _cells(self, line: str) -> list[str]:
        if not line.isascii() and not _is_utf8(line):
            raise BadRowError(["not UTF-8 text"])
        if "\0" in line:  # as in UTF-16
            raise BadRowError(["NUL characters, which no text in UTF-8 has"])
        if '"' not in line:
            return line.split(self.delimiter)
        try:
            reader = csv.reader(
                [line], delimiter=self.delimiter, skipinitialspace=True, strict=True
            )
            return next(reader)
        except csv.Error as error:
            raise BadRowError(["quotes that do not match"]) from error


def _is_utf8(line: str) -> bool:
    """Say whether a line that was read with `surrogateescape` was UTF-8."""
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
