"""An embedded AWS in this process, for benchmarks that look inside."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

from dropforge.build import build
from dropforge.project import Project
from dropforge.target import Target, forget_user_configuration, local_target
from embedded_aws.__main__ import set_environment
from embedded_aws.deploy import deploy_stack
from embedded_aws.settings import Settings

ROOT = Path(__file__).parents[1]


@contextlib.contextmanager
def settings_for(state: Path) -> Iterator[tuple[Settings, socket.socket]]:
    """Prepare this process: a bound port, and nothing of the user's own AWS within reach.

    Import what imports moto after this: moto reads the environment while it is imported.
    """
    forget_user_configuration()
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        settings = Settings(state=state, port=listener.getsockname()[1])
        set_environment(settings)
        yield settings, listener


def target_of(settings: Settings) -> Target:
    """Return the tool's view of the embedded AWS."""
    return local_target(settings.endpoint_url, "dropforge", settings.region)


def deploy(target: Target, webhook: str) -> None:
    """Deploy the application as `dropforge local up` does, with Slack's stand-in."""
    name = "/dropforge/slack-webhook"
    target.client("ssm").put_parameter(Name=name, Value=webhook, Type="SecureString")
    built = build(Project(ROOT, ROOT / ".dropforge/local"))
    parameters = {"Architecture": built.architecture, "SlackWebhookSource": "ssm"}
    deploy_stack(target.client, built.folder / "template.yaml", "dropforge", parameters, "packages")
