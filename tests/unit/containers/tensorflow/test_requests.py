import json
from http import HTTPStatus
from typing import Any

import pytest
from tensorflow_image.requests import Question, RequestError, Target, read

JSON = "application/json"


@pytest.mark.parametrize(
    ("kind", "body", "values"),
    [
        (JSON, '{"instances": [[1, 2], [3, 4]]}', [[1, 2], [3, 4]]),
        (JSON, "[[1, 2], [3, 4]]", [[1, 2], [3, 4]]),
        (JSON, "[1, 2]", [[1, 2]]),
        (JSON, "5", [5]),
        (JSON, '{"x": 1}', [{"x": 1}]),
        ("application/jsonlines", "[1, 2]\n[3, 4]\n", [[1, 2], [3, 4]]),
        ("application/jsonlines", '{"x": 1}\n\n{"x": 2}', [{"x": 1}, {"x": 2}]),
        ("application/jsons", "[1, 2]", [[1, 2]]),
        ("text/csv", "1,2.5\n-3,4e1\n", [[1, 2.5], [-3, 40.0]]),
        ("text/csv", "1\n2\n", [1, 2]),
        ("text/csv", "low,high,high", [["low", "high", "high"]]),
        ("text/csv", '"a, b","c"', [["a, b", "c"]]),
    ],
)
def test_every_kind_of_body_is_a_list_of_instances(kind: str, body: str, values: Any) -> None:
    """As the image's own front makes them, whatever the content type."""
    assert read(kind, body.encode()) == Question(values, by_row=True)


def test_inputs_are_columns_and_a_signature_may_be_named() -> None:
    """The other form of TensorFlow Serving's requests."""
    body = json.dumps({"inputs": {"x": [1]}, "signature_name": "other"}).encode()
    assert read(JSON, body) == Question({"x": [1]}, by_row=False, signature="other")


@pytest.mark.parametrize(
    ("kind", "body", "told"),
    [
        (JSON, "{broken", "JSON Parse error"),
        ("application/jsonlines", "[1]\n[2", "JSON Parse error"),
        (JSON, '{"instances": "invalid"}', "'instances' must be a list"),
        (JSON, '{"instances": []}', "'instances' must be a list"),
        (JSON, '{"instances": [1], "inputs": [1]}', "both 'instances' and 'inputs'"),
        (JSON, '{"signature_name": "x"}', "Missing 'inputs' or 'instances' key"),
        (JSON, '{"instances": [1], "signature_name": 1}', "must be a string"),
        ("text/csv", "\n", "'instances' must be a list"),
        ("text/csv", "1,x", "JSON Parse error"),
    ],
)
def test_what_is_no_question_is_refused(kind: str, body: str, told: str) -> None:
    """With 400 and the reason."""
    with pytest.raises(RequestError, match=told) as refusal:
        read(kind, body.encode())
    assert refusal.value.status is HTTPStatus.BAD_REQUEST


def test_other_media_types_are_refused() -> None:
    """With 415, as the image does; and what is no UTF-8 with 400."""
    with pytest.raises(RequestError, match="Unsupported Media Type: text/plain") as refusal:
        read("text/plain", b"1")
    assert refusal.value.status is HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    with pytest.raises(RequestError, match="UTF-8"):
        read("text/csv", b"\xff")


def test_a_model_may_be_named_by_custom_attributes() -> None:
    """Other attributes are not ours; methods other than predict are refused."""
    assert Target.read("") == Target()
    named = "trace=1,tfs-model-name=half_plus_two,tfs-model-version=2"
    assert Target.read(named) == Target("half_plus_two", "2")
    with pytest.raises(RequestError, match="classify"):
        Target.read("tfs-method=classify")
