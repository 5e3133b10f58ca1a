"""All parts of one embedded AWS, put together, started and stopped."""

import socket
import threading
from collections.abc import Sequence

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from embedded_aws import gaps
from embedded_aws.alarms import Alarms
from embedded_aws.cloudwatch import CloudWatch
from embedded_aws.cloudwatch_logs import CloudWatchLogs
from embedded_aws.control import Control
from embedded_aws.deliveries import Deliveries
from embedded_aws.engine import Engine, removal, remove_all
from embedded_aws.events import EventBridge
from embedded_aws.faults import Faults, messages
from embedded_aws.faults.calls import CallFaults
from embedded_aws.faults.events import EventFaults
from embedded_aws.functions import Functions
from embedded_aws.glue import Glue
from embedded_aws.glue.runs import Surroundings
from embedded_aws.http import make_server
from embedded_aws.images import Images
from embedded_aws.processes import Children
from embedded_aws.sagemaker import SageMaker
from embedded_aws.sagemaker.docker_runtime import DockerRuntime
from embedded_aws.sagemaker.log_streams import LogStreams
from embedded_aws.sagemaker.process_runtime import ProcessRuntime
from embedded_aws.sagemaker.runtime import Runtime
from embedded_aws.sagemaker.storage import Storage
from embedded_aws.scheduler import Scheduler
from embedded_aws.schedules import Schedules
from embedded_aws.server import Front
from embedded_aws.settings import Settings
from embedded_aws.slack import Slack


class Machine:
    """One embedded AWS. Only one in a process: moto's own state is global."""

    def __init__(
        self, settings: Settings, listeners: Sequence[socket.socket], engine: Engine | None = None
    ) -> None:
        """Put the parts together; `listeners` are the bound sockets of `settings.port`.

        With `engine` jobs and endpoints run in its containers, else as processes.
        """
        faults = Faults()
        self._settings = settings
        self._children = Children(settings, removal(settings.state) if engine else ())
        self._functions = Functions(settings, self._children, faults, initialise_ahead=True)
        messages.apply(faults)
        events = EventBridge(settings, self._functions, EventFaults(faults))
        cloudwatch = CloudWatch(settings)
        self._alarms = Alarms(settings, cloudwatch, events.emit)
        runtime = _runtime(settings, self._children, engine)
        put_logs = CloudWatchLogs(settings).put
        self._closing = threading.Event()
        logs = LogStreams(put_logs, self._closing)
        self._glue = Glue(Surroundings(settings, runtime, Storage(settings), events.emit, logs))
        self._sagemaker = SageMaker(
            settings,
            events.emit,
            runtime,
            faults=faults,
            cloudwatch=cloudwatch,
            put_logs=put_logs,
        )
        self._schedules = Schedules(
            settings, events.fire, Scheduler(settings, self._functions).schedules
        )
        notifications = Deliveries("sns.amazonaws.com", settings, self._functions)
        gaps.apply_all(events, notifications, self._alarms.changed, self._sagemaker.wait_for_change)
        slack = Slack(settings)
        front = Front(
            settings,
            moto=DomainDispatcherApplication(create_backend_app),
            sagemaker=self._sagemaker,
            glue=self._glue,
            functions=self._functions,
            slack=slack,
            faults=CallFaults(faults),
            control=Control(
                settings,
                slack=slack,
                faults=faults,
                sagemaker=self._sagemaker,
                schedules=self._schedules,
            ),
        )
        self._servers = [make_server(listener, front, front.shortcut) for listener in listeners]

    def start(self) -> None:
        """Answer requests, poll the queues that feed functions, watch schedules and alarms."""
        for server in self._servers:
            threading.Thread(
                target=server.serve_forever, args=(0.1,), name="http", daemon=True
            ).start()
        self._schedules.start()
        self._alarms.start()
        self._functions.poll_event_sources()

    def stop(self) -> None:
        """Stop everything that was started, processes included."""
        self._schedules.stop()
        self._alarms.stop()
        self._functions.stop()
        self._sagemaker.stop()
        self._glue.stop()
        self._closing.set()
        self._children.stop_all()
        remove_all(self._settings.state)
        for server in self._servers:
            server.shutdown()


def _runtime(settings: Settings, children: Children, engine: Engine | None) -> Runtime:
    images = Images(settings.state / "images")
    if engine is None:
        return ProcessRuntime(settings, children, images)
    return DockerRuntime(settings, children, images, engine)
