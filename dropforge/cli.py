"""The command line: which verbs there are, and what they do with options and errors."""

# Verbs are imported when they are called: `--help` must not wait for boto3 and Rich.
# ruff: noqa: PLC0415

import contextlib
import os
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from dropforge import cli_images, cli_local, cli_starts, output
from dropforge import options as shared
from dropforge.errors import CommandError, InputError
from dropforge.options import Options, PipelineName, RunId, Timeout, acting
from dropforge.project import error_log, find_project

app = typer.Typer(
    help="Drop data into S3; get a retrained model, judged, deployed, and a message that says so.",
    callback=shared.remember,
    pretty_exceptions_enable=False,
    # Half as long to wait for, and as easy to read.
    rich_markup_mode=None,
    add_completion=False,
)
function = typer.Typer(help="The Lambda functions of the stack.", rich_markup_mode=None)
app.add_typer(cli_local.app, name="local")
app.add_typer(cli_images.app, name="image")
app.add_typer(function, name="function")


@app.command()
@acting
def publish(
    options: Options,
    pipelines: Annotated[
        list[str] | None, typer.Argument(metavar="PIPELINE", help="All when none is named.")
    ] = None,
) -> None:
    """Validate, package and upload pipelines."""
    from dropforge import publish as verb
    from dropforge.target import open_target

    published = verb.publish(find_project(), open_target(options), pipelines or [])
    if options.as_json:
        output.write_json([one.document() for one in published])
    else:
        verb.write(published)


@app.command()
@acting
def drop(
    options: Options,
    pipeline: PipelineName,
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="Files or folders.")],
    wait: Annotated[  # noqa: FBT002 - how Typer reads a flag
        bool, typer.Option("--wait", help="Wait until every dropped object has a fate.")
    ] = False,
    timeout: Timeout = 3600,
) -> None:
    """Drop data: upload it, and a run starts."""
    from dropforge import drop as verb
    from dropforge import runs as verb_runs

    target, dropped = verb.drop(options, pipeline, [_path(text) for text in paths])
    if not wait:
        document = [one.document() for one in dropped]
        output.write_json(document) if options.as_json else verb.write(pipeline, dropped)
        return
    verb_runs.conclude(verb.wait(target, pipeline, dropped, timeout), as_json=options.as_json)


cli_starts.register(app)


@app.command()
@acting
def rollback(
    options: Options,
    pipeline: PipelineName,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="RUN_ID", help="Whose model; the one before by default."),
    ] = None,
    timeout: Timeout = 3600,
) -> None:
    """Bring back the model of an earlier run, and wait until it serves."""
    from dropforge import rollback as verb
    from dropforge import runs as verb_runs
    from dropforge.target import open_target

    target = open_target(options)
    run = verb.wait(target, verb.start(target, pipeline, to), timeout)
    verb_runs.conclude(run, as_json=options.as_json)


@app.command()
@acting
def destroy(
    options: Options,
    pipeline: PipelineName,
    yes: Annotated[  # noqa: FBT002 - how Typer reads a flag
        bool, typer.Option("--yes", help="Do not ask.")
    ] = False,
) -> None:
    """Delete a pipeline's endpoint, endpoint configs and models; data and artifacts stay."""
    from dropforge import destroy as verb
    from dropforge.target import open_target

    may_ask = sys.stdin.isatty() and not options.as_json
    done = verb.destroy(open_target(options), pipeline, yes=yes, may_ask=may_ask)
    output.write_json(done.document()) if options.as_json else done.write()


@app.command()
@acting
def runs(
    options: Options,
    pipeline: Annotated[str | None, typer.Argument(metavar="PIPELINE")] = None,
) -> None:
    """List runs, newest first."""
    from dropforge import runs as verb
    from dropforge.target import open_target

    target = open_target(options)
    found = verb.list_runs(target, pipeline)
    if options.as_json:
        output.write_json([verb.document(run) for run in found])
    else:
        verb.write_list(target, found)


@app.command()
@acting
def show(
    options: Options,
    run_id: RunId,
    follow: Annotated[  # noqa: FBT002 - how Typer reads a flag
        bool, typer.Option("--follow", help="Show steps and training metrics until it has ended.")
    ] = False,
) -> None:
    """Show one run."""
    from dropforge import runs as verb
    from dropforge.target import open_target

    target = open_target(options)
    found = verb.find_run(target, run_id)
    if follow:
        from dropforge import follow as following

        found = following.follow(target, found)
    found = verb.with_progress(target, found)
    output.write_json(verb.document(found)) if options.as_json else verb.write_run(found)


