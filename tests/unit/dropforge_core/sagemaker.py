"""SageMaker's endpoints, configs, models and packages in memory, with its very messages."""

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from dropforge_core.naming import aws_name
from dropforge_core.records import Run

if TYPE_CHECKING:
    from collections.abc import Callable

ARN = "arn:aws:sagemaker:us-east-1:123456789012"
_MISSING = {
    "endpoint": 'Could not find endpoint "{}".',
    "endpoint-config": 'Could not find endpoint configuration "{}".',
    "model": 'Could not find model "{}".',
    "model-package": "ModelPackage {} does not exist.",
}
_KINDS = {
    "EndpointName": "endpoint",
    "EndpointConfigName": "endpoint-config",
    "ModelName": "model",
    "ModelPackageName": "model-package",
}


class FakeSageMaker:
    """Answers describes and deletes.

    ``refusals`` are errors by operation and name; ``happenings`` come true one by one, each before
    its operation is answered.
    """

    def __init__(self) -> None:
        """Start with nothing."""
        self.there: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in _MISSING}
        self.refusals: dict[tuple[str, str], ClientError] = {}
        self.happenings: dict[str, list[Callable[[], None]]] = {}
        self.asked: list[tuple[str, str]] = []

    def __getattr__(self, operation: str) -> Any:
        """Be a client: every operation is a method."""

        def call(**request: str) -> dict[str, Any]:
            return self._answer(operation, request)

        return call

    def deployed(self, run: Run, model_data: str | None = None) -> None:
        """Have what a run's deployment made, and the run's package."""
        name = f"{aws_name(run.run_id)}-1"
        data = model_data or run.model_data or artifact(run.run_id)
        self.there["model"][name] = {"PrimaryContainer": {"ModelDataUrl": data}}
        self.there["endpoint-config"][name] = {"ProductionVariants": [{"ModelName": name}]}
        if run.model_package:
            self.there["model-package"][run.model_package] = {}

    def serves(self, endpoint: str, config: str, status: str = "InService", **more: Any) -> None:
        """Have an endpoint with this config."""
        state: dict[str, Any] = {
            "EndpointName": endpoint,
            "EndpointConfigName": config,
            "EndpointStatus": status,
            "LastModifiedTime": datetime(2026, 11, 21, tzinfo=UTC),
        }
        self.there["endpoint"][endpoint] = state | more

    def left(self, run: Run) -> set[str]:
        """Return the kinds of which a run has something left."""
        names = {f"{aws_name(run.run_id)}-1", run.model_package}
        return {kind for kind, found in self.there.items() if names & set(found)}

    def will_be(self, endpoint: str, *statuses: str | None) -> None:
        """Have an endpoint in these statuses, one each time it is described; None is gone."""

        def change(status: str | None) -> None:
            if status is None:
                del self.there["endpoint"][endpoint]
            else:
                self.there["endpoint"][endpoint]["EndpointStatus"] = status

        ahead = self.happenings.setdefault("describe_endpoint", [])
        ahead += [partial(change, status) for status in statuses]

    def refuse(self, operation: str, name: str, code: str, message: str = "no") -> None:
        """Answer this operation on this name with an error."""
        error: Any = {"Error": {"Code": code, "Message": message}}
        self.refusals[operation, name] = ClientError(error, operation)

    def _answer(self, operation: str, request: dict[str, str]) -> dict[str, Any]:
        ((key, name),) = request.items()
        self.asked.append((operation, name))
        if ahead := self.happenings.get(operation):
            ahead.pop(0)()
        if (operation, name) in self.refusals:
            raise self.refusals[operation, name]
        kind = _KINDS[key]
        if name not in self.there[kind]:
            arn = name if name.startswith("arn:") else f"{ARN}:{kind}/{name}"
            error: Any = {"Error": {"Code": "ValidationException"}}
            error["Error"]["Message"] = _MISSING[kind].format(arn)
            raise ClientError(error, operation)
        if operation.startswith("delete_"):
            self._delete(kind, name)
            return {}
        return self.there[kind][name]

    def _delete(self, kind: str, name: str) -> None:
        if kind == "endpoint":  # which takes its time
            self.there[kind][name]["EndpointStatus"] = "Deleting"
        else:
            del self.there[kind][name]


def artifact(run_id: str) -> str:
    """Return where a run's model lies."""
    return f"s3://artifacts/runs/{run_id}/train/job/output/model.tar.gz"
