import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tensorflow_image import models
from tensorflow_image.application import LARGEST_BODY, make_application
from tensorflow_image.models import Models, Servable
from tensorflow_image.requests import Question
from tensorflow_image.server import parallelism, server_options

type Ask = Callable[..., tuple[str, str, Any]]


class Echo(Servable):
    """A model that answers with what it is asked."""

    def __init__(self, name: str) -> None:
        """Know its name."""
        super().__init__({})
        self._name = name

    def predict(self, question: Question) -> dict[str, Any]:
        """Give back what was asked, or fail."""
        if question.values == ["fail"]:
            raise RuntimeError("secret of the model")
        return {"predictions": question.values, "by": self._name}


@pytest.fixture
def ask() -> Ask:
    """Ask an application of two models, one in two versions."""
    application = make_application(
        Models({"first": {2: Echo("2"), 10: Echo("10")}, "second": {1: Echo("second")}})
    )

    def ask(body: bytes = b"1,2", path: str = "/invocations", **headers: str) -> Any:
        answered: list[Any] = []
        environ = {
            "REQUEST_METHOD": "GET" if path == "/ping" else "POST",
            "PATH_INFO": path,
            "CONTENT_TYPE": "text/csv",
            "wsgi.input": io.BytesIO(body),
            **headers,
        }

        def start(status: str, given: list[tuple[str, str]], _: object = None) -> Any:
            answered.extend((status, dict(given)))

        parts = application(environ, start)
        text = b"".join(parts)
        status, told = answered
        return status, told["Content-Type"], json.loads(text) if text else None

    return ask


def test_the_newest_version_of_the_first_model_answers(ask: Ask) -> None:
    """Versions are numbers, not texts; a request may name others."""
    assert ask() == ("200 OK", "application/json", {"predictions": [[1, 2]], "by": "10"})
    assert ask(HTTP_X_AMZN_SAGEMAKER_CUSTOM_ATTRIBUTES="tfs-model-version=2")[2]["by"] == "2"
    named = ask(HTTP_X_AMZN_SAGEMAKER_CUSTOM_ATTRIBUTES="tfs-model-name=second")
    assert named[2]["by"] == "second"


@pytest.mark.parametrize(
    ("attributes", "told"),
    [("tfs-model-name=none", "Latest(none)"), ("tfs-model-version=3", "Specific(first, 3)")],
)
def test_a_model_that_is_not_there(ask: Ask, attributes: str, told: str) -> None:
    """404, in TensorFlow Serving's words."""
    status, _, error = ask(HTTP_X_AMZN_SAGEMAKER_CUSTOM_ATTRIBUTES=attributes)
    assert (status, error) == (
        "404 Not Found",
        {"error": f"Servable not found for request: {told}"},
    )


def test_errors_are_json_and_tell_no_secrets(ask: Ask) -> None:
    """400 says why; a fault of the model's own is 500 and says nothing."""
    assert ask(b"1,x")[0] == "400 Bad Request"
    assert ask(CONTENT_TYPE="text/plain")[::2] == (
        "415 Unsupported Media Type",
        {"error": "Unsupported Media Type: text/plain"},
    )
    assert ask(b"fail")[::2] == ("500 Internal Server Error", {"error": "internal error"})
    assert ask(b"x" * (LARGEST_BODY + 1))[0].startswith("413")


def test_ping_and_other_paths(ask: Ask) -> None:
    """The application is there once its models are."""
    assert ask(path="/ping") == ("200 OK", "application/json", None)
    assert ask(path="/other")[0] == "404 Not Found"
    assert ask(path="/ping", REQUEST_METHOD="POST")[0] == "405 Method Not Allowed"


def test_what_is_accepted_is_the_answers_type_when_it_is_json(ask: Ask) -> None:
    """Otherwise it is JSON all the same, as with the image."""
    assert ask(HTTP_ACCEPT="application/jsonlines, */*")[1] == "application/jsonlines"
    assert ask(HTTP_ACCEPT="text/csv")[1] == "application/json"


def test_models_are_found_wherever_they_lie(tmp_path: Path) -> None:
    """By the folder that holds the numbered versions; folders without a number are none."""
    for place in ("1", "export/Servo/1", "export/Servo/12", "export/Servo/draft", "notes"):
        (tmp_path / "model" / place).mkdir(parents=True)
        (tmp_path / "model" / place / "saved_model.pb").touch()
    found = models.find(tmp_path / "model")
    assert {name: sorted(versions) for name, versions in found.items()} == {
        "model": [1],
        "Servo": [1, 12],
    }


def test_a_folder_that_cannot_be_served_is_refused(tmp_path: Path) -> None:
    """Before TensorFlow is imported: no SavedModel, or a script that nobody here runs."""
    with pytest.raises(models.ModelError, match="there is no <model>/<version>/"):
        models.load(tmp_path, 1, 1)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "inference.py").touch()
    with pytest.raises(models.ModelError, match="code/inference"):
        models.load(tmp_path, 1, 1)


def test_threads_and_workers_are_bounded() -> None:
    """One process; TensorFlow's threads by the image's variables, two by default."""
    options = server_options({"SAGEMAKER_BIND_TO_PORT": "9000", "SAGEMAKER_BASE_DIR": "/tmp/ml"})  # noqa: S108
    assert (options["bind"], options["workers"], options["threads"]) == ("127.0.0.1:9000", 1, 4)
    assert server_options({})["bind"] == "0.0.0.0:8080"
    assert parallelism({}) == (2, 2)
    assert parallelism({"SAGEMAKER_TFS_INTRA_OP_PARALLELISM": "8"}) == (8, 2)
    with pytest.raises(models.ModelError, match="'many' is no number"):
        parallelism({"SAGEMAKER_TFS_INTER_OP_PARALLELISM": "many"})
