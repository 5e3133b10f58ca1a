"""Command line: `python -m embedded_aws --state DIR [--port N] [--region R] [--runtime NAME]`."""

import argparse
import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path

from embedded_aws import state
from embedded_aws.engine import Engine, EngineError
from embedded_aws.settings import Settings

_STOP_SECONDS = 8.0


def main() -> int:
    """Run in the foreground until SIGTERM or SIGINT; return the exit status."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    options = _options()
    try:
        held = state.take(options.state)
        engine = Engine(options.state) if options.runtime == "docker" else None
        listeners = _listen(options.port, engine)
    except (state.StateError, EngineError, OSError) as err:
        sys.stderr.write(f"embedded AWS: {err}\n")
        return 1
    port = listeners[0].getsockname()[1]
    bridge = engine.bridge if engine else None
    settings = Settings(options.state, port, options.region, runtime=options.runtime, bridge=bridge)
    with held:
        _log_to(settings.state / "embedded.log")
        set_environment(settings)
        _serve(settings, listeners, engine, stop)
    return 0


def _listen(port: int, engine: Engine | None) -> list[socket.socket]:
    """Listen on this machine's loopback; when containers are to reach us, also where they can."""
    listeners = [socket.create_server(("127.0.0.1", port), backlog=128)]
    if engine:
        address = (engine.bridge, listeners[0].getsockname()[1])
        try:
            listeners.append(socket.create_server(address, backlog=128))
        except OSError as err:
            raise EngineError(
                f"the engine's containers run on another machine than this, or cannot reach it:"
                f" {engine.bridge} is no address of ours: {err}"
            ) from err
    return listeners


def _serve(
    settings: Settings,
    listeners: list[socket.socket],
    engine: Engine | None,
    stop: threading.Event,
) -> None:
    # Takes seconds, and must come after the environment: moto reads it while it is imported.
    from embedded_aws.machine import Machine  # noqa: PLC0415

    machine = Machine(settings, listeners, engine)
    machine.start()
    state.announce(settings)
    sys.stdout.write(f"embedded AWS ready at {settings.endpoint_url} (pid {os.getpid()})\n")
    sys.stdout.flush()
    stop.wait()
    # Python waits for all threads at its end, and one may hang in a call: leave without them.
    overdue = threading.Timer(_STOP_SECONDS, os._exit, (1,))
    overdue.daemon = True
    overdue.start()
    state.withdraw(settings)
    machine.stop()
    logging.shutdown()
    os._exit(0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m embedded_aws", description=__doc__)
    parser.add_argument("--state", type=lambda text: Path(text).resolve(), required=True)
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument(
        "--runtime",
        choices=("process", "docker"),
        default="process",
        help="what runs jobs and endpoints: processes, or containers of an engine",
    )
    return parser.parse_args()


def _log_to(path: Path) -> None:
    logging.basicConfig(
        filename=path,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.captureWarnings(capture=True)
    for chatty in ("boto3", "botocore", "urllib3", "werkzeug", "samtranslator"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def set_environment(settings: Settings) -> None:
    """Keep the user's own AWS out of reach, and tell moto's interpreter where we listen."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "embedded",
        "AWS_SECRET_ACCESS_KEY": "embedded",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": settings.region,
        "MOTO_PORT": str(settings.port),
        "MOTO_ACCOUNT_ID": settings.account,
    }


if __name__ == "__main__":
    sys.exit(main())
