"""Blocks of free loopback ports for serving containers."""

import random
import socket
import threading

# Below the range from which systems take the ports of outgoing connections, so that none of
# those takes a port between our look at it and the container's.
_FIRST, _LAST = 20_000, 31_990
_BLOCK = 10


class Ports:
    """Hands out blocks; thread safe."""

    def __init__(self) -> None:
        """Start anywhere, since another embedded AWS may run on this machine."""
        self._lock = threading.Lock()
        self._taken: set[int] = set()
        self._next = random.randrange(_FIRST, _LAST, _BLOCK)  # noqa: S311

    def take(self) -> range:
        """Take a block whose first port is free; raises OSError when there is none."""
        with self._lock:
            for _ in range(_FIRST, _LAST, _BLOCK):
                first = self._next
                self._next = first + _BLOCK if first + _BLOCK < _LAST else _FIRST
                if first not in self._taken and _is_free(first):
                    self._taken.add(first)
                    return range(first, first + _BLOCK)
        raise OSError("no free port for a serving container")

    def give_back(self, block: range) -> None:
        """Let others have a block."""
        with self._lock:
            self._taken.discard(block.start)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            # All addresses, since a container may listen on them.
            probe.bind(("", port))
        except OSError:
            return False
    return True
