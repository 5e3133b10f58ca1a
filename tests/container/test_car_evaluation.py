"""The pipeline car_evaluation in containers: three images of ours, and a chain of them that serves.

AWS's XGBoost, which trains, is stood in for by the image xgboost.
"""

import json
from concurrent.futures import Future

import pytest

from tests.loop.stack import endpoint_of

from .bases import ROOT
from .stack import Contained

NAME = "car_evaluation"
DATA = (ROOT / "pipelines" / NAME / "data/car.data").read_text("utf-8")
PATIENCE_SECONDS = 240.0
pytestmark = pytest.mark.timeout(900)


def test_a_drop_of_cars_becomes_a_chain_of_containers(
    stack: Contained, images: dict[str, Future[str]]
) -> None:
    """A car gets its label, and another among them is told what is wrong with it."""
    wanted = (NAME, "onnx", "xgboost")
    assert all(images[name].result() for name in wanted)
    stack.bring(NAME, *wanted)
    stack.drop(NAME, DATA)
    run = stack.ended_run(NAME, 1, PATIENCE_SECONDS)
    assert run["status"] == "DEPLOYED", run["reason"]
    assert run["metrics"]["accuracy"] >= 0.97
    cars = [["low", known, "5more", "4", "big", "high"] for known in ("low", "huge")]
    answered = stack.target.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint_of(NAME),
        Body="".join(f"{json.dumps(car)}\n" for car in cars).encode(),
        ContentType="application/jsonlines",
    )
    good, bad = map(json.loads, answered["Body"].read().splitlines())
    assert good == "vgood"
    assert bad == {"error": "row 2, column maint is 'huge'; known are high, low, med, vhigh"}
