"""The process inside an execution environment, and what it says to its Runtime API."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import Empty

from embedded_aws.functions.runtime_api import Event, Exited, RuntimeApi, TimedOut, Work
from embedded_aws.processes import Children


class RuntimeProcess:
    """A running runtime; make one, wait for Ready, give it work, wait for Answered."""

    def __init__(  # noqa: PLR0913
        self,
        children: Children,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        output: Path,
        memory_bytes: int,
    ) -> None:
        """Start it; its whole environment is `environment` and the address of its API."""
        self._children = children
        self._api = RuntimeApi()
        try:
            self._process = children.start(
                command,
                env={**environment, "AWS_LAMBDA_RUNTIME_API": self._api.address},
                cwd=folder,
                output=output,
                memory_bytes=memory_bytes,
            )
        except BaseException:
            self._api.close()
            raise
        threading.Thread(target=self._watch, name="lambda-process", daemon=True).start()

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.returncode is None

    def give(self, work: Work) -> None:
        """Hand an invocation to a process that is ready."""
        self._api.work.put(work)

    def next_event(self, seconds: float) -> Event:
        """What the process does next; TimedOut when it does nothing for so long."""
        try:
            return self._api.events.get(timeout=max(0.0, seconds))
        except Empty:
            return TimedOut()

    def max_memory_mib(self) -> int | None:
        """The most memory that the process had, where the system tells it (Linux)."""
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        except OSError:
            return None
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) // 1024
        return None

    def stop(self) -> None:
        """Kill the process and all that it started, as Lambda does: without a warning."""
        self._children.stop(self._process, 0)
        self._api.close()

    def kill(self, told: Event | None = None) -> None:
        """Kill it in the middle; `told` is what it did, rather than that it has ended."""
        if told:
            self._api.events.put(told)
        self._children.kill(self._process)

    def _watch(self) -> None:
        self._api.events.put(Exited(self._process.wait()))
