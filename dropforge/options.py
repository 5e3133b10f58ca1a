"""The options that every acting command takes: where it acts, and how it prints."""

import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any

import typer

from dropforge.errors import InputError

DEFAULT_STACK = "dropforge"
# docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
_STACK = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,127}")


class Where(StrEnum):
    """The two kinds of target."""

    LOCAL = "local"
    AWS = "aws"


class Runtime(StrEnum):
    """What runs jobs and endpoints of the embedded AWS."""

    PROCESS = "process"
    DOCKER = "docker"


@dataclass(frozen=True)
class Options:
    """Where a command acts, and whether it prints JSON."""

    target: Where = Where.LOCAL
    stack: str = DEFAULT_STACK
    profile: str | None = None
    region: str | None = None
    as_json: bool = False


TargetOption = Annotated[
    Where | None, typer.Option("--target", help="The embedded AWS (local) or AWS.")
]
StackOption = Annotated[
    str | None, typer.Option("--stack", help=f"The stack's name.  [default: {DEFAULT_STACK}]")
]
ProfileOption = Annotated[
    str | None, typer.Option("--profile", help="A profile of your AWS configuration.")
]
RegionOption = Annotated[str | None, typer.Option("--region", help="An AWS region.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document, no more.")]


PipelineName = Annotated[str, typer.Argument(metavar="PIPELINE", help="A pipeline's name.")]
RunId = Annotated[str, typer.Argument(metavar="RUN_ID")]
Timeout = Annotated[float, typer.Option(metavar="SECONDS", min=0, help="How long to wait at most.")]


def remember(  # noqa: PLR0913, PLR0917 - one parameter an option
    context: typer.Context,
    target: TargetOption = None,
    stack: StackOption = None,
    profile: ProfileOption = None,
    region: RegionOption = None,
    as_json: JsonOption = False,  # noqa: FBT002
) -> None:
    """Keep the options; those given after the command's name win over those before it.

    Raises:
        InputError: the stack's name cannot be one.
    """
    if stack is not None and not _STACK.fullmatch(stack):
        raise InputError(f"--stack: {stack!r} cannot be a stack's name: letters, digits, hyphens.")
    before = context.obj or Options()
    given = {"target": target, "stack": stack, "profile": profile, "region": region}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    context.obj = replace(before, **changes, as_json=as_json or before.as_json)


def acting[**P](command: Callable[P, None]) -> Callable[..., None]:
    """Give a command the shared options; it gets them as its first argument, an `Options`.

    Typer reads a command's options from its signature, so the shared ones are written into it. A
    command that is also a group of others acts only when none of those is called.
    """
    shared = inspect.signature(remember).parameters
    own = list(inspect.signature(command).parameters.values())[1:]
    parameters = [p.replace(kind=p.KEYWORD_ONLY) for p in (*own, *shared.values())]

    @functools.wraps(command)
    def wrapper(**values: Any) -> None:
        context = values["context"]
        remember(**{name: values.pop(name) for name in shared})
        if context.invoked_subcommand is None:
            command(context.obj, **values)

    wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
    return wrapper
