"""Which rows and objects of a drop a run may use, and whether it should make anything of them.

One bad row hides no other, and one bad object none of its neighbours: both go to quarantine. When
nothing that is new can be used, or too much of it is bad, nobody should trust the rest.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

from dropforge_jobs.lines import LONGEST, read_lines
from dropforge_jobs.outcome import Outcome
from dropforge_jobs.quarantine import RejectedRows, keep_object, write_index
from dropforge_jobs.rules import BadRowError
from dropforge_jobs.tally import EXAMPLES, Tally, first_bad_row, worst_fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dropforge_jobs.columns import Value
    from dropforge_jobs.lines import Line
    from dropforge_jobs.manifest import ManifestObject
    from dropforge_jobs.rules import Rules


class Screening:
    """Goes through the objects of a run, one after the other, and then judges all of them.

    Attributes:
        rules: what rows must be like.
        quarantine: the folder for what cannot be used.
        tallies: what was found in each object so far.
        faults: for each column, how many rows were rejected for it.
    """

    def __init__(self, rules: Rules, quarantine: Path) -> None:
        """Begin."""
        self.rules = rules
        self.quarantine = quarantine
        self.tallies: list[Tally] = []
        self.faults: Counter[str] = Counter()

    def rows(self, item: ManifestObject, path: Path) -> Iterator[list[Value]]:
        """Yield the values of each good row of an object; the bad ones go to quarantine."""
        tally = Tally(item, path)
        self.tallies.append(tally)
        with closing(RejectedRows(self.quarantine, item.key)) as rejected:
            for line in self._below_header(tally):
                try:
                    row = self._read(line)
                except BadRowError as error:
                    self.faults.update(error.columns)
                    tally.reject(line.number, error.reasons)
                    rejected.add(line, str(error))
                    continue
                tally.rows += 1
                yield row
        self._look_at(tally, rejected.path)

    def refuse(self, item: ManifestObject, reason: str) -> None:
        """Refuse an object whose rows are good one by one, but make no sense together.

        Args:
            item: an object all of whose rows were read.
            reason: what is wrong with it, in a sentence.
        """
        tally = next(each for each in self.tallies if each.item == item)
        tally.rejected += tally.rows
        tally.rows = 0
        self._refuse(tally, reason)

    def end(self, also: str = "") -> Outcome:
        """Judge what was found, and write the index of the quarantine.

        Args:
            also: why the pipeline itself can make nothing of the good rows; "" when it can.
        """
        skipped = self._verdict() or also
        write_index(self.quarantine, [each.entry() for each in self.tallies if each.files])
        return Outcome(
            rows=sum(each.rows for each in self.tallies if not each.refused),
            rejected_rows=sum(each.rejected for each in self.tallies),
            quarantined_objects=sum(bool(each.refused) for each in self.tallies),
            skipped=skipped,
        )

    def rejected(self) -> dict[str, Any]:
        """Return the counts of rejected rows as profile.json has them."""
        reasons: Counter[str] = sum((each.reasons for each in self.tallies), Counter())
        examples = [
            {"object": each.item.key, **example}
            for each in self.tallies
            for example in each.examples
        ]
        return {
            "rows": sum(each.rejected for each in self.tallies),
            "reasons": dict(reasons.most_common()),
            "examples": examples[:EXAMPLES],
        }

    def _below_header(self, tally: Tally) -> Iterator[Line]:
        """Yield the lines that are rows; none when the header is another one."""
        header_expected = self.rules.header
        for line in read_lines(tally.path):
            if line.is_blank:
                tally.blank += 1
            elif header_expected:
                header_expected = False
                if not self.rules.is_header(line.text):
                    tally.refused = (
                        f"Its header is not {self.rules.delimiter.join(self.rules.names)}."
                    )
                    return
            else:
                yield line

    def _read(self, line: Line) -> list[Value]:
        if line.cut:
            raise BadRowError([f"more than {LONGEST:,} characters"])
        return self.rules.read(line.text)

    def _look_at(self, tally: Tally, rejected: Path) -> None:
        """Refuse an object without a good row; a list of its lines would tell nothing more."""
        if tally.rows:
            tally.files = [rejected.name] if tally.rejected else []
            return
        if tally.rejected:
            rejected.unlink()
        self._refuse(tally, tally.refused or f"No row of it can be used: {worst_fault([tally])}.")

    def _refuse(self, tally: Tally, reason: str) -> None:
        tally.refused = reason
        report = {**tally.entry(), "examples": tally.examples}
        tally.files += keep_object(self.quarantine, tally.item.key, tally.path, report)

    def _verdict(self) -> str:
        """Say why a run should make nothing of the objects, "" when it should; refuse the worst."""
        new = [each for each in self.tallies if each.item.is_new] or self.tallies
        usable = [each for each in new if each.rows]
        if not usable:
            many = f"None of {len(new)} objects" if len(new) > 1 else "Nothing that was dropped"
            return f"{many} can be used. {new[0].item.key!r}: {new[0].refused}"
        rejected = sum(each.rejected for each in usable)
        rows = rejected + sum(each.rows for each in usable)
        most = self.rules.most_bad_rows
        if rejected > most * rows:
            self._refuse_worse_than(most, usable)
            return (
                f"{rejected} of {rows} rows break the rules, more than the allowed {most:.1%}: "
                f"{worst_fault(usable)}; the first in {first_bad_row(usable)}."
            )
        good = sum(each.rows for each in self.tallies)
        if good < self.rules.fewest_rows:
            return f"Too few good rows: {good}, and it takes {self.rules.fewest_rows}."
        return ""

    def _refuse_worse_than(self, most: float, tallies: list[Tally]) -> None:
        """Refuse the objects that made it too much: no later run is to read them either."""
        for each in tallies:
            if each.bad_share > most:
                self._refuse(each, f"{each.bad_share:.1%} of its rows break the rules.")
