from dataclasses import replace
from typing import Any

import pytest
from dropforge_core.manifest import LARGEST_COPY, input_manifest, ledger_manifest, select

from tests.unit.dropforge_core.stack import an_arrival
from tests.unit.dropforge_core.test_ledger import a_run


def test_sequencers_are_padded_on_the_right() -> None:
    """S3's rule: the shorter sequencer is padded with zeros, then they are compared as text."""
    older = replace(an_arrival("a", "old"), sequencer="0055AED6DCD9")
    newer = replace(an_arrival("a", "new"), sequencer="0055AED6DCD90281E5", event_time="")
    assert select([newer, older]).objects == [newer]
    assert select([newer, older]).superseded == [(older, newer)]


def test_padded_sequencers_may_be_equal() -> None:
    """00A and 00A0 are the same place in the order: then the event's time decides."""
    later = replace(an_arrival("a", "new", order=2), sequencer="00A")
    earlier = replace(an_arrival("a", "old", order=1), sequencer="00A0")
    assert select([earlier, later]).objects == [later]


def test_case_of_a_sequencer_does_not_count() -> None:
    """Sequencers are hexadecimal: b is above A."""
    older = replace(an_arrival("a", "old"), sequencer="00A")
    newer = replace(an_arrival("a", "new"), sequencer="00b")
    assert select([newer, older]).objects == [newer]


def test_the_hash_is_of_the_set_of_contents() -> None:
    """Keys, order and repeated contents do not count; another content or size does."""
    one, two = an_arrival("a", "one"), an_arrival("b", "two", order=2)
    base = select([one, two]).manifest_hash
    assert select([two, one]).manifest_hash == base
    assert select([one, two, an_arrival("c", "two", order=3)]).manifest_hash == base
    assert select([replace(one, key="incoming/iris/z"), two]).manifest_hash == base
    assert select([one]).manifest_hash != base
    assert select([replace(one, size=9), two]).manifest_hash != base


def test_the_same_bytes_under_two_keys_are_read_once() -> None:
    """The object that came first stands for them; all that wait share the run."""
    first, copy = an_arrival("z", "one", order=1), an_arrival("a", "one", order=2)
    selection = select([copy, first])
    assert selection.objects == [first]
    assert {one.key for one in selection.waiting} == {first.key, copy.key}
    assert min(selection.event_times) == first.event_time


def test_a_key_whose_newest_version_is_ignored_counts_for_nothing() -> None:
    """An empty object over a good one takes the good one out."""
    good = an_arrival("a", "good", order=1)
    empty = replace(an_arrival("a", "", order=2), status="IGNORED")
    selection = select([good, empty])
    assert selection.objects == []
    assert selection.superseded == [(good, empty)]


def test_all_data_is_read_and_only_new_data_waits() -> None:
    """Objects that earlier runs used or skipped are part of the set."""
    used = replace(an_arrival("a", "one"), status="USED")
    skipped = replace(an_arrival("b", "two", order=2), status="SKIPPED")
    new = an_arrival("c", "three", order=3)
    selection = select([used, skipped, new])
    assert selection.objects == [used, skipped, new]
    assert selection.waiting == [new]
    assert selection.bytes == 11


def test_what_is_set_aside_is_left_out() -> None:
    """Its bytes too, under whatever key they came or come; those that wait are barred."""
    bad = replace(an_arrival("bad", "bad"), status="SET_ASIDE")
    same = replace(an_arrival("same", "bad", order=2), status="SKIPPED")
    again = an_arrival("again", "bad", order=3)
    good = an_arrival("good", "good", order=4)
    selection = select([bad, same, again, good])
    assert selection.objects == [good]
    assert selection.waiting == [good]
    assert selection.barred == [again]
    assert min(select([bad, again]).event_times) == again.event_time


def test_the_newest_version_that_was_not_set_aside_counts() -> None:
    """An older good version comes back; one that waits is not superseded by one set aside."""
    oldest = an_arrival("a", "oldest", order=1)
    good = replace(an_arrival("a", "good", order=2), status="USED")
    bad = replace(an_arrival("a", "bad!", order=3), status="SET_ASIDE")
    selection = select([bad, oldest, good], {"incoming/iris/a": bad.content})
    assert selection.objects == [good]
    assert selection.replaced == {good.key}
    assert selection.superseded == [(oldest, good)]
    late = replace(good, status="WAITING")
    assert select([bad, late]).waiting == [late]


