"""`dropforge drop`: upload data for a pipeline, and on request wait for what becomes of it."""

from collections.abc import Iterable
from pathlib import Path

from dropforge_core import words
from dropforge_core.naming import is_pipeline_name
from dropforge_core.records import Run

from dropforge import embedded, local, output, pipelines
from dropforge.errors import InputError
from dropforge.options import Options, Where
from dropforge.project import find_project
from dropforge.publish import ensure_published
from dropforge.target import Target, open_target
from dropforge.upload import Dropped, gather, upload
from dropforge.waiting import watching


def drop(options: Options, pipeline: str, paths: Iterable[Path]) -> tuple[Target, list[Dropped]]:
    """Upload files and folders; starts the embedded AWS and publishes the pipeline where needed.

    Raises:
        InputError: no such pipeline, or something is wrong with it or with a path.
        UnreachableError: AWS cannot be reached.
    """
    if not is_pipeline_name(pipeline):
        raise InputError(f"{pipeline!r} cannot be a pipeline's name; see: ls pipelines")
    sources = gather(pipeline, paths)
    project = find_project()
    if options.target is Where.LOCAL and embedded.find(project.state) is None:
        # Nothing is published in what is not up: what is wrong with the pipeline shows here.
        pipelines.load(project, pipeline)
        local.up(project, options.stack)
    target = open_target(options)
    ensure_published(project, target, pipeline)
    dropped = upload(target, sources)
    total = words.size(sum(source.size for source in sources))
    many = words.counted(len(dropped), "object")
    output.say(f"Dropped {many}, {total}, for pipeline {pipeline}.")
    return target, dropped


def wait(target: Target, pipeline: str, dropped: list[Dropped], timeout: float) -> Run:
    """Wait, with progress on stderr, and return the last run that took any of these.

    Raises:
        CommandError: no run took them, or time is up.
        KeyboardInterrupt: the person would not wait; was told that the run goes on.
    """
    with watching(target, pipeline, timeout) as watch:
        run = watch.until_decided(dropped)
    if watch.set_aside:
        many = words.counted(len(watch.set_aside), "object")
        output.say(f"Set aside {many}, which no later run reads: dropforge data {pipeline}")
    return run


def write(pipeline: str, dropped: list[Dropped]) -> None:
    """Print the uploaded objects for people, and how to follow what comes of them."""
    output.write_table(("key", "version"), [(one.key, one.version_id) for one in dropped])
    output.say(f"Follow it: dropforge runs {pipeline}")
