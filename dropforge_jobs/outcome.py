"""What a preprocess job tells of its data: how many rows, and whether a run can use them.

It goes into the message file, of which SageMaker shows 1 KB as ExitMessage, also of a job that
went well. So the state machine learns of it without reading anything, and a run without usable data
is no failed job: the outputs of those are not uploaded.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# The state machine looks for it: another script's message is none of ours.
MARKER = "dropforge: "
MESSAGE_BYTES = 1024


@dataclass(frozen=True)
class Outcome:
    """What came of a run's data.

    Attributes:
        rows: how many rows are used.
        rejected_rows: how many broke the rules.
        quarantined_objects: how many objects were refused whole, most of them for all their rows.
        skipped: why the run should make nothing of it, in sentences; "" when it should go on.
    """

    rows: int
    rejected_rows: int
    quarantined_objects: int
    skipped: str = ""

    def tell(self, path: Path) -> None:
        """Write the message; of a long reason, the beginning."""
        message = self._message(self.skipped)
        reason = self.skipped
        while len(message) > MESSAGE_BYTES:
            reason = reason[: len(reason) * 9 // 10]
            message = self._message(f"{reason}…")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(message)

    def _message(self, skipped: str) -> bytes:
        document = {
            "rows": {
                "rows": self.rows,
                "rejected_rows": self.rejected_rows,
                "quarantined_objects": self.quarantined_objects,
            },
            **({"skipped": skipped} if skipped else {}),
        }
        return (MARKER + json.dumps(document, ensure_ascii=False)).encode("utf-8")
