"""The image with the real TensorFlow, in its own environment: one model, one server for all."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dropforge import environments
from dropforge.project import Project

ROOT = Path(__file__).parents[4]
IMAGE = ROOT / "containers" / "tensorflow"
# Doubles x; its second signature has two inputs and three outputs.
MODEL = """
import sys
import tensorflow as tf

class Model(tf.Module):
    def __init__(self):
        self.w = tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
    def serve(self, x):
        return {"y": x * self.w}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.float32, name="a"),
            tf.TensorSpec([None], tf.string, name="b"),
        ]
    )
    def two(self, a, b):
        return {"sum": a + 1.0, "b_bytes": b, "b": tf.strings.join([b, "!"])}

model = Model()
signatures = {"serving_default": model.serve, "two": model.two}
tf.saved_model.save(model, sys.argv[1], signatures=signatures)
"""
# Scripts of AWS's images train with Keras and export what is served.
TRAIN = """
import argparse, os
import keras
import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int)
epochs = parser.parse_args().epochs
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones")])
model.compile(optimizer="sgd", loss="mse")
model.fit(np.ones((4, 2)), np.full((4, 1), 2.0), epochs=epochs, verbose=2)
model.export(os.environ["SM_MODEL_DIR"] + "/1")
"""
UP_SECONDS = 100.0

type Ask = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="session")
def python() -> Path:
    """Install the image's environment, once for this checkout."""
    project = Project(ROOT, ROOT / ".dropforge" / "local")
    environment = environments.provide(project, IMAGE)
    assert environment is not None
    return environment / "bin" / "python3"


def variables(python: Path, base: Path) -> dict[str, str]:
    """Give the environment of the image's programs."""
    path = f"{IMAGE}:{python.parent}:/usr/bin:/bin"
    return {"PATH": path, "PYTHONPATH": str(IMAGE), "SAGEMAKER_BASE_DIR": str(base)}


@pytest.fixture(scope="module")
def ask(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Serve the model; ask it by content type and body."""
    base = tmp_path_factory.mktemp("ml")
    (base / "model").mkdir()
    environ = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    made = [str(python), "-c", MODEL, str(base / "model" / "1")]
    subprocess.run(made, env=environ, check=True, timeout=UP_SECONDS, capture_output=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    given = {**variables(python, base), "SAGEMAKER_BIND_TO_PORT": str(port)}
    log = (base / "log").open("wb")
    process = subprocess.Popen([IMAGE / "serve"], env=given, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + UP_SECONDS
    while not answers(url):
        assert process.poll() is None, (base / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.1)

    def ask(kind: str, body: Any) -> tuple[int, Any]:
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        request = urllib.request.Request(  # noqa: S310
            f"{url}/invocations", data, {"Content-Type": kind}
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as err:
            with err:
                return err.code, json.loads(err.read())

    yield ask
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    log.close()


def answers(url: str) -> bool:
    """Say whether the server is up."""
    try:
        with urllib.request.urlopen(f"{url}/ping", timeout=2) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.mark.timeout(300)
def test_predictions_are_told_by_row_or_by_column(ask: Ask) -> None:
    """One output is a value, several are an object; floats have nine digits."""
    assert ask("text/csv", "1,2,3.1") == (200, {"predictions": [[2.0, 4.0, 6.19999981]]})
    assert ask("application/json", {"instances": [[1, 2, 0.1]]})[1] == {
        "predictions": [[2.0, 4.0, 0.200000003]]
    }
    assert ask("application/json", {"inputs": [[1, 2, 3]]})[1] == {"outputs": [[2.0, 4.0, 6.0]]}
    rows = [{"a": 1, "b": "x"}, {"a": 2, "b": {"b64": "eXk="}}]
    two = {"signature_name": "two", "instances": rows}
    assert ask("application/json", two)[1] == {
        "predictions": [
            {"sum": 2.0, "b_bytes": {"b64": "eA=="}, "b": "x!"},
            {"sum": 3.0, "b_bytes": {"b64": "eXk="}, "b": "yy!"},
        ]
    }
    columns = {"signature_name": "two", "inputs": {"a": [1], "b": ["x"]}}
    assert ask("application/json", columns)[1]["outputs"]["sum"] == [2.0]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"instances": [[1, 2]]}, "has the shape (1, 2), expected is (None, 3)"),
        ({"instances": [["a", "b", "c"]]}, "not values of the type float32"),
        ({"instances": [[1, 2, 3], [1, 2]]}, "not values of the type float32"),
        ({"instances": [{"z": [1, 2, 3]}]}, "missing or unknown: x, z"),
        ({"instances": [1], "signature_name": "none"}, 'signature key "none" not found'),
        ({"instances": [1], "signature_name": "two"}, "the model has the inputs a, b"),
        ({"instances": [{"a": 1}], "signature_name": "two"}, "missing or unknown: b"),
        ({"instances": [{"x": [1, 2, 3]}, 1]}, "must all be objects, or none"),
        ({"inputs": {"z": [1]}}, "missing or unknown: x, z"),
    ],
)
def test_wrong_questions_are_answered_with_the_reason(ask: Ask, body: Any, told: str) -> None:
    """400 and JSON."""
    status, error = ask("application/json", body)
    assert status == 400
    assert told in error["error"]


@pytest.mark.timeout(300)
def test_a_script_trains_with_keras_in_script_mode(python: Path, tmp_path: Path) -> None:
    """The image's `train` runs it with its own Python; what it exports is a SavedModel."""
    for folder in ("input/config", "code", "model", "output"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "code" / "train.py").write_text(TRAIN)
    given = {"sagemaker_program": '"train.py"', "epochs": "2"}
    resources = {"current_host": "algo-1", "hosts": ["algo-1"]}
    texts = {"hyperparameters": given, "inputdataconfig": {}, "resourceconfig": resources}
    for name, text in texts.items():
        (tmp_path / "input/config" / f"{name}.json").write_text(json.dumps(text))
    # The source is where it would be unpacked to: then there is nothing to do.
    done = subprocess.run(
        [IMAGE / "train"],
        env=variables(python, tmp_path),
        capture_output=True,
        text=True,
        timeout=UP_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Epoch 2/2" in done.stdout
    assert (tmp_path / "model/1/saved_model.pb").exists()
