"""The shipped state machines, read as JSON and evaluated as Step Functions would."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonata
import pytest

ROOT = Path(__file__).parents[2]
MACHINES = ("retrain", "adopt", "prepare", "judge", "approve", "deploy")


def load_machine(name: str) -> dict[str, Any]:
    """Return a shipped machine's definition."""
    definition: dict[str, Any] = json.loads(
        (ROOT / "statemachine" / f"{name}.asl.json").read_text("utf-8")
    )
    return definition


def states_of(machine: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Yield every state, those of branches too: name, state, whether it is inside a branch."""
    for name, state in machine["States"].items():
        yield name, state, False
        for branch in state.get("Branches", []):
            for inner, inner_state, _ in states_of(branch):
                yield inner, inner_state, True


def evaluate(value: Any, variables: dict[str, Any]) -> Any:
    """Evaluate a JSONata field of a state: nested objects, arrays and ``{% %}`` strings."""
    if isinstance(value, dict):
        return {key: evaluate(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [evaluate(item, variables) for item in value]
    if not (isinstance(value, str) and value.startswith("{%")):
        return value
    expression = jsonata.Jsonata(value[2:-2].strip())
    expression.register_lambda("parse", json.loads)
    expression.register_lambda("hash", lambda text, _: hashlib.md5(text.encode()).hexdigest())  # noqa: S324 - as the machine asks
    for name, bound in variables.items():
        expression.assign(name, bound)
    result = expression.evaluate(None)
    if result is None:
        message = f"undefined, which fails the state on AWS: {value}"
        raise ValueError(message)
    return result


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each shipped machine in turn."""
    return load_machine(request.param)
