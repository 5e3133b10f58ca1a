from dataclasses import replace
from typing import Any, get_args

import pytest
from dropforge_core.aside import first_read, readmitted, set_aside, settled, spoils_its_data
from dropforge_core.contracts import RejectedBy
from dropforge_core.records import Arrival, ArrivalStatus, Run

from tests.unit.dropforge_core.stack import an_arrival
from tests.unit.dropforge_core.test_ledger import a_run

EARLIER, RUN, LATER = (a_run(number, status="DEPLOYED") for number in (1, 2, 3))
NOW = "2026-11-21T06:00:00.000Z"


def arrived(name: str, content: str, status: ArrivalStatus, run: Run | None = None) -> Arrival:
    """An arrival with its fate."""
    return replace(an_arrival(name, content), status=status, run_id=run.run_id if run else "")


@pytest.mark.parametrize(
    ("status", "rejected_by", "spoils"),
    [
        ("REJECTED", None, True),
        ("REJECTED", "JUDGE", True),
        ("REJECTED", "APPROVER", True),
        ("REJECTED", "TIMEOUT", False),
        ("REJECTED", "NEWER_RUN", False),
        ("DEPLOYED", None, False),
        ("ROLLED_BACK", None, False),
        ("FAILED", None, False),
    ],
)
def test_only_who_judged_the_model_judges_its_data(
    status: str, rejected_by: RejectedBy | None, *, spoils: bool
) -> None:
    """Nobody's answer and a newer run say nothing of the data, nor does a failure."""
    assert spoils_its_data(a_run(status=status, rejected_by=rejected_by)) == spoils


def test_what_an_earlier_run_had_read_is_not_first_read() -> None:
    """Under another key neither; what a later run read of it does not count."""
    arrivals = [
        arrived("known", "known", "USED", EARLIER),
        arrived("known again", "known", "IN_RUN", RUN),
        arrived("new", "new", "IN_RUN", RUN),
        arrived("new, later", "new", "USED", LATER),
        arrived("old version", "old", "SKIPPED", RUN),
    ]
    assert first_read(arrivals, RUN, [LATER, RUN, EARLIER]) == {("new", 3)}


@pytest.mark.parametrize("status", ["FAILED", "SKIPPED"])
def test_what_only_a_run_without_a_model_had_read_is_first_read(status: Any) -> None:
    """That run did not get to judge it."""
    earlier = replace(EARLIER, status=status)
    arrivals = [arrived("a", "bad", "USED", earlier), arrived("b", "bad", "IN_RUN", RUN)]
    assert first_read(arrivals, RUN, [RUN, earlier]) == {("bad", 3)}


def test_a_runs_end_settles_its_arrivals() -> None:
    """Set aside is what it spoilt, also where a failed run read the same bytes; it used the rest.

    What waits or belongs to another run stays.
    """
    rejected = replace(RUN, status="REJECTED", rejected_by="APPROVER")
    bad, known = (arrived(name, name, "IN_RUN", RUN) for name in ("bad", "known"))
    failed = arrived("of a failed run", "bad", "USED", EARLIER)
    others = [
        arrived("waiting", "bad", "WAITING"),
        arrived("ignored", "bad", "IGNORED"),
        arrived("used", "good", "USED", EARLIER),
    ]
    changed = settled([bad, known, failed, *others], rejected, {bad.content})
    assert [(one.key, one.status) for one in changed] == [
        (bad.key, "SET_ASIDE"),
        (known.key, "USED"),
        (failed.key, "SET_ASIDE"),
    ]
    for words in (RUN.run_id, "by its approver", "dropforge data iris --readmit"):
        assert words in changed[0].reason


def test_a_person_sets_contents_aside_and_readmits_them() -> None:
    """All arrivals with the bytes; those that are being read and those that are no data stay."""
    arrivals = [arrived(status, "bytes", status, RUN) for status in get_args(ArrivalStatus)]
    arrivals.append(arrived("other", "other", "USED", RUN))
    aside = set_aside(arrivals, {("bytes", 5)}, "iris")
    assert [old.status for old, _ in aside] == ["WAITING", "USED", "SKIPPED"]
    assert {(new.status, new.run_id) for _, new in aside} == {("SET_ASIDE", RUN.run_id)}
    assert all("by hand" in new.reason for _, new in aside)
    back = readmitted(arrivals, {("bytes", 5)}, NOW)
    assert [old.status for old, _ in back] == ["SET_ASIDE", "QUARANTINED"]
    told = {(new.status, new.run_id, new.reason, new.readmitted_at) for _, new in back}
    assert told == {("WAITING", "", "", NOW)}
