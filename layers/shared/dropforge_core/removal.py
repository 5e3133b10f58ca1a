"""What deployments leave in SageMaker: what of it serves, and how the rest is removed.

Each removal looks first. A policy that asks for a tag denies the deletion of what is not there,
since that has no tag; and what is gone is told by the exact message only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from dropforge_core.aws_errors import error_code
from dropforge_core.endpoints import describe
from dropforge_core.naming import aws_name, run_of_uri

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sagemaker import SageMakerClient

    from dropforge_core.records import Run

_GONE = re.compile(
    r'Could not find (endpoint configuration|model) "[^"]+"\.?'
    r"|ModelPackage \S+ does not exist\.?"
)


@dataclass(frozen=True, kw_only=True)
class Served:
    """What an endpoint needs, now or for the change that is under way.

    ``runs`` are those whose artifacts are served.
    """

    configs: frozenset[str]
    models: frozenset[str]
    runs: frozenset[str]

    def needs(self, run: Run) -> bool:
        """Say whether anything of this run is needed."""
        names = set(names_of(run))
        return run.run_id in self.runs or bool(names & (self.configs | self.models))


def has_remains(run: Run) -> bool:
    """Say whether a run may have left something: it had an execution, and was not cleaned up."""
    return run.status != "SKIPPED" and run.removed_at is None


def names_of(run: Run) -> list[str]:
    """Return the name of the model, and of the endpoint config, of each attempt of a run."""
    return [f"{aws_name(run.run_id)}-{attempt}" for attempt in range(1, run.attempt + 1)]


def served_by(sagemaker: SageMakerClient, endpoint: str) -> Served:
    """Find what an endpoint serves; nothing when it does not exist.

    Raises:
        botocore.exceptions.ClientError: something of it cannot be described, other than missing.
    """
    described: Any = describe(sagemaker, endpoint) or {}
    pending = described.get("PendingDeploymentSummary", {})
    configs = {
        state["EndpointConfigName"]
        for state in (described, pending)
        if "EndpointConfigName" in state
    }
    models = {model for config in configs for model in _models_of(sagemaker, config)}
    addresses = [uri for model in models for uri in _artifacts_of(sagemaker, model)]
    return Served(
        configs=frozenset(configs),
        models=frozenset(models),
        runs=frozenset(run for uri in addresses if (run := run_of_uri(uri)) is not None),
    )


def remove_config(sagemaker: SageMakerClient, name: str) -> bool:
    """Delete an endpoint config; False when there is none."""
    if _unless_gone(lambda: sagemaker.describe_endpoint_config(EndpointConfigName=name)) is None:
        return False
    deleted = _unless_gone(lambda: sagemaker.delete_endpoint_config(EndpointConfigName=name))
    return deleted is not None


def remove_model(sagemaker: SageMakerClient, name: str) -> bool:
    """Delete a model; False when there is none."""
    if _unless_gone(lambda: sagemaker.describe_model(ModelName=name)) is None:
        return False
    return _unless_gone(lambda: sagemaker.delete_model(ModelName=name)) is not None


def remove_package(sagemaker: SageMakerClient, arn: str) -> bool:
    """Delete a model package; False when there is none."""
    return _unless_gone(lambda: sagemaker.delete_model_package(ModelPackageName=arn)) is not None


def _models_of(sagemaker: SageMakerClient, config: str) -> list[str]:
    described: Any = _unless_gone(
        lambda: sagemaker.describe_endpoint_config(EndpointConfigName=config)
    )
    kinds = ("ProductionVariants", "ShadowProductionVariants")
    variants = [variant for kind in kinds for variant in (described or {}).get(kind, [])]
    return [variant["ModelName"] for variant in variants if "ModelName" in variant]


def _artifacts_of(sagemaker: SageMakerClient, model: str) -> list[str]:
    described: Any = _unless_gone(lambda: sagemaker.describe_model(ModelName=model)) or {}
    containers = [described.get("PrimaryContainer", {}), *described.get("Containers", [])]
    return [one["ModelDataUrl"] for one in containers if "ModelDataUrl" in one]


def _unless_gone[T](call: Callable[[], T]) -> T | None:
    """Make a call; None when what it is about does not exist."""
    try:
        return call()
    except ClientError as err:
        message = err.response.get("Error", {}).get("Message", "")
        if error_code(err) != "ValidationException" or not _GONE.fullmatch(message):
            raise
        return None
