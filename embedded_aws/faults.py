"""Faults forced from outside: the next calls of an operation answer with an error of choice."""

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from embedded_aws.errors import AwsError


@dataclass
class Fault:
    """An error that the next `times` calls of one operation answer with.

    `service` is boto3's or the signature's name of the service ("stepfunctions" or "states"),
    `operation` as boto3 names it ("StartExecution"). With `match`, only calls with that text in
    their path or body are meant: an object's key, a function's or an execution's name.
    """

    service: str
    operation: str
    code: str
    message: str = "This error was asked for."
    status: int = 400
    times: int = 1
    match: str = ""


_FIRST_ERROR_STATUS = 400
# boto3's names, where a request's signature carries another.
_SIGNING_NAMES = {
    "stepfunctions": "states",
    "cloudwatch": "monitoring",
    "sagemaker-runtime": "sagemaker",
}


class Faults:
    """The faults still to come; thread safe."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, request: dict[str, Any]) -> None:
        """Add a fault; raises AwsError for a request that is no fault."""
        try:
            fault = Fault(**request)
        except TypeError as err:
            raise AwsError("ValidationException", f"not a fault: {err}") from err
        if fault.times < 1 or fault.status < _FIRST_ERROR_STATUS:
            raise AwsError("ValidationException", "not a fault: times or status is too small")
        fault.service = _SIGNING_NAMES.get(fault.service, fault.service)
        with self._lock:
            self._faults.append(fault)

    def pending(self) -> list[dict[str, Any]]:
        """List the faults still to come."""
        with self._lock:
            return [asdict(fault) for fault in self._faults]

    def clear(self) -> None:
        """Forget them all."""
        with self._lock:
            self._faults.clear()

    def raise_for(self, service: str, operation: str | None, text: Callable[[], str]) -> None:
        """Raise the error of the first fault that is meant for this call, and count it.

        `text` gives the call's path and body; it is asked only when a fault wants to match it.
        """
        with self._lock:
            for fault in self._faults:
                meant = (fault.service, fault.operation) == (service, operation)
                if meant and (not fault.match or fault.match in text()):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._faults.remove(fault)
                    raise AwsError(fault.code, fault.message, fault.status)
