"""Rules that every state of every machine keeps."""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from dropforge_core import errors
from samtranslator.yaml_helper import yaml_parse

from .conftest import MACHINES, ROOT, load_machine, states_of

SERVICE_ERRORS = re.compile(r"^(States|Lambda|Runtime|SageMaker|Glue|S3|StepFunctions|Sandbox)\.")


def test_every_state_has_a_comment(machine: dict[str, Any]) -> None:
    """A reader learns from the definition itself what each state is for."""
    assert [name for name, state, _ in states_of(machine) if not state.get("Comment")] == []


def test_every_choice_rule_has_a_comment(machine: dict[str, Any]) -> None:
    """A branch says in words when it is taken."""
    rules = [rule for _, state, _ in states_of(machine) for rule in state.get("Choices", [])]
    assert [rule for rule in rules if not rule.get("Comment")] == []


def test_every_task_is_bounded_retried_and_caught(machine: dict[str, Any]) -> None:
    """No task waits for ever, gives up at a first throttle, or ends a run untold."""
    tasks = [(n, s, inner) for n, s, inner in states_of(machine) if s["Type"] == "Task"]
    assert tasks
    for name, state, inside_branch in tasks:
        assert "TimeoutSeconds" in state, name
        assert state.get("Retry"), name
        assert inside_branch or state.get("Catch"), name


def test_a_parallel_state_catches_for_its_branches(machine: dict[str, Any]) -> None:
    """What fails in a branch is caught by the state around it."""
    parallels = [s for _, s, _ in states_of(machine) if s["Type"] == "Parallel"]
    assert all(state["Catch"] for state in parallels)


def test_retries_name_platform_errors_and_are_jittered(machine: dict[str, Any]) -> None:
    """Only the platform's faults are tried again, at growing, jittered, capped intervals."""
    retries = [r for _, s, _ in states_of(machine) for r in s.get("Retry", [])]
    assert retries
    for retry in retries:
        assert not {"States.ALL", "States.TaskFailed", "States.Timeout"} & set(retry["ErrorEquals"])
        assert retry["JitterStrategy"] == "FULL"
        assert retry["BackoffRate"] > 1
        assert retry["MaxDelaySeconds"] <= 900


def test_custom_errors_and_classes_match_both_ways() -> None:
    """Every custom name in a Retry or Catch is a class of errors.py that the machines may see."""
    caught = {
        name
        for machine in MACHINES
        for _, state, _ in states_of(load_machine(machine))
        for rule in [*state.get("Retry", []), *state.get("Catch", [])]
        for name in rule["ErrorEquals"]
        if not SERVICE_ERRORS.match(name)
    }
    classes = dict(inspect.getmembers(errors, inspect.isclass))
    assert caught <= set(classes)
    # The caller's fault is never retried and needs no rule of its own: States.ALL catches it.
    assert set(classes) - caught == {"InvalidInputError"}


@pytest.mark.parametrize("name", MACHINES)
def test_substitutions_match_both_ways(name: str) -> None:
    """Every ${Name} is given by the template, and nothing is given that is not used."""
    text = (ROOT / "statemachine" / f"{name}.asl.json").read_text("utf-8")
    used = set(re.findall(r"\$\{(\w+)\}", text))
    template = yaml_parse((ROOT / "template.yaml").read_text("utf-8"))
    resource = template["Resources"][f"{name.title()}StateMachine"]["Properties"]
    assert used == set(resource["DefinitionSubstitutions"])


def test_machines_stay_readable(machine: dict[str, Any]) -> None:
    """At about 20 states a machine becomes two."""
    assert len(list(states_of(machine))) <= 20


def test_every_next_exists_and_every_state_is_reached() -> None:
    """No dangling Next and no state that nothing leads to."""
    for name in MACHINES:
        states = load_machine(name)["States"]
        targets = {load_machine(name)["StartAt"]}
        for state in states.values():
            rules = [*state.get("Choices", []), *state.get("Catch", [])]
            targets |= {rule["Next"] for rule in rules}
            targets |= {state[key] for key in ("Next", "Default") if key in state}
        assert targets == set(states)


def test_definitions_name_no_account_region_or_partition() -> None:
    """The same definition runs in every account, region and partition."""
    for path in Path(ROOT / "statemachine").glob("*.json"):
        text = path.read_text("utf-8")
        assert not re.search(r"arn:aws|\b\d{12}\b|us-east-1", text), path.name
