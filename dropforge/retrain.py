"""`dropforge retrain`: ask for a run without new data, through the trigger's queue."""

import json
import uuid
from dataclasses import dataclass

from dropforge_core.naming import is_pipeline_name
from dropforge_core.records import Run
from dropforge_core.start_requests import message
from dropforge_core.times import iso, utc_now

from dropforge import output
from dropforge.errors import InputError
from dropforge.project import find_project
from dropforge.publish import ensure_published
from dropforge.target import Target
from dropforge.waiting import watching


@dataclass(frozen=True)
class Requested:
    """A start that was asked for."""

    pipeline: str
    request_id: str

    def document(self) -> dict[str, str]:
        """Return what `--json` prints of it."""
        return {"pipeline": self.pipeline, "request_id": self.request_id}

    def write(self) -> None:
        """Say what happens next."""
        output.write_line(f"Asked for a run of {self.pipeline}: {self.request_id}")
        output.say(f"Follow it: dropforge runs {self.pipeline}")


def ask(target: Target, pipeline: str) -> Requested:
    """Publish the pipeline where it has changed, and ask for a run.

    Raises:
        InputError: there is no such pipeline, or something is wrong with it.
    """
    if not is_pipeline_name(pipeline):
        raise InputError(f"{pipeline!r} cannot be a pipeline's name; see: ls pipelines")
    ensure_published(find_project(), target, pipeline)
    return send(target, pipeline)


def send(target: Target, pipeline: str) -> Requested:
    """Ask for a run of a published pipeline."""
    request_id = uuid.uuid4().hex
    body = message(target.stack, pipeline, "PERSON", request_id, iso(utc_now()))
    target.client("sqs").send_message(
        QueueUrl=target.output("IncomingQueueUrl"), MessageBody=json.dumps(body)
    )
    return Requested(pipeline, request_id)


def wait(target: Target, requested: Requested, timeout: float) -> Run:
    """Wait, with progress on stderr, for the run that takes the request, and for its end.

    Raises:
        CommandError: time is up, or the pipeline was not published.
        KeyboardInterrupt: the person would not wait; was told that the run goes on.
    """
    with watching(target, requested.pipeline, timeout) as watch:
        return watch.until_ended(watch.until_taken(requested.request_id))
