"""docs/local.md says of the embedded AWS what its code does: no more, no less."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_factory,
)

from embedded_aws import faults, server, state
from embedded_aws.cloudformation import checks
from embedded_aws.cloudformation.types import SUPPORTED, UPDATABLE
from embedded_aws.functions import asynchronous, environment, moto_lambda, outcomes, pool, records
from embedded_aws.gaps import stepfunctions_definitions, stepfunctions_sagemaker
from embedded_aws.sagemaker.platform import Limits
from embedded_aws.sagemaker.support import SUPPORT
from embedded_aws.sagemaker.support_kinds import HONOURED, RECORDED, Fields, Only, Support

DOCUMENT = (Path(__file__).parents[1] / "docs/local.md").read_text("utf-8")


def section(title: str) -> str:
    """Return the text under a heading, up to the next one."""
    return re.split(rf"^#+ {title}$", DOCUMENT, flags=re.MULTILINE)[1].split("\n#")[0]


def rows(title: str) -> list[list[str]]:
    """Return the cells of the table under a heading, without its head."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def coded(text: str) -> set[str]:
    """Return what stands in backticks."""
    return set(re.findall(r"`([^`]+)`", text))


def private(module: Any, name: str) -> Any:
    """Return what a module keeps to itself."""
    return vars(module)[name]


def fields(of: Fields, path: str = "") -> Iterator[tuple[str, Support | Only]]:
    """Walk the fields of an operation, by their paths."""
    for name, support in of.items():
        where = f"{path}.{name}" if path else name
        if isinstance(support, Support | Only):
            yield where, support
        else:
            yield from fields(support, where)


def test_every_field_of_a_fault_is_told() -> None:
    """Those that all kinds have once, the others with their kind."""
    told = {(row[0], name) for row in rows("Faults") for name in coded(row[1])}
    common = faults.Fault.model_fields.keys()
    own = {
        (model.__name__.removesuffix("Fault").lower(), name)
        for model in faults.Fault.__subclasses__()
        for name in model.model_fields.keys() - common - {"kind"}
    }
    assert told == own | {("every", name) for name in common}


def test_every_service_is_named() -> None:
    """By the name in its requests' signatures; SageMaker is our own."""
    named = {name for row in rows("Services") for name in coded(row[1])}
    assert named == private(server, "_MOTO_SERVICES") | {"sagemaker"}


def test_every_cloudformation_type_is_named() -> None:
    """With its properties, and whether it is updated in place."""
    told = {
        kind.strip("`"): (set(properties.split(", ")), updated)
        for kind, properties, updated in rows("CloudFormation")
    }
    assert told == {
        kind: ({path.split(".")[0] for path in paths}, "yes" if kind in UPDATABLE else "no")
        for kind, paths in SUPPORTED.items()
    }


def test_every_function_of_templates_is_named() -> None:
    """And every section that a template may have."""
    text = section("CloudFormation")
    functions = private(checks, "_FUNCTIONS") | private(checks, "_CONDITION_FUNCTIONS")
    assert {name for name in coded(text) if name.startswith("Fn::")} == functions
    for name in private(checks, "_SECTIONS") - {"AWSTemplateFormatVersion", "Description"}:
        assert name in text


def test_every_sagemaker_operation_is_named() -> None:
    """Those that make something in the table, the others below it, of which all counts."""
    text = section("SageMaker")
    in_table = {row[0].strip("`") for row in rows("SageMaker")}
    below = coded(text.split("Also there:")[1])
    assert in_table | below == set(SUPPORT)
    for operation in below:
        assert all(support is HONOURED for _, support in fields(SUPPORT[operation])), operation


@pytest.mark.parametrize("kind", ["honoured", "recorded", "only"])
def test_every_sagemaker_field_is_told(kind: str) -> None:
    """As what the code takes it."""
    table = [(row[0].strip("`"), row[1], set(row[2].split(", "))) for row in rows("SageMaker")]
    told = {operation: paths for operation, sort, paths in table if sort == kind}
    found = {operation: set(_told(SUPPORT[operation], kind)) for operation, *_ in table}
    assert told == {operation: paths for operation, paths in found.items() if paths}


def _told(of: Fields, kind: str) -> Iterator[str]:
    for path, support in fields(of):
        if isinstance(support, Only):
            if kind == "only":
                values = " or ".join(_word(value) for value in support.values)
                yield f"{path} = {values}"
        elif support is {"honoured": HONOURED, "recorded": RECORDED}.get(kind):
            yield path


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_what_step_functions_can_call_is_named() -> None:
    """States, jobs and other SageMaker actions, and the integrations that are refused."""
    table = {row[0]: row[1] for row in rows("Step Functions")}
    states = private(stepfunctions_definitions, "_FIELDS")
    assert set(table["States"].split(";")[0].split(", ")) == set(states)
    actions = table["`arn:aws:states:::sagemaker:`"].split(";")[0].split(", ")
    assert set(actions) == set(private(stepfunctions_sagemaker, "_ACTIONS"))
    refused = private(state_task_service_factory, "_UNSUPPORTED_SERVICE_NAMES") - {"sagemaker"}
    assert any(coded(name) == refused for name in table)


def test_what_an_event_source_takes_is_named() -> None:
    """What moto adds of its own and what every mapping has are left out."""
    (text,) = [row[1] for row in rows("Lambda") if row[0] == "Event sources"]
    taken = private(moto_lambda, "_SUPPORTED") - {"AccountId", "FunctionArn", "RegionName", "UUID"}
    named = set(re.findall(r"[A-Z]\w+", text.split(" with ")[1]))
    assert named | {"EventSourceArn", "FunctionName"} == taken


@pytest.mark.parametrize(
    "said",
    [
        "tried again after {:.0f} s and {:.0f} s".format(*asynchronous.RETRY_DELAYS_SECONDS),
        f"At most {pool.ACCOUNT_CONCURRENCY} invocations of functions at once",
        f"at most {private(asynchronous, '_MAX_AT_ONCE')} of them asynchronous",
        f"Warm environments are kept for {private(pool, '_IDLE_SECONDS'):.0f} seconds",
        f"memory plus {private(environment, '_ADDRESS_SPACE_SPARE_MIB'):,} MiB",
        f"{private(environment, '_INIT_SECONDS'):.0f} s for the Init phase",
        f"{outcomes.MAX_REQUEST_BYTES >> 20} MiB a request",
        f"{outcomes.MAX_ASYNC_REQUEST_BYTES >> 20} MiB an asynchronous one",
        f"`{records.RUNTIME}`; others are refused",
        f"`/ping` is asked every {Limits().ping_interval} s",
        "`embedded.json`",
        *(f"`{name}/`" for name in private(state, "_KEPT")),
    ],
)
def test_numbers_and_names_are_those_of_the_code(said: str) -> None:
    """A limit that changes changes the text."""
    assert said in " ".join(DOCUMENT.split())
