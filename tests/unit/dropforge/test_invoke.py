import os
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dropforge.errors import CommandError, InputError
from dropforge.invoke import Answer, invoke, read_body
from dropforge.project import Project
from dropforge.publish import publish
from dropforge.target import Target


@pytest.mark.parametrize(
    ("body", "prediction"),
    [
        (b'{"label": "setosa"}\n', {"label": "setosa"}),
        (b"1.5\n", 1.5),
        (b"setosa\n", "setosa"),
        (b"setosa\r\n", "setosa"),
        (b"setosa\nvirginica\n", "setosa\nvirginica"),
        (b"NaN\n", "NaN"),
    ],
)
def test_a_prediction_is_parsed_when_it_is_json(body: bytes, prediction: object) -> None:
    """Else it is text without its last line end; Python's NaN is not JSON."""
    assert Answer(body, 1.5).document() == {"prediction": prediction, "milliseconds": 1.5}


def test_the_body_is_printed_as_it_came(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Not a byte more or less, whatever it holds."""
    Answer(b"\xff\x00setosa", 1.0).write()
    assert capfdbinary.readouterr().out == b"\xff\x00setosa"


def test_the_question_is_either_text_or_a_file(tmp_path: Path) -> None:
    """Both, none, a missing or an empty file are wrong use."""
    file = tmp_path / "rows.csv"
    file.write_bytes(b"1,2\n")
    assert read_body("1,2", None) == b"1,2"
    assert read_body(os.fsdecode(b"caf\xe9"), None) == b"caf\xe9"
    assert read_body(None, file) == b"1,2\n"
    (tmp_path / "empty").touch()
    wrong = [("1,2", file), (None, None), ("", None), (None, tmp_path / "empty")]
    for data, path in [*wrong, (None, tmp_path / "missing")]:
        with pytest.raises(InputError):
            read_body(data, path)


class Runtime:
    """An endpoint that answers with an error."""

    def __init__(self, response: dict[str, Any]) -> None:
        """Answer with this."""
        self.response = response

    def invoke_endpoint(self, **_: object) -> None:
        """Answer."""
        raise ClientError(self.response, "InvokeEndpoint")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("response", "says"),
    [
        (
            {
                "Error": {"Code": "ModelError", "Message": "Received client error (400) ..."},
                "OriginalStatusCode": 400,
                "OriginalMessage": "row 1 has 3 numbers, not 4\n",
            },
            "The model answered 400: row 1 has 3 numbers, not 4",
        ),
        (
            {
                "Error": {
                    "Code": "ValidationError",
                    "Message": "Endpoint df-iris of account 123456789012 not found.",
                }
            },
            "Pipeline iris has no endpoint df-iris yet",
        ),
    ],
)
def test_an_endpoint_that_gives_no_answer_is_explained(
    project: Project, target: Target, response: dict[str, Any], says: str
) -> None:
    """The container's own sentence, or that there is no endpoint yet."""
    publish(project, target, ["iris"])
    target._clients["sagemaker-runtime"] = Runtime(response)  # noqa: SLF001 - forces the fault
    with pytest.raises(CommandError, match=says) as caught:
        invoke(target, "iris", b"1,2,3", "text/csv")
    assert caught.value.status == 1


def test_a_content_type_that_is_no_header_is_bad_input(project: Project, target: Target) -> None:
    """A line's end in it would begin another header."""
    publish(project, target, ["iris"])
    with pytest.raises(InputError, match="--content-type"):
        invoke(target, "iris", b"1", "text/csv\r\nX-Amzn-Other: 1")


def test_an_unknown_pipeline_is_bad_input(target: Target) -> None:
    """It is looked up in the ledger first."""
    with pytest.raises(InputError, match="No pipeline 'rose' is published in df"):
        invoke(target, "rose", b"1", "text/csv")
