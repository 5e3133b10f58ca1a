import io
import json
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from iris_image.application import LARGEST_BODY, make_application
from iris_image.model import Tree

TREE = Tree(["a", "b, c"], 2, [1, -1, -1], [0.5, 0.0, 0.0], [1, -1, -1], [2, -1, -1], [0, 0, 1])


def ask(method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, str, str]:
    """Send a request through WSGI's own checker; return status, content type and text."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "CONTENT_LENGTH": str(len(body)),
        **headers,
    }
    setup_testing_defaults(environ)
    environ["wsgi.input"] = io.BytesIO(body)
    answer: dict[str, Any] = {}

    def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> Any:
        answer.update(status=int(status[:3]), headers=dict(headers))
        return lambda _data: None

    result = validator(make_application(TREE))(environ, start_response)
    text = b"".join(result).decode()
    result.close()  # type: ignore[attr-defined]  # what the checker wraps always has it
    assert answer["headers"]["Content-Length"] == str(len(text.encode()))
    return answer["status"], answer["headers"]["Content-Type"].split(";")[0], text


def invoke(body: bytes, kind: str = "text/csv", accept: str | None = None) -> tuple[int, str, str]:
    """Ask for predictions."""
    headers = {"CONTENT_TYPE": kind} | ({"HTTP_ACCEPT": accept} if accept is not None else {})
    return ask("POST", "/invocations", body, **headers)


def test_ping_says_that_the_model_is_there() -> None:
    """200 with an empty body."""
    assert ask("GET", "/ping")[::2] == (200, "")


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b"0,0", "a\n"),
        (b"0,0\n0,1\n", 'a\n"b, c"\n'),
        (b"\xef\xbb\xbf0,0\r\n0,0\r\n\r\n", "a\na\n"),
    ],
)
def test_csv_gets_one_label_a_line(body: bytes, answer: str) -> None:
    """One row or many; a byte order mark, CRLF and trailing blank lines do no harm."""
    assert invoke(body) == (200, "text/csv", answer)


@pytest.mark.parametrize("body", ['{"instances": [[0, 0], [0, 1.0]]}', "[[0, 0], [0, 1]]"])
def test_json_gets_predictions(body: str) -> None:
    """With the name "instances" or without."""
    status, kind, text = invoke(body.encode(), "application/json; charset=utf-8")
    assert (status, kind, json.loads(text)) == (
        200,
        "application/json",
        {"predictions": ["a", "b, c"]},
    )


@pytest.mark.parametrize(
    ("kind", "accept", "answered"),
    [
        ("text/csv", "application/json", "application/json"),
        ("application/json", "text/csv", "text/csv"),
        ("text/csv", "*/*", "text/csv"),
        ("application/json", "*/*", "application/json"),
        ("application/json", "", "application/json"),
        ("text/csv", "image/png, Application/JSON;q=0.5", "application/json"),
        ("application/json", "text/*", "text/csv"),
    ],
)
def test_the_answer_is_of_the_kind_that_is_accepted(kind: str, accept: str, answered: str) -> None:
    """Otherwise it is of the request's own kind."""
    body = b"0,0" if kind == "text/csv" else b"[[0,0]]"
    assert invoke(body, kind, accept)[:2] == (200, answered)


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        (b"0,0\n0,x", "text/csv", "row 2, column 2 is no finite number"),
        (b"setosa,0,0", "text/csv", "row 1 has 3 columns, not 2: the features without the label"),
        (b"", "text/csv", "there are no rows"),
        (b"\xff\xfe0", "text/csv", "the body is not UTF-8"),
        (b"{", "application/json", "the body is no JSON"),
        (b"[[0, NaN]]", "application/json", "NaN is no number"),
        (b"[" * 200_000, "application/json", "the body is no JSON"),
        (b'{"rows": []}', "application/json", 'the JSON has no "instances"'),
        (b'{"instances": []}', "application/json", "there are no rows"),
        (b'[[0, 0], [0, "1"]]', "application/json", "row 2, column 2 is no finite number"),
        (b"7", "application/json", "there are no rows"),
    ],
)
def test_a_bad_body_gets_one_sentence(body: bytes, kind: str, reason: str) -> None:
    """400 with what is wrong and where, on a single line."""
    status, answered, text = invoke(body, kind)
    assert (status, answered) == (400, "text/plain")
    assert reason in text
    assert text.count("\n") == 1


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/", {}, 404),
        ("POST", "/ping", {}, 405),
        ("GET", "/invocations", {}, 405),
        ("POST", "/invocations", {"CONTENT_TYPE": "image/png"}, 415),
        ("POST", "/invocations", {"CONTENT_TYPE": ""}, 415),
        ("POST", "/invocations", {"CONTENT_TYPE": "text/csv", "HTTP_ACCEPT": "image/png"}, 406),
    ],
)
def test_what_is_not_served_is_refused(
    method: str, path: str, headers: dict[str, str], status: int
) -> None:
    """Paths, methods and kinds each have HTTP's own status."""
    answered, kind, text = ask(method, path, b"", **headers)
    assert (answered, kind) == (status, "text/plain")
    assert text.count("\n") == 1


def test_the_largest_body_is_6_mb() -> None:
    """One byte more is refused with 413, before it is parsed."""
    largest = b"0,0".ljust(LARGEST_BODY, b"\n")
    assert invoke(largest)[0] == 200
    assert invoke(largest + b"\n")[0] == 413
