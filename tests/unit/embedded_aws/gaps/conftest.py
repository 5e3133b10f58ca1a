"""What the tests of the gaps share."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from tests.conftest import Embedded

PLAIN_MOTO = Path(__file__).parent / "plain_moto.py"


@pytest.fixture(scope="session")
def plain_moto() -> dict[str, bool]:
    """Say for each gap whether moto, without us, still has it."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(PLAIN_MOTO)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    gaps: dict[str, bool] = json.loads(done.stdout)
    return gaps


def create_stack(embedded: Embedded, name: str, template: dict[str, Any], **given: str) -> None:
    """Create a stack and wait for its end; the waiter fails unless it is created."""
    cloudformation = embedded.client("cloudformation")
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": key, "ParameterValue": given[key]} for key in given],
        Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    waiter = cloudformation.get_waiter("stack_create_complete")
    waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})


def failure(embedded: Embedded, name: str, template: dict[str, Any]) -> dict[str, str]:
    """Create a stack that is expected to fail; give the reason of each resource that did."""
    with pytest.raises(WaiterError):
        create_stack(embedded, name, template)
    events = embedded.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    return {
        event["LogicalResourceId"]: event["ResourceStatusReason"]
        for event in events
        if event["ResourceStatus"] == "CREATE_FAILED"
    }
