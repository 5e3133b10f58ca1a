"""Serving: the application on gunicorn, up only once the model is loaded."""

from __future__ import annotations

import logging
import os
import pwd
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication

from iris_image.application import make_application
from iris_image.model import ModelError, load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from wsgiref.types import WSGIApplication

CONTAINER_BASE = "/opt/ml"


class SettingError(ValueError):
    """An environment variable has a value that cannot be used."""


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no type hints
    """gunicorn's documented way of being started by a program."""

    def __init__(self, application: WSGIApplication, options: Mapping[str, Any]) -> None:
        self._application = application
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> WSGIApplication:
        return self._application


def main() -> int:
    """Serve the model below SAGEMAKER_BASE_DIR (default /opt/ml) until SIGTERM.

    The model is loaded before the port is opened, so whoever gets an answer gets it from the model.
    SIGTERM lets requests in progress finish.

    Returns:
        1 when there is no usable model or a setting is wrong; otherwise gunicorn ends the process.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    base = Path(os.environ.get("SAGEMAKER_BASE_DIR", CONTAINER_BASE))
    try:
        options = server_options(os.environ)
        tree = load(base / "model")
    except (ModelError, SettingError) as error:
        logging.getLogger(__name__).error("cannot serve: %s", error)  # noqa: TRY400  one line
        return 1
    _Server(make_application(tree), options).run()
    return 0


def server_options(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return gunicorn's settings for the variables that the README of this folder lists.

    Raises:
        SettingError: one of them is no number, or none that can be used.
    """
    relocated = environ.get("SAGEMAKER_BASE_DIR", CONTAINER_BASE) != CONTAINER_BASE
    # In a container its own network decides who gets in; elsewhere only this machine does.
    address = environ.get("BIND_ADDRESS", "127.0.0.1" if relocated else "0.0.0.0")  # noqa: S104
    port = _number(environ, "SAGEMAKER_BIND_TO_PORT", 8080, most=65535)
    return {
        "bind": f"{address}:{port}",
        "workers": _number(environ, "SAGEMAKER_MODEL_SERVER_WORKERS", 1, most=256),
        "worker_class": "gthread",
        "threads": _number(environ, "MODEL_SERVER_THREADS", 4, most=256),
        "timeout": 60,  # seconds; what SageMaker gives an invocation
        "graceful_timeout": 30,
        "keepalive": 75,  # longer than callers keep idle connections, so that they close first
        "control_socket_disable": True,  # nobody manages a container from inside
        **_identity(environ.get("SERVE_USER")),
    }


def _identity(user: str | None) -> dict[str, Any]:
    """Return who answers requests; SageMaker starts containers as root, who need not do it."""
    if user is None or os.geteuid() != 0:
        return {}
    try:
        entry = pwd.getpwnam(user)
    except KeyError as error:
        raise SettingError(f"SERVE_USER is {user!r}; there is no such user") from error
    return {"user": entry.pw_uid, "group": entry.pw_gid, "initgroups": True}


def _number(environ: Mapping[str, str], name: str, default: int, *, most: int) -> int:
    text = environ.get(name, str(default))
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= most:
        raise SettingError(f"{name} is {text!r}; it must be a whole number of 1 to {most}")
    return int(text)
