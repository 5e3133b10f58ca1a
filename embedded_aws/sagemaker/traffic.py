"""Which fleet of an endpoint answers the next request."""

import threading

from embedded_aws.sagemaker.fleet import Fleet


class Traffic:
    """The fleet that serves, the one that may take over, and how requests are shared; thread safe.

    Its lock is its own, so that requests do not wait while an endpoint's events are delivered.
    """

    def __init__(self) -> None:
        """Start with no fleet."""
        self._lock = threading.Lock()
        self._serving: Fleet | None = None
        self._coming: Fleet | None = None
        self._share = (0, 1)
        self._credit = 0
        self._open = True

    def enter(self) -> Fleet | None:
        """Choose the fleet of a request and count the request in; None when nothing serves.

        Raises AwsError when the fleet has its fill.
        """
        with self._lock:
            fleet = self._next() if self._open else None
            if fleet:
                fleet.enter()
            return fleet

    def add(self, fleet: Fleet) -> None:
        """Have a fleet beside the one that serves; it gets no requests yet."""
        with self._lock:
            self._coming = fleet
            self._set_share(0, 1)

    def shift(self, active: int, total: int) -> None:
        """Let the new fleet have `active` of every `total` requests."""
        with self._lock:
            self._set_share(active, total)

    def complete(self) -> Fleet | None:
        """Let the new fleet have everything; return the one that served before."""
        with self._lock:
            old, self._serving, self._coming = self._serving, self._coming, None
            self._set_share(0, 1)
            return old

    def go_back(self) -> Fleet | None:
        """Let the old fleet have everything again; return the new one."""
        with self._lock:
            new, self._coming = self._coming, None
            self._set_share(0, 1)
            return new

    def end(self) -> list[Fleet]:
        """Let no more requests in; return the fleets that there were."""
        with self._lock:
            fleets = [fleet for fleet in (self._serving, self._coming) if fleet]
            self._serving = self._coming = None
            return fleets

    def set_open(self, *, is_open: bool) -> None:
        """Let requests in, or keep them out, while the fleets stay."""
        with self._lock:
            self._open = is_open

    @property
    def serves(self) -> bool:
        """Whether there is a fleet that could answer."""
        with self._lock:
            return self._serving is not None

    def _set_share(self, active: int, total: int) -> None:
        # What is left of the share before would give a request to a fleet that is gone.
        self._share, self._credit = (active, total), 0

    def _next(self) -> Fleet | None:
        # The share is kept exactly and spread evenly, so that few requests show it, too.
        active, total = self._share
        self._credit += active
        if self._credit < total:
            return self._serving
        self._credit -= total
        return self._coming
