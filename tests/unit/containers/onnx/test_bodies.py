import json
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from onnx_image.bodies import (
    CSV,
    JSON,
    JSON_LINES,
    BodyError,
    RowError,
    answer_rows,
    choose,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTAINERS = Path(__file__).parents[4] / "containers"


class Sums:
    """A model of numbers: it answers how much a row is; it knows no number above 9."""

    def __init__(self, *names: str, width: int = 2) -> None:
        """Name the columns, or not."""
        self.names: Sequence[str] = names
        self.width = len(names) or width

    def check(self, cells: list[Any]) -> list[Any]:
        """Take the cells as numbers."""
        for place, cell in enumerate(cells):
            if int(cell) > 9:
                raise RowError(f"column {self.names[place] if self.names else place} is too much")
        return [int(cell) for cell in cells]

    def predict(self, rows: list[list[Any]]) -> list[Any]:
        """Return the sums."""
        return [float(sum(row)) for row in rows]


class Echo(Sums):
    """A model that answers its rows."""

    def predict(self, rows: list[list[Any]]) -> list[Any]:
        """Return the rows."""
        return [[float(cell) for cell in row] for row in rows]


@pytest.mark.parametrize("name", ["bodies.py", "serving.py"])
def test_both_images_hold_the_same_file(name: str) -> None:
    """An image is built from its own folder alone; what both need must not drift apart."""
    copies = [CONTAINERS / image / f"{image}_image" / name for image in ("onnx", "xgboost")]
    assert copies[0].read_text("utf-8") == copies[1].read_text("utf-8")


@pytest.mark.parametrize(
    ("kind", "body", "answer"),
    [
        (CSV, "1,2\n3,4", "3\n7\n"),
        (CSV, '\ufeff"1","2"\r\n3,4\r\n', "3\n7\n"),
        (JSON, '{"instances": [[1, 2], {"b": 4, "a": 3}]}', '{"predictions": [3.0, 7.0]}'),
        (JSON, '{"predictions": [[1, 2]]}', '{"predictions": [3.0]}'),
        (JSON, "[[1, 2]]", '{"predictions": [3.0]}'),
        (JSON_LINES, '[1, 2]\n\n{"a": 3, "b": 4}\n', "3.0\n7.0\n"),
    ],
)
def test_rows_are_answered_in_their_own_kind(kind: str, body: str, answer: str) -> None:
    """Each media type has its rows and its answer."""
    assert answer_rows(Sums("a", "b"), kind, body.encode()) == (kind, answer.encode())


def test_an_answer_may_have_several_columns() -> None:
    """Features are numbers as short as they can be told, and the next container reads them."""
    kind, body = answer_rows(Echo(), CSV, b"1,2\n3,4\n")
    assert body == b"1,2\n3,4\n"
    assert answer_rows(Sums(), kind, body) == (CSV, b"3\n7\n")


def test_of_one_column_the_rows_may_be_on_one_line() -> None:
    """AWS's XGBoost image answers so."""
    assert answer_rows(Sums("a"), CSV, b"1,2,3") == (CSV, b"1\n2\n3\n")
    assert answer_rows(Sums("a"), JSON, b"[1, 2]") == (JSON, b'{"predictions": [1.0, 2.0]}')


def test_one_bad_line_of_json_does_not_lose_the_others() -> None:
    """It says what is wrong in its own place, and so it passes through the next containers."""
    lines = ["[1, 2]", "[1, 20]", "{", '{"a": 1}', '{"a": 1, "c": 2}', "[1]", "[3, 4]"]
    kind, body = answer_rows(Echo("a", "b"), JSON_LINES, "\n".join(lines).encode())
    assert [json.loads(line) for line in body.decode().splitlines()] == [
        [1.0, 2.0],
        {"error": "row 2, column b is too much"},
        {
            "error": "row 3, which is no JSON: Expecting property name enclosed in double quotes:"
            " line 1 column 2 (char 1)"
        },
        {"error": "row 4, column b is missing"},
        {"error": "row 5, column c is none of a, b"},
        {"error": "row 6, which has 1 column, not 2: a, b"},
        [3.0, 4.0],
    ]
    _, behind = answer_rows(Sums("a", "b"), kind, body)
    assert behind.decode().splitlines()[::6] == ["3.0", "7.0"]
    assert behind.decode().splitlines()[1] == body.decode().splitlines()[1]


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        (CSV, "1,2\n3,40", "row 2, column b is too much"),
        (CSV, "1,2,3", "row 1, which has 3 columns, not 2: a, b"),
        (CSV, '"1,2', "the body is no CSV: unexpected end of data"),
        (CSV, "", "the body is empty"),
        (CSV, " \n", "the body is empty"),
        (JSON, "{", "the body is no JSON"),
        (JSON, "{}", 'the JSON has no "instances"'),
        (JSON, "[]", "the JSON holds no list of rows"),
        (JSON, "[[NaN, 1]]", "the body is no JSON: NaN is no number"),
        (JSON, '{"instances": 3}', "the JSON holds no list of rows"),
        (JSON_LINES, "[1, 20]\n[1]", "row 1, column b is too much"),
        (JSON_LINES, '{"error": "row 3, of before"}', "row 3, of before"),
    ],
)
def test_what_cannot_be_answered_is_told_in_one_sentence(kind: str, body: str, reason: str) -> None:
    """With row and column; of JSON lines only when no row is good."""
    with pytest.raises(BodyError) as caught:
        answer_rows(Sums("a", "b"), kind, body.encode())
    assert str(caught.value).startswith(reason)
    assert caught.value.status == HTTPStatus.BAD_REQUEST


def test_other_media_types_are_refused() -> None:
    """A body of an unknown type, one that is no text, and an answer that nobody can give."""
    with pytest.raises(BodyError, match="must be text/csv, application/json or") as caught:
        answer_rows(Sums("a"), "image/png", b"1")
    assert caught.value.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    with pytest.raises(BodyError, match="not UTF-8"):
        answer_rows(Sums("a"), CSV, b"\xff")
    with pytest.raises(BodyError, match="the answer can be text/csv") as caught:
        answer_rows(Sums("a"), CSV, b"1", "image/png")
    assert caught.value.status == HTTPStatus.NOT_ACCEPTABLE


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", CSV),
        ("*/*", CSV),
        ("image/png, application/json;q=0.5", JSON),
        ("application/jsonlines", JSON_LINES),
        ("text/*", CSV),
    ],
)
def test_the_answers_kind_is_what_the_caller_accepts(accept: str, kind: str) -> None:
    """The first acceptable one, else the request's own."""
    assert choose(accept, default=CSV) == kind


def test_a_refused_row_has_no_place_in_another_kind_of_answer() -> None:
    """JSON lines whose answer is to be CSV are refused as CSV is."""
    with pytest.raises(BodyError, match="row 2, column b is too much"):
        answer_rows(Sums("a", "b"), JSON_LINES, b"[1, 2]\n[1, 20]", CSV)