@app.command()
@acting
def approve(
    options: Options,
    run_id: RunId,
    reject: Annotated[  # noqa: FBT002 - how Typer reads a flag
        bool, typer.Option("--reject", help="Turn the model down.")
    ] = False,
    comment: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why; kept with the model package.")
    ] = None,
) -> None:
    """Approve a model that waits for a person, or turn it down."""
    from dropforge import approve as verb
    from dropforge.target import open_target

    decision = verb.approve(open_target(options), run_id, approved=not reject, comment=comment)
    output.write_json(decision.document()) if options.as_json else decision.write()


@app.command()
@acting
def report(
    options: Options,
    run_id: RunId,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="PATH", help="A folder to put it into.")
    ] = None,
    in_browser: Annotated[  # noqa: FBT002 - how Typer reads a flag
        bool, typer.Option("--open", help="Open it in the browser.")
    ] = False,
) -> None:
    """Fetch the report of a run's evaluation, and its chart."""
    from dropforge import report as verb
    from dropforge.target import open_target

    fetched = verb.fetch(find_project(), open_target(options), run_id, out)
    output.write_json(fetched.document()) if options.as_json else fetched.write()
    if in_browser:
        verb.open_in_browser(fetched)


@app.command()
@acting
def data(
    options: Options,
    pipeline: PipelineName,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", metavar="KEY", help="Set this object aside: no run reads it."),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option("--run", metavar="RUN_ID", help="Set aside what this run was first to read."),
    ] = None,
    readmit: Annotated[
        list[str] | None,
        typer.Option("--readmit", metavar="KEY", help="Let this object wait for the next run."),
    ] = None,
) -> None:
    """List what was dropped and its fate; set data aside, or take it back in."""
    from dropforge import data as verb
    from dropforge.target import open_target

    target = open_target(options)
    asked = verb.Asked(exclude=tuple(exclude or ()), run_id=run, readmit=tuple(readmit or ()))
    changed = verb.change(target, pipeline, asked) if asked.anything else None
    if options.as_json:
        listed = verb.list_arrivals(target, pipeline)
        output.write_json([verb.document(one) for one in listed])
    else:
        verb.write(verb.list_arrivals(target, pipeline) if changed is None else changed)
    if changed:
        verb.tell(changed)


@app.command()
@acting
def invoke(  # noqa: PLR0913, PLR0917 - Typer makes options of them
    options: Options,
    pipeline: PipelineName,
    data: Annotated[str | None, typer.Option("--data", metavar="TEXT", help="What to ask.")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="PATH", help="A file of what to ask.")
    ] = None,
    content_type: Annotated[str, typer.Option("--content-type", metavar="T")] = "text/csv",
    container: Annotated[
        str | None,
        typer.Option("--container", metavar="NAME", help="Which one to ask, in the mode direct."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="OUT.png", help="Draw question and answer as curves."),
    ] = None,
) -> None:
    """Ask a pipeline's endpoint."""
    from dropforge import invoke as verb
    from dropforge.target import open_target

    body = verb.read_body(data, file)
    verb.check_plot(plot)
    answer = verb.invoke(open_target(options), pipeline, body, content_type, container)
    output.write_json(answer.document()) if options.as_json else answer.write()
    if plot is not None:
        verb.plot(pipeline, body, answer, plot)


@app.command()
@acting
def transform(  # noqa: PLR0913, PLR0917 - Typer makes options of them
    options: Options,
    pipeline: PipelineName,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file, or a folder of them.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="PATH", help="Where to put the answers.")
    ] = None,
    input_filter: Annotated[
        str, typer.Option("--input-filter", metavar="JSONPATH", help="What of a row is asked.")
    ] = "$",
    output_filter: Annotated[
        str, typer.Option("--output-filter", metavar="JSONPATH", help="What of it comes back.")
    ] = "$",
    joins: Annotated[  # noqa: FBT002 - how Typer reads a flag
        bool, typer.Option("--join/--no-join", help="Each answer beside its row, or alone.")
    ] = True,
    timeout: Timeout = 3600,
) -> None:
    """Ask the model that serves about whole files, by batch transform."""
    from dropforge import transform as verb
    from dropforge.target import open_target

    wish = verb.Wish(input_filter, output_filter, joins)
    done = verb.transform(open_target(options), pipeline, path, out, wish, timeout)
    output.write_json(done.document()) if options.as_json else done.write()


