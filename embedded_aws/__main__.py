"""Command line: `python -m embedded_aws --state DIR [--port N] [--region R]`."""

import argparse
import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path

from embedded_aws import state
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
        listener = socket.create_server(("127.0.0.1", options.port), backlog=128)
    except (state.StateError, OSError) as err:
        sys.stderr.write(f"embedded AWS: {err}\n")
        return 1
    port = listener.getsockname()[1]
    settings = Settings(state=options.state, port=port, region=options.region)
    with held:
        _log_to(settings.state / "embedded.log")
        set_environment(settings)
        _serve(settings, listener, stop)
    return 0


def _serve(settings: Settings, listener: socket.socket, stop: threading.Event) -> None:
    # Takes seconds, and must come after the environment: moto reads it while it is imported.
    from embedded_aws.machine import Machine  # noqa: PLC0415

    machine = Machine(settings, listener)
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
