"""One stack on moto for all histories, emptied before each; its functions as they ship."""

import importlib.util
from collections.abc import Callable, Iterator
from functools import cache
from types import ModuleType
from typing import Any

import boto3
import pytest
from dropforge_core import table
from dropforge_core.clients import Clients
from dropforge_core.published import StartPolicy
from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.models import dynamodb_backends
from moto.s3.models import s3_backends
from moto.s3.utils import _VersionedKeyStore
from moto.sqs import models as sqs_models
from moto.stepfunctions.models import stepfunctions_backends

from embedded_aws.gaps import dynamodb_answers
from tests.unit.dropforge_core.stack import (
    ACCOUNT,
    DATA_BUCKET,
    FINISH,
    NOTIFY,
    QUEUE,
    REGION,
    TABLE,
    Clock,
    Stack,
    a_stack,
)
from tests.unit.functions.conftest import ROOT

from .process import after_call, before_call
from .world import PIPELINE, World

FUNCTIONS = ("start_retraining", "finish_run", "sweep_pipelines")
type NewWorld = Callable[[StartPolicy | None], World]


@pytest.fixture(scope="module")
def new_world() -> Iterator[NewWorld]:
    """Return what makes an empty world with one pipeline; the one before it is gone."""
    current: list[World] = []

    def before(model: Any, params: Any, **_: Any) -> Any:
        refused = before_call(model.name)
        return current[0].play(model.name, params) if refused is None else refused

    with pytest.MonkeyPatch.context() as patch, a_stack() as stack:
        session = boto3.session.Session(region_name=REGION)
        session.events.register("before-call", before)
        session.events.register("after-call", after_call)
        functions = _functions(patch, stack, Clients(session))
        patch.setattr(table, "time", _Hurried)
        # As in the embedded AWS, for the same reason; put back when all histories are over.
        name = "_serialize_type_structure"
        patch.setattr(BaseJSONSerializer, name, vars(BaseJSONSerializer)[name])
        dynamodb_answers.apply()
        # moto spells the names of a queue's attributes anew with each call, which takes long.
        spell = cache(sqs_models.camelcase_to_underscores)
        patch.setattr(sqs_models, "camelcase_to_underscores", spell)
        patch.setattr(sqs_models, "unix_time", lambda: stack.clock.now().timestamp())
        patch.setattr(sqs_models, "unix_time_millis", lambda: stack.clock.now().timestamp() * 1000)

        def new(policy: StartPolicy | None) -> World:
            _empty(stack)
            stack.publish(PIPELINE, start=policy)
            current[:] = [World(stack, functions)]
            return current[0]

        yield new


class _Hurried:
    """The module time, for whoever sleeps between two tries."""

    @staticmethod
    def sleep(_: float) -> None:
        """Sleep for no time."""


def _functions(patch: pytest.MonkeyPatch, stack: Stack, clients: Clients) -> dict[str, ModuleType]:
    environment = {
        "AWS_DEFAULT_REGION": REGION,
        "POWERTOOLS_METRICS_NAMESPACE": "Dropforge",
        "POWERTOOLS_LOG_LEVEL": "CRITICAL",
        "POWERTOOLS_SERVICE_NAME": "histories",
        "STACK_NAME": "dropforge",
        "LEDGER_TABLE": TABLE,
        "DATA_BUCKET": DATA_BUCKET,
        "RETRAIN_STATE_MACHINE_ARN": stack.state_machine,
        "NOTIFY_FUNCTION": NOTIFY,
        "FINISH_FUNCTION": FINISH,
        "INCOMING_QUEUE_URL": stack.queue,
    }
    for name, value in environment.items():
        patch.setenv(name, value)
    loaded = {}
    for name in FUNCTIONS:
        spec = importlib.util.spec_from_file_location(
            f"{name}_histories", ROOT / "functions" / name / "app.py"
        )
        assert spec is not None
        assert spec.loader is not None
        loaded[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded[name])
        loaded[name].__dict__["clients"] = clients
    _play_clock(patch, stack)
    return loaded


def _play_clock(patch: pytest.MonkeyPatch, stack: Stack) -> None:
    """Let all parts that go by the clock go by the played one; pausing moves it."""
    from dropforge_core import approvals, finishing, starting  # noqa: PLC0415

    for part in (starting.Starter, finishing.Finisher, approvals.Approvals):
        plain = part.__init__

        def played(self: Any, *, _plain: Any = plain, **given: Any) -> None:
            given["now"] = stack.clock.now
            _plain(self, **given)
            if hasattr(self, "pause"):
                object.__setattr__(self, "pause", stack.clock.advance)

        patch.setattr(part, "__init__", played)


def _empty(stack: Stack) -> None:
    """Forget all that moto holds, but for the empty resources themselves."""
    stack.clock.moment = Clock.moment
    dynamodb_backends[ACCOUNT][REGION].tables[TABLE].items.clear()
    # No call takes away a whole bucket's versions, or what is invisible in a queue.
    s3_backends[ACCOUNT]["aws"].buckets[DATA_BUCKET].keys = _VersionedKeyStore()
    queue = sqs_models.sqs_backends[ACCOUNT][REGION].queues[QUEUE]
    queue._messages.clear()  # noqa: SLF001
    for machine in stepfunctions_backends[ACCOUNT][REGION].state_machines:
        machine.executions.clear()
