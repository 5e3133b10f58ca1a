"""Which models were deployed one after the other, when some were taken back again.

Whoever goes back says of the models between that they are not to be a measure or a place to go back
to. Going forward again, by a rollback to one of them, says the opposite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dropforge_core.records import Run


def standing(runs: Iterable[Run]) -> Iterator[Run]:
    """Yield the runs whose models were deployed and not taken back, newest first.

    ``runs`` are a pipeline's, newest first. A rollback stands for the run that it restores, which
    is yielded in its place, once; the runs between the two are passed over.
    """
    restored: str | None = None
    for run in runs:
        if restored not in {None, run.run_id}:
            continue
        if restored is None and run.status != "DEPLOYED":
            continue
        restored = run.restores
        if restored is None:
            yield run
