"""Clean up after a deployment: old models, endpoint configs and model packages that nothing needs.

The ledger says which there are. Of a pipeline's models the newest that were deployed stay, as many
as `pipeline.yaml` keeps, with every run that is newer than the oldest of them, and whatever serves,
however old: that much a person can see in SageMaker and the registry. Artifacts, reports and
records stay for good, so that a rollback can bring any model back.

Each run is marked once nothing of it is left, so that a clean-up that broke off goes on with the
next deployment, and nobody asks for the same run again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from dropforge_core import removal
from dropforge_core.contracts import Removed
from dropforge_core.naming import pipeline_of_run
from dropforge_core.times import iso, utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from mypy_boto3_sagemaker import SageMakerClient

    from dropforge_core.clients import Clients
    from dropforge_core.ledger import Ledger
    from dropforge_core.records import Run
    from dropforge_core.removal import Served

_GOING_ON = {"RUNNING", "WAITING_FOR_APPROVAL"}


@dataclass(frozen=True, kw_only=True)
class Retention:
    """Removes what is old and unused in one stack."""

    ledger: Ledger
    clients: Clients
    now: Callable[[], datetime] = utc_now

    def clean_up(self, run_id: str) -> Removed:
        """Clean up the pipeline of a run that has deployed; nothing to do when it is unknown.

        Raises:
            ValueError: the run id is none.
            botocore.exceptions.ClientError: what serves cannot be found out, and nothing was
                removed; or something could not be removed, and the rest was.
        """
        config = self.ledger.published(pipeline_of_run(run_id))
        if config is None or self.ledger.run(run_id) is None:
            return Removed()
        sagemaker = self.clients.sagemaker
        served = removal.served_by(sagemaker, config.endpoint)
        removed: list[str] = []
        failure: ClientError | None = None
        for run in superfluous(self.ledger.runs(config.name), config.keep, served):
            try:
                _remove(sagemaker, run)
            except ClientError as err:
                failure = failure or err  # One that cannot be removed keeps none of the others.
                continue
            self.ledger.mark_removed(run.run_id, iso(self.now()))
            removed.append(run.run_id)
        if failure:
            raise failure
        return Removed(runs=tuple(removed))


def superfluous(runs: list[Run], keep: int, served: Served) -> Iterator[Run]:
    """Yield the runs of which nothing is to stay in SageMaker; ``runs`` are newest first.

    A run counts as deployed from the moment when its endpoint config is in service, for its
    deployment is told of before the run has ended. A rollback deploys no model of its own, so it
    does not count.
    """
    deployed = 0
    for run in runs:
        goes = removal.has_remains(run) and run.status not in _GOING_ON and not served.needs(run)
        if goes and deployed >= keep:
            yield run
        serves = not served.configs.isdisjoint(removal.names_of(run))
        deployed += run.kind == "RETRAIN" and (run.status == "DEPLOYED" or serves)


def _remove(sagemaker: SageMakerClient, run: Run) -> None:
    for name in removal.names_of(run):
        removal.remove_config(sagemaker, name)
        removal.remove_model(sagemaker, name)
    if run.model_package is not None:
        removal.remove_package(sagemaker, run.model_package)
