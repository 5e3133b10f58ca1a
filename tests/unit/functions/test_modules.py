import re
import subprocess
import sys
from pathlib import Path

import pytest
from dropforge_core.metric_names import METRICS

ROOT = Path(__file__).parents[3]
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
HEAVY = {"pandas", "numpy", "sklearn", "sagemaker", "aws_xray_sdk", "moto"}
# slack_sdk and Parameters are wanted only by a function that has a webhook to post to.
LATE = {"slack_sdk", "aws_lambda_powertools.utilities.parameters"}

PROGRAM = """
import socket, sys

def refuse(*_):
    raise OSError("no network")

socket.socket.connect = refuse
sys.path[:0] = sys.argv[1:]
import app
assert callable(app.lambda_handler)
print("\\n".join(sys.modules))
"""


def test_all_functions_are_here() -> None:
    """The functions of the template."""
    assert FUNCTIONS == [
        "answer_approval",
        "answer_endpoint_wait",
        "check_endpoint",
        "finish_run",
        "judge_model",
        "notify_metrics",
        "remove_models",
        "report_progress",
        "restore_inputs",
        "smoke_test",
        "start_retraining",
        "sweep_pipelines",
    ]


# What the handlers read of events.
OF_EVENTS = {"EndpointName", "ModelPackageArn"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_handler_imports_alone(name: str, tmp_path: Path) -> None:
    """With an empty environment, without a network, and without anything heavy."""
    path = [str(ROOT / "functions" / name), str(ROOT / "layers" / "shared")]
    loaded = subprocess.run(
        [sys.executable, "-c", PROGRAM, *path],
        env={},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert loaded.returncode == 0, loaded.stderr
    assert loaded.stderr == ""
    modules = set(loaded.stdout.split())
    assert not modules & (HEAVY | LATE)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_handler_stands_alone_in_its_folder(name: str) -> None:
    """One app.py each, and nothing beside it."""
    files = {path.name for path in (ROOT / "functions" / name).iterdir()} - {"__pycache__"}
    assert files == {"app.py"}


def test_every_metric_is_documented() -> None:
    """Each name that a function counts is in METRICS, and each there is counted."""
    source = "".join((ROOT / "functions" / name / "app.py").read_text() for name in FUNCTIONS)
    named = set(re.findall(r'"([A-Z][a-z]+[A-Z]\w+)"', source)) - OF_EVENTS
    assert named == set(METRICS)


def test_the_layer_is_locked() -> None:
    """The layer's requirements are pinned to the versions of uv.lock, and boto3 is not there."""
    lock = (ROOT / "uv.lock").read_text()
    lines = (ROOT / "layers" / "shared" / "requirements.txt").read_text().splitlines()
    pins = [line.split(";")[0].rstrip(" \\") for line in lines if line and line[0].isalnum()]
    assert {pin.partition("==")[0] for pin in pins} >= {
        "aws-lambda-powertools",
        "pydantic",
        "slack-sdk",
    }
    for pin in pins:
        name, _, version = pin.partition("==")
        assert f'name = "{name}"\nversion = "{version}"' in lock, pin
        assert name not in {"boto3", "botocore"}
