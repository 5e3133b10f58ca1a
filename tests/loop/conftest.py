"""One embedded AWS with one stack for the tests here, in this process so that they can hurry it."""

import shutil
import socket
from collections.abc import Iterator

import pytest

from dropforge.build import build
from dropforge.project import Project
from dropforge.target import forget_user_configuration, local_target
from embedded_aws.__main__ import set_environment
from embedded_aws.deploy import deploy_stack
from embedded_aws.settings import Settings

from .stack import QUICK, ROOT, Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A deployed stack; retries and Wait states take no time, everything else is as it ships."""
    forget_user_configuration()
    root = tmp_path_factory.mktemp("project")
    for name in ("template.yaml", "dropforge_jobs"):
        (root / name).symlink_to(ROOT / name)
    (root / "pipelines").mkdir()
    shutil.copytree(QUICK / "container", root / "containers/quick")
    project = Project(root, root / "state")
    built = build(Project(ROOT, ROOT / ".dropforge/local"))

    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    port = listener.getsockname()[1]
    settings = Settings(state=project.state, port=port)
    set_environment(settings)
    # After the environment: moto reads it while it is imported.
    from embedded_aws.gaps import stepfunctions_waiting  # noqa: PLC0415
    from embedded_aws.machine import Machine  # noqa: PLC0415

    project.state.mkdir()
    machine = Machine(settings, listener)
    pause = stepfunctions_waiting.pause
    stepfunctions_waiting.pause = lambda env, seconds: pause(env, min(seconds, 0.02))
    machine.start()
    target = local_target(settings.endpoint_url, "dropforge", settings.region)
    webhook = (project.state / "slack-webhook").read_text("utf-8")
    target.client("ssm").put_parameter(
        Name="/dropforge/slack-webhook", Value=webhook, Type="SecureString"
    )
    parameters = {
        "Architecture": built.architecture,
        "BatchingWindowSeconds": "1",
        "SlackWebhookSource": "ssm",
    }
    deploy_stack(target.client, built.folder / "template.yaml", "dropforge", parameters, "packages")
    yield Stack(project, target)
    machine.stop()
    listener.close()
    stepfunctions_waiting.pause = pause


@pytest.fixture(autouse=True)
def no_faults_left(stack: Stack) -> Iterator[None]:
    """A fault that a test forced and did not use does not reach the next."""
    yield
    stack.clear_faults()
