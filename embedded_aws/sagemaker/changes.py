"""Lets a thread wait until any job or endpoint changes its status, instead of polling."""

import threading


class Changes:
    """Counts changes; thread safe."""

    def __init__(self) -> None:
        """Start at none."""
        self._condition = threading.Condition()
        self._count = 0
        self._local = threading.local()

    def happened(self) -> None:
        """Wake everyone who waits."""
        with self._condition:
            self._count += 1
            self._condition.notify_all()

    def wait(self, seconds: float) -> None:
        """Return once something changed since this thread's last call, or after `seconds`.

        A thread that looks at a status and then waits misses nothing in between: what it has not
        seen counts from its last call. So its first call returns at once.
        """
        with self._condition:
            seen = getattr(self._local, "seen", None)
            if seen is not None:
                self._condition.wait_for(lambda: self._count != seen, timeout=seconds)
            self._local.seen = self._count