@app.command()
@acting
def logs(  # noqa: PLR0913, PLR0917 - Typer makes options of them
    options: Options,
    pipeline: PipelineName,
    run: Annotated[
        str | None, typer.Option("--run", metavar="RUN_ID", help="Of this run's jobs.")
    ] = None,
    step: Annotated[
        str | None,
        typer.Option(
            "--step", metavar="STEP", help="Preprocess, Train, Evaluate or Transform; newest run."
        ),
    ] = None,
    container: Annotated[
        str | None, typer.Option("--container", metavar="NAME", help="Of one container only.")
    ] = None,
    follow: Annotated[  # noqa: FBT002 - how Typer reads a flag
        bool, typer.Option("--follow", help="Go on with what comes.")
    ] = False,
) -> None:
    """Show what a pipeline's endpoint, or a run's jobs, have logged."""
    from dropforge import logs as verb
    from dropforge.target import open_target

    if follow and options.as_json:
        raise InputError("--follow has no end, so --json has no document to print.")
    target = open_target(options)
    found = verb.lines(target, verb.sources(target, pipeline, run, step, container), follow=follow)
    if options.as_json:
        output.write_json([line.document() for line in found])
        return
    for line in found:
        verb.write(line)


@app.command()
@acting
def slack(options: Options) -> None:
    """Show the messages that the embedded Slack stand-in holds."""
    from dropforge import slack as verb
    from dropforge.target import open_target

    found = verb.messages(open_target(options))
    output.write_json(found) if options.as_json else verb.write(found)


@function.command("invoke")
@acting
def function_invoke(
    options: Options,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its logical id in template.yaml.")],
    event: Annotated[
        str | None, typer.Option("--event", "-e", metavar="EVENT.json", help="- reads stdin.")
    ] = None,
) -> None:
    """Run one Lambda function, as `sam local invoke` does."""
    from dropforge import function as verb
    from dropforge.target import open_target

    content = verb.read_event(event)
    done = verb.invoke(open_target(options), name, content)
    output.write_json(done.answer)
    _exit(1 if done.failed else 0)


@app.command()
@acting
def check(options: Options) -> None:
    """Validate pipelines, state machines and template without running anything."""
    from dropforge import check as verb

    findings = verb.check(find_project())
    if options.as_json:
        output.write_json([finding.document() for finding in findings])
    else:
        verb.write(findings)
    _exit(2 if any(finding.problem for finding in findings) else 0)


def main() -> None:
    """Run the command line; every error is one line on stderr and an exit status."""
    try:
        arguments = sys.argv[1:] or ["--help"]
        sys.exit(app(arguments, prog_name="dropforge", standalone_mode=False))
    except CommandError as err:
        _fail(str(err), err.status)
    except typer.TyperException as err:
        _fail(*_usage(err))
    except BrokenPipeError:
        # Whoever read our output has gone; what Python still wants to flush goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as err:  # noqa: BLE001 - no traceback ever reaches a user
        _fail(*_unexpected(err))


def _path(text: str) -> Path:
    # To pathlib it is the working directory; typed, it is a shell's variable that holds nothing.
    if not text:
        raise InputError("PATH: is empty: name a file or a folder.")
    return Path(text)


def _exit(status: int) -> None:
    if status:
        raise typer.Exit(status)


def _fail(message: str, status: int) -> NoReturn:
    output.say(f"dropforge: {' '.join(message.split())}")
    sys.exit(status)


def _usage(err: typer.TyperException) -> tuple[str, int]:
    context = getattr(err, "ctx", None)
    command = context.command_path if context else "dropforge"
    message = getattr(err, "format_message", err.__str__)()
    return f"{message.rstrip('.')} (see: {command} --help)", 2


def _unexpected(err: Exception) -> tuple[str, int]:
    """Word an error that no command expected, and keep its details for whoever mends it."""
    from boto3.exceptions import S3UploadFailedError
    from botocore.exceptions import BotoCoreError, ClientError

    if isinstance(err, S3UploadFailedError) and isinstance(err.__context__, ClientError):
        err = err.__context__  # which boto3 has put into words of its own
    if isinstance(err, BotoCoreError | ClientError):
        from dropforge.target import explain

        known = explain(err)
        return str(known), known.status
    log = error_log()
    with contextlib.suppress(OSError):
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a") as file:
            file.write(f"{datetime.now(UTC).isoformat()} {sys.argv[1:]}\n")
            traceback.print_exception(err, file=file)
    return f"{type(err).__name__}: {err}; details are in {log}", 1


if __name__ == "__main__":
    main()
