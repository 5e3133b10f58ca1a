"""How the functions that start runs are put together from their environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dropforge_core.environment import Environment
from dropforge_core.ledger import Ledger
from dropforge_core.starting import Starter

if TYPE_CHECKING:
    from dropforge_core.clients import Clients
    from dropforge_core.finishing import Finisher


class StartSettings(Environment):
    """What the template gives every function that may start a run."""

    stack_name: str
    ledger_table: str
    data_bucket: str
    retrain_state_machine_arn: str
    notify_function: str
    incoming_queue_url: str
    finish_function: str = ""

    def starter(self, clients: Clients) -> Starter:
        """Return what starts runs in this stack."""
        return Starter(
            ledger=Ledger(clients.dynamodb, self.ledger_table),
            clients=clients,
            data_bucket=self.data_bucket,
            state_machine=self.retrain_state_machine_arn,
            notify_function=self.notify_function,
            queue=self.incoming_queue_url,
            finish_function=self.finish_function,
        )

    def finisher(self, clients: Clients) -> Finisher:
        """Return what closes runs in this stack."""
        # Only here, for the cold start of the trigger, which closes none.
        from dropforge_core.approvals import Approvals  # noqa: PLC0415
        from dropforge_core.finishing import Finisher  # noqa: PLC0415

        starter = self.starter(clients)
        approvals = Approvals(ledger=starter.ledger, clients=clients, starter=starter)
        return Finisher(
            ledger=starter.ledger, clients=clients, starter=starter, approvals=approvals
        )
