"""Serving: the application on gunicorn, whose one worker loads the models and then answers."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication

from tensorflow_image import models
from tensorflow_image.application import make_application

if TYPE_CHECKING:
    from collections.abc import Mapping
    from wsgiref.types import WSGIApplication

CONTAINER_BASE = "/opt/ml"
THREADS = 4  # requests at once
PARALLELISM = 2  # threads that TensorFlow uses, unless its variables say otherwise


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no type hints
    """gunicorn's documented way of being started by a program."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        super().__init__()

    def load_config(self) -> None:
        for name, value in server_options(self._environ).items():
            self.cfg.set(name, value)

    def load(self) -> WSGIApplication:
        # In the worker: TensorFlow's threads would not survive the fork.
        base = Path(self._environ.get("SAGEMAKER_BASE_DIR", CONTAINER_BASE))
        try:
            intra, inter = parallelism(self._environ)
            return make_application(models.load(base / "model", intra, inter))
        except models.ModelError as err:
            logging.getLogger(__name__).error("cannot serve: %s", err)  # noqa: TRY400 - one line
            sys.exit(4)  # gunicorn's own status for an application that cannot be loaded


def main() -> int:
    """Serve the models below SAGEMAKER_BASE_DIR (default /opt/ml) until SIGTERM."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    _Server(os.environ).run()
    return 0


def parallelism(environ: Mapping[str, str]) -> tuple[int, int]:
    """Return TensorFlow's threads within and between operations, by the image's variables."""
    names = ("SAGEMAKER_TFS_INTRA_OP_PARALLELISM", "SAGEMAKER_TFS_INTER_OP_PARALLELISM")
    given = [environ.get(name, str(PARALLELISM)) for name in names]
    if wrong := [text for text in given if not (text.isascii() and text.isdigit())]:
        raise models.ModelError(f"{', '.join(names)}: {wrong[0]!r} is no number of threads")
    intra, inter = map(int, given)
    return intra, inter


def server_options(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return gunicorn's settings."""
    relocated = environ.get("SAGEMAKER_BASE_DIR", CONTAINER_BASE) != CONTAINER_BASE
    # In a container its own network decides who gets in; elsewhere only this machine does.
    address = "127.0.0.1" if relocated else "0.0.0.0"  # noqa: S104
    return {
        "bind": f"{address}:{environ.get('SAGEMAKER_BIND_TO_PORT', '8080')}",
        "workers": 1,
        "worker_class": "gthread",
        "threads": THREADS,
        "timeout": 180,  # seconds, in which the worker has to load its models, or answer
        "graceful_timeout": 30,
        "keepalive": 75,  # longer than callers keep idle connections, so that they close first
        "control_socket_disable": True,  # nobody manages a container from inside
    }
