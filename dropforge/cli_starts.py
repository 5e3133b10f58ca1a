"""The commands that start, stop and redrive runs: what they do with options and errors."""

# Verbs are imported when they are called: `--help` must not wait for boto3 and Rich.
# ruff: noqa: PLC0415

from typing import Annotated

import typer

from dropforge import output
from dropforge.options import Options, PipelineName, RunId, Timeout, acting


def register(app: typer.Typer) -> None:
    """Add the commands of this module, in this order."""
    for command in (retrain, adopt, stop, redrive, dead_letters):
        app.command(command.__name__.replace("_", "-"))(acting(command))


def retrain(
    options: Options,
    pipeline: PipelineName,
    wait: Annotated[  # noqa: FBT002 - how Typer reads a flag
        bool, typer.Option("--wait", help="Wait for the run's end.")
    ] = False,
    timeout: Timeout = 3600,
) -> None:
    """Start a run without new data, on what the pipeline reads."""
    from dropforge import retrain as verb
    from dropforge import runs as verb_runs
    from dropforge.target import open_target

    target = open_target(options)
    requested = verb.ask(target, pipeline)
    if not wait:
        output.write_json(requested.document()) if options.as_json else requested.write()
        return
    verb_runs.conclude(verb.wait(target, requested, timeout), as_json=options.as_json)


def adopt(
    options: Options,
    pipeline: PipelineName,
    address: Annotated[str, typer.Argument(metavar="S3://BUCKET/PREFIX", help="What to take in.")],
    wait: Annotated[  # noqa: FBT002
        bool, typer.Option("--wait", help="Wait until every object has a fate.")
    ] = False,
    timeout: Timeout = 3600,
) -> None:
    """Take in data that is in S3 already, without a download; again and again does no harm."""
    from dropforge import adopt as verb
    from dropforge import runs as verb_runs
    from dropforge.target import open_target

    target = open_target(options)
    adopted = verb.adopt(target, pipeline, address)
    if not wait:
        output.write_json(adopted.document()) if options.as_json else adopted.write()
        return
    verb_runs.conclude(verb.wait(target, adopted, timeout), as_json=options.as_json)


def stop(
    options: Options,
    run_id: RunId,
    comment: Annotated[str | None, typer.Option(metavar="TEXT", help="Why; people see it.")] = None,
    timeout: Timeout = 900,
) -> None:
    """Stop a run, with all that it started; it ends as FAILED, and the next one may start."""
    from dropforge import runs as verb_runs
    from dropforge import stop as verb
    from dropforge.target import open_target

    target = open_target(options)
    run = verb.wait(target, verb.stop(target, run_id, comment), timeout)
    output.write_json(verb_runs.document(run)) if options.as_json else verb_runs.write_run(run)


def redrive(
    options: Options,
    run_id: RunId,
    over_newer: Annotated[  # noqa: FBT002 - how Typer reads a flag
        bool, typer.Option("--over-newer", help="Although a newer run is deployed.")
    ] = False,
    wait: Annotated[  # noqa: FBT002
        bool, typer.Option("--wait", help="Wait for the attempt's end.")
    ] = False,
    timeout: Timeout = 3600,
) -> None:
    """Try a failed run again on the same data, without the steps that it had finished."""
    from dropforge import redrive as verb
    from dropforge import runs as verb_runs
    from dropforge.target import open_target

    target = open_target(options)
    redriven = verb.redrive(target, run_id, over_newer=over_newer)
    if not wait:
        output.write_json(redriven.document()) if options.as_json else redriven.write()
        return
    verb_runs.conclude(verb.wait(target, redriven, timeout), as_json=options.as_json)


def dead_letters(
    options: Options,
    redrive: Annotated[  # noqa: FBT002 - how Typer reads a flag
        bool, typer.Option("--redrive", help="Send them to the trigger again.")
    ] = False,
) -> None:
    """List messages that the trigger could not handle, or send them to it again."""
    from dropforge import dead_letters as verb
    from dropforge.target import open_target

    target = open_target(options)
    found = verb.redrive(target) if redrive else verb.find(target)
    if options.as_json:
        output.write_json([one.document() for one in found])
    else:
        verb.write(found)
    verb.tell(found)
