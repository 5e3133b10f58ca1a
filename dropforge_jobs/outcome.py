"""What a preprocess job tells of its data: how many rows, and whether a run can use them.

It goes into the message file, of which SageMaker shows 1 KB as ExitMessage, also of a job that
went well. So the state machine learns of it without reading anything, and a run without usable data
is no failed job: the outputs of those are not uploaded.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# The state machine looks for it: another script's message is none of ours.
MARKER = "dropforge: "
MESSAGE_BYTES = 1024
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Outcome:
    """What came of a run's data.

    Attributes:
        rows: how many rows are used.
        rejected_rows: how many broke the rules.
        quarantined_objects: how many objects were refused whole, most of them for all their rows.
        skipped: why the run should make nothing of it, in sentences; "" when it should go on.
        hyperparameters: what the data decides of the training, such as a number of classes; they
            go before those of pipeline.yaml.
        trained_on: the digest of what the training job reads, for `train.reuse`; "" for none.
    """

    rows: int
    rejected_rows: int
    quarantined_objects: int
    skipped: str = ""
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    trained_on: str = ""

    def tell(self, path: Path) -> None:
        """Write the message into a file.

        Raises:
            ValueError: the hyperparameters alone are too long.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.message())

    def message(self) -> bytes:
        """Return the message; of a long reason, the beginning.

        Raises:
            ValueError: the hyperparameters alone are too long.
        """
        message = self._message(self.skipped)
        reason = self.skipped
        while len(message) > MESSAGE_BYTES:
            if not reason:
                raise ValueError(f"more than {MESSAGE_BYTES} bytes of hyperparameters")
            reason = reason[: len(reason) * 9 // 10]
            message = self._message(f"{reason}…")
        return message

    def _message(self, skipped: str) -> bytes:
        document = {
            "rows": {
                "rows": self.rows,
                "rejected_rows": self.rejected_rows,
                "quarantined_objects": self.quarantined_objects,
            },
            **({"skipped": skipped} if skipped else {}),
            **({"hyperparameters": dict(self.hyperparameters)} if self.hyperparameters else {}),
            **({"trained_on": self.trained_on} if self.trained_on else {}),
        }
        return (MARKER + json.dumps(document, ensure_ascii=False)).encode("utf-8")


def digest_of(*folders: Path) -> str:
    """Return a digest of all files below these folders: their names there, and their bytes."""
    digest = hashlib.sha256()
    for number, folder in enumerate(folders):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            digest.update(f"{number}/{path.relative_to(folder).as_posix()}\0".encode())
            digest.update(f"{path.stat().st_size}\0".encode())
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
    return digest.hexdigest()
