"""Gap (moto 5.2.5): GetExecutionHistory knows no pages and no order; variables are told unescaped.

AWS gives at most 1,000 events a page (100 unless asked for), backwards on request, and each
assigned variable as JSON text.
"""

import base64
import binascii
import json
from typing import Any

from moto.core.responses import ActionResult
from moto.stepfunctions import responses
from moto.stepfunctions.parser.asl.eval.variable_store import VariableStore

from embedded_aws.gaps.stepfunctions_failures import api_error

_PAGE = 100
_LARGEST_PAGE = 1000


def _encode(arn: str, position: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([arn, position]).encode()).decode()


def _decode(arn: str, token: str) -> int:
    try:
        token_arn, position = json.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError, TypeError):
        token_arn, position = None, 0
    if token_arn != arn:
        raise api_error("InvalidToken", "Invalid Token: 'Invalid token'")
    return int(position)


def _get_execution_history(self: Any) -> ActionResult:
    arn = self._get_param("executionArn")
    asked = self._get_int_param("maxResults") or _PAGE
    if not 0 < asked <= _LARGEST_PAGE:
        msg = f"1 validation error detected: 'maxResults' must be from 0 to {_LARGEST_PAGE}"
        raise api_error("ValidationException", msg)
    events = self.stepfunction_backend.get_execution_history(arn)["events"]
    if self._get_param("reverseOrder"):
        events = events[::-1]
    token = self._get_param("nextToken")
    # An event's id, not its place: a running execution's history grows between two pages.
    after = _decode(arn, token) if token else None
    start = 0
    if after is not None:
        start = next((i for i, event in enumerate(events) if event["id"] == after), len(events)) + 1
    page = events[start : start + asked]
    answer = {"events": page}
    if start + asked < len(events):
        answer["nextToken"] = _encode(arn, page[-1]["id"])
    return ActionResult(answer)


def _assigned_variables(self: Any) -> dict[str, str]:
    return {
        name: json.dumps(self.get(name), ensure_ascii=False, separators=(",", ":"))
        for name in self._declaration_tracing
    }


def apply() -> None:
    """Page, order and encode the history."""
    responses.StepFunctionResponse.get_execution_history = _get_execution_history
    VariableStore.get_assigned_variables = _assigned_variables
