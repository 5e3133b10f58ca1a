"""The pipeline temperature_forecast, whole, as it is: measurements in, the next day out."""

import json
from typing import Any

import pytest

from .stack import ROOT, Stack, endpoint_of

NAME = "temperature_forecast"
DATA = ROOT / "pipelines" / NAME / "data"
# TensorFlow may have to be installed first.
pytestmark = pytest.mark.timeout(900)


def ask(stack: Stack, body: str, kind: str) -> Any:
    """Ask the endpoint for the next day."""
    answered = stack.target.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint_of(NAME), Body=body.encode(), ContentType=kind
    )
    return json.loads(answered["Body"].read())["predictions"]


def test_a_drop_of_measurements_becomes_a_forecaster_that_serves(stack: Stack) -> None:
    """Through its gate, with the metrics that its log and its evaluation have."""
    stack.bring(NAME, "sklearn", "tensorflow")
    stack.drop(NAME, (DATA / "yosemite_temps_5min.csv").read_text("utf-8"))
    run = stack.ended_run(NAME, seconds=600)
    assert run["status"] == "DEPLOYED", run["reason"]
    assert run["metrics"]["mase_day_ahead"] < 1
    assert run["metrics"]["relative_mae_day_ahead"] <= 1.1
    assert run["metrics"]["relative_mae_one_step"] < 1
    assert run["training_metrics"].keys() == {"train:loss", "validation:loss"}
    assert (run["data"]["rows"], run["data"]["rejected_rows"]) == (18_709, 12)
    day = (DATA / "last_day.csv").read_text("utf-8").strip()
    (by_csv,) = ask(stack, day, "text/csv")
    values = [float(text) for text in day.split(",")]
    (by_json,) = ask(stack, json.dumps({"instances": [values]}), "application/json")
    assert len(by_csv) == 288
    assert by_csv == pytest.approx(by_json)
    assert by_csv[0] == pytest.approx(values[-1], abs=2)
    assert max(by_csv) == pytest.approx(max(values), abs=8)
