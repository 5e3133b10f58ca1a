"""`dropforge local`: the embedded AWS with this application in it, up or down."""

from dataclasses import dataclass
from typing import Any

from dropforge import embedded, output
from dropforge.build import Build, build
from dropforge.embedded import Embedded
from dropforge.errors import CommandError, InputError
from dropforge.project import Project
from dropforge.target import local_target
from embedded_aws.deploy import DeployError, deploy_stack
from embedded_aws.engine import remove_all

_WEBHOOK = "/dropforge/slack-webhook"
_PACKAGES = "sam-packages"
_RUNTIME = "process"
_DEPLOYED = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}


@dataclass(frozen=True)
class Status:
    """What runs: the embedded AWS, and the stack in it."""

    found: Embedded | None
    stack: str | None

    def document(self) -> dict[str, Any]:
        """Return what `--json` prints of it."""
        return {
            "running": self.found is not None,
            "endpoint_url": self.found.endpoint_url if self.found else None,
            "console_url": None,
            "stack": self.stack,
            "pid": self.found.pid if self.found else None,
            "runtime": self.found.runtime if self.found else None,
            "container_url": self.found.container_url if self.found else None,
        }

    def write(self) -> None:
        """Print it for people."""
        if self.found is None:
            output.write_line("The embedded AWS is not running; start it: dropforge local up")
            return
        what = f"stack {self.stack}" if self.stack else "no stack; deploy it: dropforge local up"
        output.write_line(
            f"The embedded AWS runs at {self.found.endpoint_url}"
            f" (process {self.found.pid}, runtime {self.found.runtime}), with {what}."
        )


def up(project: Project, stack: str, runtime: str | None = None) -> Status:
    """Start the embedded AWS, empty, and deploy the application to it; nothing to do when it is up.

    Its jobs and endpoints run in `runtime`, "process" unless told; None is content with any.

    Raises:
        InputError: it is up with another runtime.
        CommandError: the build failed, or it did not start.
    """
    with embedded.only_one(project.state):
        before = status(project, stack)
        if before.found and runtime not in {None, before.found.runtime}:
            raise InputError(
                f"--runtime {runtime}: the embedded AWS is up with {before.found.runtime}; stop it"
                " first: dropforge local down"
            )
        if before.found and before.stack:
            output.say("The embedded AWS is already up.")
            return before
        built = build(project)
        if before.found:
            _deploy(project, before.found, stack, built)
            return Status(before.found, stack)
        output.say("Starting the embedded AWS; it starts empty ...")
        found = embedded.start(project.state, runtime or _RUNTIME)
        try:
            _deploy(project, found, stack, built)
        except BaseException:
            # Half an application is of no use, and hides that the next start is a new one.
            embedded.stop(project.state)
            raise
        return Status(found, stack)


def down(project: Project) -> int | None:
    """Stop the embedded AWS; return its pid, or None when none was running.

    Containers of one that was killed are removed.
    """
    with embedded.only_one(project.state):
        pid = embedded.stop(project.state)
        remove_all(project.state)
        return pid


def status(project: Project, stack: str) -> Status:
    """Look whether the embedded AWS runs, and whether the stack is in it."""
    found = embedded.find(project.state)
    if found is None:
        return Status(None, None)
    stacks = local_target(found.endpoint_url, stack, found.region).cloudformation.describe_stacks()
    names = [s["StackName"] for s in stacks["Stacks"] if s["StackStatus"] in _DEPLOYED]
    return Status(found, stack if stack in names else None)


def _deploy(project: Project, found: Embedded, stack: str, built: Build) -> None:
    target = local_target(found.endpoint_url, stack, found.region)
    target.client("ssm").put_parameter(
        Name=_WEBHOOK,
        Value=(project.state / "slack-webhook").read_text(),
        Type="SecureString",
        Overwrite=True,
    )
    parameters = {
        "Architecture": built.architecture,
        "BatchingWindowSeconds": "1",
        "SlackWebhookSource": "ssm",
        "SlackWebhookName": _WEBHOOK,
    }
    try:
        deploy_stack(target.client, built.folder / "template.yaml", stack, parameters, _PACKAGES)
    except DeployError as err:
        raise CommandError(f"Stack {stack} was not deployed: {err}") from err
