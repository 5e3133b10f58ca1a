"""The commands that act on the embedded AWS itself: what they do with options and errors."""

# Verbs are imported when they are called: `--help` must not wait for boto3 and Rich.
# ruff: noqa: PLC0415

from typing import Annotated

import typer

from dropforge import output
from dropforge.errors import InputError
from dropforge.options import Options, Runtime, Where, acting
from dropforge.project import find_project

app = typer.Typer(help="The embedded AWS on this machine.", rich_markup_mode=None)
faults = typer.Typer(rich_markup_mode=None)
app.add_typer(faults, name="faults")

# The character in the first line keeps the others as they are.
_KINDS_OF_FAULTS = """\b
KIND      FIELDs; those in brackets may be left out
call      service operation [by], then code [message status], breaks or seconds [happens]
event     [source detail_type] then=dropped, delayed, duplicated or reordered [seconds copies]
message   [queue] [copies seconds]
function  [function] [then=killed or timed_out] [call service operation happens] or seconds
job       [job] then=killed, failed, stopped, timed_out or interrupted [reason seconds grace away]
endpoint  [endpoint] [restarts seconds]
each      [match after times]

docs/local.md says what they mean.
"""


@app.command()
@acting
def up(
    options: Options,
    runtime: Annotated[
        Runtime | None, typer.Option("--runtime", help="What runs jobs and endpoints.")
    ] = None,
) -> None:
    """Start the embedded AWS, empty, with the application deployed in it."""
    from dropforge import local as verb

    _only_here(options)
    state = verb.up(find_project(), options.stack, runtime)
    output.write_json(state.document()) if options.as_json else state.write()


@app.command()
@acting
def down(options: Options) -> None:
    """Stop the embedded AWS; what was in it is gone."""
    from dropforge import local as verb

    _only_here(options)
    pid = verb.down(find_project())
    if options.as_json:
        output.write_json(verb.Status(None, None).document())
    elif pid is None:
        output.write_line("The embedded AWS was not running.")
    else:
        output.write_line(f"Stopped the embedded AWS (process {pid}).")


@app.command()
@acting
def status(options: Options) -> None:
    """Describe the embedded AWS."""
    from dropforge import local as verb

    _only_here(options)
    state = verb.status(find_project(), options.stack)
    output.write_json(state.document()) if options.as_json else state.write()


@faults.callback(invoke_without_command=True)
@acting
def list_faults(options: Options) -> None:
    """List the faults that are forced on the embedded AWS and still to come."""
    from dropforge import faults as verb

    found = verb.pending(_endpoint_here(options))
    output.write_json(found) if options.as_json else verb.write(found)


@faults.command("add", epilog=_KINDS_OF_FAULTS)
@acting
def add_fault(
    options: Options,
    kind: Annotated[str | None, typer.Argument(metavar="KIND")] = None,
    fields: Annotated[list[str] | None, typer.Argument(metavar="FIELD=VALUE")] = None,
    file: Annotated[
        str | None, typer.Option("--file", metavar="PATH", help="A JSON document; - reads stdin.")
    ] = None,
) -> None:
    """Force a fault on the embedded AWS."""
    from dropforge import faults as verb

    document = verb.read(kind, fields or [], file)
    found = verb.add(_endpoint_here(options), document)
    output.write_json(found) if options.as_json else verb.write(found)


@faults.command("clear")
@acting
def clear_faults(options: Options) -> None:
    """Forget all faults; events that are held for one are delivered."""
    from dropforge import faults as verb

    verb.clear(_endpoint_here(options))
    output.write_json([]) if options.as_json else verb.write([])


def _only_here(options: Options) -> None:
    if options.target is Where.AWS:
        raise InputError("local: acts on this machine only; leave out --target aws.")


def _endpoint_here(options: Options) -> str:
    from dropforge.target import open_local

    _only_here(options)
    return str(open_local(options).endpoint_url)
