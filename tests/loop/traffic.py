"""Clients that ask an endpoint while a run changes what it serves."""

import http.client
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .stack import Stack, endpoint_of

CLIENTS = 8
REQUESTS = 1000
EACH = 100
DEADLINE_SECONDS = 60.0
# Who signed is not checked; the service is told by it.
SIGNED = "AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/sagemaker/aws4_request"


@dataclass(frozen=True)
class Answer:
    """One answer, and between which moments (epoch seconds) it was asked for and there."""

    asked: float
    there: float
    status: int
    body: str


class Traffic:
    """Clients that ask an endpoint until told to stop, each over one connection that stays open."""

    def __init__(self, stack: Stack, endpoint: str) -> None:
        """Ask nothing yet."""
        self._address = urlsplit(stack.url).netloc
        self._path = f"/endpoints/{endpoint}/invocations"
        self._enough = threading.Event()
        self.answers: list[Answer] = []

    def until(self, enough: Callable[[], bool], clients: ThreadPoolExecutor) -> None:
        """Ask until enough has been seen; fails at the deadline, or with a client's error."""
        asking = [clients.submit(self._ask) for _ in range(CLIENTS)]
        deadline = time.monotonic() + DEADLINE_SECONDS
        try:
            while not enough() and not any(one.done() for one in asking):
                assert time.monotonic() < deadline, f"not enough after {DEADLINE_SECONDS} s"
                time.sleep(0.05)
        finally:
            self._enough.set()
        for one in asking:
            one.result(30)

    def count(self, body: str) -> int:
        """Count the answers of one model so far."""
        return sum(answer.body == body for answer in list(self.answers))

    def _ask(self) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=30)
        # From here on a connection that the other end closes is an error, not opened anew.
        connection.auto_open = 0
        connection.connect()
        headers = {"Authorization": SIGNED, "Content-Type": "text/csv"}
        while not self._enough.is_set():
            asked = time.time()
            connection.request("POST", self._path, b"1,2", headers)
            answer = connection.getresponse()
            body = answer.read().decode()
            self.answers.append(Answer(asked, time.time(), answer.status, body))
        connection.close()


def drop_meanwhile(stack: Stack, name: str) -> tuple[dict[str, Any], list[Answer]]:
    """Drop new data while clients ask; return the run and all answers."""
    traffic = Traffic(stack, endpoint_of(name))
    with ThreadPoolExecutor(CLIENTS + 1) as threads:
        run = threads.submit(stack.run, name, "2\n", count=2)

        def enough() -> bool:
            if not run.done() or len(traffic.answers) < REQUESTS:
                return False
            swapped = run.exception() is None and run.result()["status"] == "DEPLOYED"
            return not swapped or min(traffic.count("1"), traffic.count("2")) >= EACH

        traffic.until(enough, threads)
        ended = run.result(1)
    return ended, traffic.answers
