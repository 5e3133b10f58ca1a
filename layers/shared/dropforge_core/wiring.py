"""How the functions that start runs are put together from their environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dropforge_core.environment import Environment
from dropforge_core.ledger import Ledger
from dropforge_core.starting import Starter

if TYPE_CHECKING:
    from dropforge_core.clients import Clients


class StartSettings(Environment):
    """What the template gives every function that may start a run."""

    ledger_table: str
    data_bucket: str
    retrain_state_machine_arn: str
    notify_function: str

    def starter(self, clients: Clients) -> Starter:
        """Return what starts runs in this stack."""
        return Starter(
            ledger=Ledger(clients.dynamodb, self.ledger_table),
            clients=clients,
            data_bucket=self.data_bucket,
            state_machine=self.retrain_state_machine_arn,
            notify_function=self.notify_function,
        )
