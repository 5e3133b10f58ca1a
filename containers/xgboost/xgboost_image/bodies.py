"""Rows as requests bring them and as answers carry them: CSV, JSON, and JSON lines.

One bad row spoils a whole body of CSV or JSON, since their answers have no room for a reason. Among
JSON lines it does not: its line of the answer is `{"error": "..."}`, and such a line in a request
is handed on as it is, so that it passes through a chain of containers.

`containers/onnx` and `containers/xgboost` hold the same file: see serving.py.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

CSV = "text/csv"
JSON = "application/json"
JSON_LINES = "application/jsonlines"
KINDS = (CSV, JSON, JSON_LINES)
_WRAPPERS = ("instances", "predictions")


class BodyError(ValueError):
    """The request is at fault; the text is one sentence, `status` the HTTP status for it."""

    def __init__(self, reason: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        """Keep the status beside the reason."""
        super().__init__(reason)
        self.status = status


class RowError(ValueError):
    """A row cannot be used; the text says which column, and why."""


@dataclass(frozen=True)
class Refused:
    """Stands where a row that cannot be used would be."""

    reason: str


class Model(Protocol):
    """What answers rows.

    Attributes:
        names: what the columns are called; empty when they have no names.
        width: how many columns a row has.
    """

    names: Sequence[str]
    width: int

    def check(self, cells: list[Any]) -> list[Any]:
        """Return a row's values, of `width` cells; a cell of CSV is text. Raises `RowError`."""

    def predict(self, rows: list[list[Any]]) -> list[Any]:
        """Return the answer to each row: a value, or a list of them."""


def answer_rows(model: Model, kind: str, body: bytes, accept: str = "") -> tuple[str, bytes]:
    """Answer a body's rows, in the media type that `accept` asks for, else in the body's own.

    Raises:
        BodyError: there is no row, or it has to be refused.
    """
    wanted = choose(accept, default=kind)
    answers = predict_rows(model, kind, body)
    return wanted, write_rows(wanted, answers).encode()


def predict_rows(model: Model, kind: str, body: bytes) -> list[Any]:
    """Return the answer to each row, or `Refused`; raises `BodyError` as `answer_rows` does."""
    rows = [
        _checked(model, row, number)
        for number, row in enumerate(read_rows(kind, body, model), start=1)
    ]
    good = [row for row in rows if not isinstance(row, Refused)]
    bad = next((row for row in rows if isinstance(row, Refused)), None)
    if bad and (kind != JSON_LINES or not good):
        raise BodyError(bad.reason)
    if bad is None:
        return model.predict(good)
    found = iter(model.predict(good))
    return [row if isinstance(row, Refused) else next(found) for row in rows]


def read_rows(kind: str, body: bytes, model: Model) -> Iterable[Any]:
    """Read a body's rows, as they are: lists of cells, `Refused`, a `RowError`, or any JSON.

    Raises:
        BodyError: it holds none, or is not what `kind` says.
    """
    if kind not in KINDS:
        raise BodyError(
            f"the body must be {', '.join(KINDS[:-1])} or {KINDS[-1]}, not {kind!r}",
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        )
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BodyError("the body is not UTF-8") from error
    if not text or text.isspace():
        raise BodyError("the body is empty")
    if kind == CSV:
        return _csv_rows(text, model)
    if kind == JSON:
        return _json_rows(text)
    return [_json_line(line) for line in text.split("\n") if line and not line.isspace()]


def write_rows(kind: str, answers: Sequence[Any]) -> str:
    """Write answers; `Refused` only among JSON lines.

    Raises:
        BodyError: there is a refused row in another kind of answer.
    """
    if kind == JSON_LINES:
        return "".join(f"{_json(_line(answer))}\n" for answer in answers)
    bad = next((each for each in answers if isinstance(each, Refused)), None)
    if bad:
        raise BodyError(bad.reason)
    if kind == JSON:
        return _json({"predictions": list(answers)})
    lines = io.StringIO()
    rows = [answer if isinstance(answer, list) else [answer] for answer in answers]
    csv.writer(lines, lineterminator="\n").writerows(
        [number(cell) if isinstance(cell, float) else cell for cell in row] for row in rows
    )
    return lines.getvalue()


def number(value: float) -> str:
    """Spell a number as short as a 32-bit float can be told: 1, not 1.0."""
    return f"{value:.9g}"


def choose(accept: str, *, default: str) -> str:
    """Choose the kind of the answer: the first acceptable one, `default` if any will do.

    Raises:
        BodyError: none is.
    """
    if not accept:
        return default
    kinds = {**{kind: kind for kind in KINDS}, "text/*": CSV, "application/*": JSON}
    for each in accept.split(","):
        kind = each.partition(";")[0].strip()
        if kind == "*/*":
            return default
        if kind in kinds:
            return kinds[kind]
    raise BodyError(
        f"the answer can be {', '.join(KINDS[:-1])} or {KINDS[-1]}", HTTPStatus.NOT_ACCEPTABLE
    )


def _checked(model: Model, row: Any, place: int) -> Any:
    """Return the values of a row, or `Refused`."""
    if isinstance(row, Refused):
        return row
    try:
        if isinstance(row, RowError):
            raise row
        return model.check(_cells(row, model))
    except RowError as error:
        return Refused(f"row {place}, {error}")


def _cells(row: Any, model: Model) -> list[Any]:
    """Return the cells of a row that is a list of them, an object, or one column's value."""
    if isinstance(row, dict):
        if not model.names:
            raise RowError("which is an object: the columns have no names here, give a list")
        unknown = next((name for name in row if name not in model.names), None)
        missing = next((name for name in model.names if name not in row), None)
        if unknown is not None:
            raise RowError(f"column {unknown[:40]} is none of {', '.join(model.names)}")
        if missing is not None:
            raise RowError(f"column {missing} is missing")
        return [row[name] for name in model.names]
    cells = row if isinstance(row, list) else [row]
    if len(cells) != model.width:
        names = f": {', '.join(model.names)}" if model.names else ""
        columns = "column" if len(cells) == 1 else "columns"
        raise RowError(f"which has {len(cells)} {columns}, not {model.width}{names}")
    return cells


def _csv_rows(text: str, model: Model) -> Iterable[list[str]]:
    lines = text.strip("\r\n").split("\n")
    if '"' in text:
        try:
            rows = list(csv.reader(lines, strict=True))
        except csv.Error as error:
            raise BodyError(f"the body is no CSV: {error}") from error
    else:
        rows = [line.rstrip("\r").split(",") for line in lines]
    if model.width == 1:  # as AWS's XGBoost image answers: all rows on one line
        return [[cell] for row in rows for cell in row]
    return rows


def _json_rows(text: str) -> list[Any]:
    document = _parse(text, "the body")
    if isinstance(document, dict):
        name = next((name for name in _WRAPPERS if name in document), None)
        if name is None:
            raise BodyError('the JSON has no "instances"')
        document = document[name]
    if not isinstance(document, list) or not document:
        raise BodyError("the JSON holds no list of rows")
    return document


def _json_line(line: str) -> Any:
    try:
        row = _parse(line, "which")
    except BodyError as error:
        return RowError(str(error))
    if isinstance(row, dict) and row.keys() == {"error"}:
        return Refused(str(row["error"]))
    return row


def _parse(text: str, what: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise BodyError(f"{what} is no JSON: {error}") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _line(answer: Any) -> Any:
    return {"error": answer.reason} if isinstance(answer, Refused) else answer


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
