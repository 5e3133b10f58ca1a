"""Faults forced from outside: calls that fail, events that get lost, processes that are killed.

A fault is a document (`documents.py`) of one kind. It waits (`book.py`) until what it means comes
by, strikes as often as it says, and is gone. Each kind strikes at one seam: calls at the door
(`calls.py`), events where EventBridge delivers (`events.py`), messages where a queue takes them
(`messages.py`); invocations, jobs and serving containers are struck by whoever runs them, told of
it by `running.py`.
"""

from embedded_aws.faults.book import Faults, Pending
from embedded_aws.faults.documents import (
    CallFault,
    EndpointFault,
    EventFault,
    Fault,
    FunctionFault,
    JobFault,
    MessageFault,
)

__all__ = [
    "CallFault",
    "EndpointFault",
    "EventFault",
    "Fault",
    "Faults",
    "FunctionFault",
    "JobFault",
    "MessageFault",
    "Pending",
]
