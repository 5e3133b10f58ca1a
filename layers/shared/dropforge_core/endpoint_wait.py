"""The wait of a deployment for its endpoint: a task token, answered once the endpoint has settled.

The token is stored before the endpoint is described, and an event describes it too: whichever comes
last sees the end and answers. A token that is late, answered or unknown is no error.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from dropforge_core.aws_errors import error_code
from dropforge_core.contracts import EndpointState, EndpointWait, EndpointWaitAnswer
from dropforge_core.endpoints import endpoint_state, is_settled
from dropforge_core.times import iso, utc_now

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from dropforge_core.clients import Clients
    from dropforge_core.ledger import Ledger

# A deployment waits for hours at most: an item that nobody answered is swept after this.
_KEPT = timedelta(days=2)
_LATE = {"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"}


@dataclass(frozen=True, kw_only=True)
class EndpointWaits:
    """The waits of one stack's deployments; one an endpoint, the newest."""

    ledger: Ledger
    clients: Clients
    now: Callable[[], datetime] = utc_now

    def begin(self, wait: EndpointWait) -> EndpointWaitAnswer:
        """Keep a token, and answer it at once if the endpoint has settled already."""
        now = self.now()
        expires_at = int((now + _KEPT).timestamp())
        self.ledger.put_wait(wait.endpoint, wait.task_token, iso(now), expires_at)
        return self._look(wait.endpoint, wait.task_token)

    def look(self, endpoint: str) -> EndpointWaitAnswer:
        """Answer the token that waits for this endpoint, if one does and the endpoint settled."""
        token = self.ledger.waiting_token(endpoint)
        if token is None:
            return EndpointWaitAnswer(endpoint=endpoint, answered=False)
        return self._look(endpoint, token)

    def _look(self, endpoint: str, token: str) -> EndpointWaitAnswer:
        state = endpoint_state(self.clients.sagemaker, endpoint)
        if not is_settled(state):
            return EndpointWaitAnswer(endpoint=endpoint, answered=False, status=state.status)
        answered = self._answer(token, state)
        self.ledger.delete_wait(endpoint, token)
        return EndpointWaitAnswer(endpoint=endpoint, answered=answered, status=state.status)

    def _answer(self, token: str, state: EndpointState) -> bool:
        try:
            self.clients.stepfunctions.send_task_success(
                taskToken=token, output=json.dumps(state.dump())
            )
        except ClientError as err:
            if error_code(err) not in _LATE:
                raise
            return False
        return True