def test_a_version_that_was_good_for_nothing_hides_no_older_one() -> None:
    """Only an empty object takes its key out; one that was gone, say, does not."""
    good = replace(an_arrival("a", "good", order=1), status="USED")
    gone = replace(an_arrival("a", "gone", order=2), status="IGNORED")
    assert select([good, gone]).objects == [good]


def test_what_was_deleted_is_left_out() -> None:
    """What waited for a run is IGNORED for it; what was used before stays as it is."""
    used = replace(an_arrival("used", "used"), status="USED")
    new = an_arrival("new", "new", order=2)
    selection = select([used, new], {})
    assert selection.objects == []
    assert [(one.key, one.status) for one in selection.lost] == [(new.key, "IGNORED")]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"size": LARGEST_COPY + 1}, "over 10 GiB"),
        ({"key": "incoming/iris/" + "/".join(["k" * 250] * 4)}, "too long"),
    ],
)
def test_what_cannot_be_copied_gives_way_to_an_older_version(
    changes: dict[str, Any], reason: str
) -> None:
    """It is IGNORED with the reason; while it is the current version it needs no copy."""
    older = replace(an_arrival("a", "old"), **{**changes, "size": 3})
    newer = replace(an_arrival("a", "new", order=2), **changes)
    assert select([older, newer], {newer.key: newer.content}).objects == [newer]
    selection = select([older, newer], {newer.key: ("another", 1)})
    assert selection.lost[0].status == "IGNORED"
    assert reason in selection.lost[0].reason
    assert select([older, newer], {newer.key: older.content}).objects == [older]


def test_an_object_that_needs_no_copy_stands_for_equal_bytes() -> None:
    """Although it came later."""
    first, later = an_arrival("a", "one", order=1), an_arrival("b", "one", order=2)
    current = {first.key: ("other", 9), later.key: later.content}
    selection = select([first, later], current)
    assert (selection.objects, selection.replaced) == ([later], frozenset())


def test_a_readmitted_object_waits_since_then() -> None:
    """A run's time does not count from the day on which its data was first dropped."""
    readmitted = replace(an_arrival("a"), readmitted_at="2026-12-01T00:00:00.000Z")
    assert select([readmitted]).event_times == ["2026-12-01T00:00:00.000Z"]


def test_the_manifest_says_what_is_new() -> None:
    """What was dropped for this run, also where an older object stands for its bytes."""
    used = replace(an_arrival("a", "one"), status="USED")
    stands = replace(an_arrival("b", "two", order=2), status="USED")
    again, new = an_arrival("c", "two", order=3), an_arrival("d", "four", order=4)
    manifest = ledger_manifest(a_run(), "bucket", select([used, stands, again, new]))
    told = {one["key"].rpartition("/")[2]: one["new"] for one in manifest["objects"]}
    assert told == {"a": False, "b": True, "d": True}


def test_what_is_in_quarantine_is_read_no_more() -> None:
    """Nor are the same bytes under another key; the older version of its key comes back."""
    older = replace(an_arrival("a", "good"), status="USED")
    bad = replace(an_arrival("a", "bad", order=2), status="QUARANTINED")
    same = replace(an_arrival("b", "bad", order=3), status="SKIPPED")
    new = an_arrival("c", "new", order=4)
    assert select([older, bad, same, new]).objects == [older, new]


def test_quarantined_bytes_that_are_dropped_again_are_tried_again() -> None:
    """Somebody may have changed the rules for them."""
    bad = replace(an_arrival("a", "bad"), status="QUARANTINED")
    again = an_arrival("b", "bad", order=2)
    assert select([bad, again]).waiting == [again]
    assert {one.content for one in select([bad, again]).objects} == {again.content}


def test_keys_are_data() -> None:
    """They go into both manifests as they are, and before a copy's name comes the run's folder."""
    hostile = an_arrival("a %2F $(reboot) ü.csv")
    older = an_arrival("b/../ü.csv", "older", order=2)
    selection = select([hostile, older], {hostile.key: hostile.content, older.key: ("", 0)})
    document = ledger_manifest(a_run(), "bucket", selection)
    assert [one["key"] for one in document["objects"]] == [hostile.key, older.key]
    assert input_manifest(document) == [
        {"prefix": "s3://bucket/"},
        "incoming/iris/a %2F $(reboot) ü.csv",
        f"runs/{a_run().run_id}/data/b/../ü.csv",
    ]
