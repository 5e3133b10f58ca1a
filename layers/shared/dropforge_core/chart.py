"""The chart of a run's evaluation, as a link that lives for an hour."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session

from dropforge_core.naming import evaluated

if TYPE_CHECKING:
    from dropforge_core.clients import Clients

LINK_SECONDS = 3600
_LOOK_SECONDS = 5
_OK = 200


def chart_link(clients: Clients, bucket: str, run_id: str) -> str | None:
    """Return a link with which anyone may get the chart, None when there is none for us to show.

    ``bucket`` is the artifacts bucket's web address. A link ends with the credentials that sign
    it, should those end before the hour is over.

    Raises:
        botocore.exceptions.BotoCoreError: S3 cannot be asked.
    """
    address = f"{bucket}/{quote(evaluated(run_id, 'chart.png'))}"
    look = AWSRequest("HEAD", clients.presigned("HEAD", address, LINK_SECONDS))
    answer = URLLib3Session(timeout=_LOOK_SECONDS).send(look.prepare())
    return clients.presigned("GET", address, LINK_SECONDS) if answer.status_code == _OK else None
