from dataclasses import replace

from dropforge_core.manifest import input_manifest, select

from tests.unit.dropforge_core.stack import an_arrival


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
    assert selection.waiting == [first, copy]
    assert selection.first_event_at == first.event_time


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


def test_keys_are_data() -> None:
    """Names go into SageMaker's manifest as they are, below the pipeline's prefix."""
    hostile = an_arrival("a %2F $(reboot) ü.csv")
    manifest = input_manifest("iris", "bucket", [hostile])
    assert manifest == [{"prefix": "s3://bucket/incoming/iris/"}, "a %2F $(reboot) ü.csv"]
