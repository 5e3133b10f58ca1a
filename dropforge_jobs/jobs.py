"""The frame around a processing job's main function: how it logs and how it fails."""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

from dropforge_jobs.paths import JobPaths

if TYPE_CHECKING:
    from collections.abc import Callable

STOPPED = 128 + signal.SIGTERM
MESSAGE_CHARACTERS = 1024  # what DescribeProcessingJob returns of ExitMessage

logger = logging.getLogger(__name__)


class JobError(Exception):
    """The data or the way the job was called is at fault; the text is one sentence for the user."""


def run_job(main: Callable[[JobPaths], None]) -> int:
    """Run a processing job and return its exit status.

    A failure leaves its reason in the message file, which SageMaker returns as ExitMessage, and its
    traceback in the job's log. SIGTERM (StopProcessingJob) ends the process at once,
    with the exit status 143.

    Args:
        main: the job; it gets the paths and raises `JobError` for the user's faults.

    Returns:
        0 when it went well, 1 when it failed.
    """
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
    signal.signal(signal.SIGTERM, _stop)
    paths = JobPaths.from_environment(os.environ)
    try:
        main(paths)
    except JobError as error:
        return _failed(paths, str(error))
    except Exception as error:  # noqa: BLE001  whatever it is, SageMaker is to show it
        return _failed(paths, f"{type(error).__name__}: {error}")
    return 0


def _stop(_signal: int, _frame: object) -> NoReturn:
    # At once, past any `except` on the way: no library can take it for an error of its own.
    os.write(sys.stderr.fileno(), b"stopped by SIGTERM\n")
    os._exit(STOPPED)


def _failed(paths: JobPaths, reason: str) -> int:
    traceback.print_exc()
    paths.message.parent.mkdir(parents=True, exist_ok=True)
    paths.message.write_text(reason[:MESSAGE_CHARACTERS], encoding="utf-8")
    return 1
