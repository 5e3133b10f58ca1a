"""What became of the rows of one object."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dropforge_jobs.manifest import ManifestObject

EXAMPLES = 20  # rejected rows that reports show


@dataclass
class Tally:
    """Counts of one object.

    Attributes:
        item: the object.
        path: where it lies.
        rows: how many rows are good.
        rejected: how many are bad.
        blank: how many lines hold nothing.
        reasons: why rows are bad, and how many for each reason; a row may have several.
        examples: the first bad rows: line (from 1) and reason.
        refused: why the object is refused whole; "" when its good rows may be used.
        files: what of it is in quarantine, by name.
    """

    item: ManifestObject
    path: Path
    rows: int = 0
    rejected: int = 0
    blank: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    examples: list[dict[str, Any]] = field(default_factory=list)
    refused: str = ""
    files: list[str] = field(default_factory=list)

    def reject(self, line: int, reasons: Sequence[str]) -> None:
        """Count a bad row."""
        self.rejected += 1
        self.reasons.update(reasons)
        if len(self.examples) < EXAMPLES:
            self.examples.append({"line": line, "reason": "; ".join(reasons)})

    @property
    def bad_share(self) -> float:
        """The share of its rows that is bad, 0 to 1."""
        return self.rejected / max(self.rows + self.rejected, 1)

    def counts(self) -> dict[str, Any]:
        """Return the counts as profile.json has them."""
        return {
            "key": self.item.key,
            "rows": self.rows,
            "rejected": self.rejected,
            "blank": self.blank,
            **({"refused": self.refused} if self.refused else {}),
        }

    def entry(self) -> dict[str, Any]:
        """Return what the index of the quarantine says of the object."""
        return {
            "key": self.item.key,
            "version_id": self.item.version_id,
            "etag": self.item.etag,
            "size": self.item.size,
            "whole": bool(self.refused),
            "reason": self.refused or f"Rows that break the rules: {self.rejected}.",
            "rows": self.rows,
            "rejected_rows": self.rejected,
            "reasons": dict(self.reasons.most_common()),
            "files": self.files,
        }


def worst_fault(tallies: Sequence[Tally]) -> str:
    """Say which fault is the most frequent in these objects."""
    reasons: Counter[str] = sum((each.reasons for each in tallies), Counter())
    if not reasons:
        return "there are no rows"
    reason, rows = reasons.most_common(1)[0]
    return f"{reason} ({rows} {'row' if rows == 1 else 'rows'})"


def first_bad_row(tallies: Sequence[Tally]) -> str:
    """Say where the first bad row of these objects is; there must be one."""
    first = next(each for each in tallies if each.examples)
    return f"{first.item.key!r}, line {first.examples[0]['line']}"
