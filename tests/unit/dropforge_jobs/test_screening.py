import csv
import json
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dropforge_jobs import lines
from dropforge_jobs.columns import Column
from dropforge_jobs.manifest import ManifestObject
from dropforge_jobs.outcome import Outcome
from dropforge_jobs.quarantine import file_name
from dropforge_jobs.rules import Rules
from dropforge_jobs.screening import Screening

COLUMNS = (Column("kind", "text", label=True), Column("size", "number", minimum=0))
RULES = Rules(COLUMNS, most_bad_rows=0.2, fewest_rows=1)
GOOD = b"pine,1\n"
BAD = b"pine,-1\n"
BROKEN = b"\xff\xfe\x00\x01"


@dataclass
class Drop:
    """Objects in a folder, and what a screening made of them."""

    folder: Path
    objects: list[tuple[ManifestObject, Path]] = field(default_factory=list)
    rows: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, key: str, content: bytes, *, is_new: bool = True) -> None:
        """Put an object into the drop."""
        path = self.folder / f"object-{len(self.objects)}"
        path.write_bytes(content)
        item = ManifestObject(key, key, len(content), f"etag of {key}", "v1", is_new)
        self.objects.append((item, path))

    def screen(self, rules: Rules = RULES) -> Outcome:
        """Screen all of it."""
        screening = Screening(rules, self.quarantine)
        for item, path in self.objects:
            self.rows[item.key] = list(screening.rows(item, path))
        return screening.end()

    @property
    def quarantine(self) -> Path:
        """The folder that goes to S3."""
        return self.folder / "quarantine"

    def files(self) -> set[str]:
        """List what is in quarantine."""
        return {path.name for path in self.quarantine.glob("*")}

    def index(self) -> dict[str, dict[str, Any]]:
        """Return the entries of the index by key."""
        document = json.loads((self.quarantine / "quarantine.json").read_text("utf-8"))
        return {entry["key"]: entry for entry in document["objects"]}

    def rejected(self, key: str) -> list[list[str]]:
        """Return the rejected rows of an object."""
        path = self.quarantine / f"{file_name(key)}.rejected.csv"
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.reader(file))[1:]


@pytest.fixture
def drop(tmp_path: Path) -> Drop:
    """An empty drop."""
    return Drop(tmp_path)


def test_good_data_leaves_no_quarantine(drop: Drop) -> None:
    """Its rows come back as values."""
    drop.add("a", GOOD * 3)
    assert drop.screen() == Outcome(3, 0, 0)
    assert drop.rows == {"a": [["pine", 1.0]] * 3}
    assert drop.files() == set()


def test_bad_rows_go_to_quarantine_with_line_and_reason(drop: Drop) -> None:
    """The good ones of the same object are used."""
    drop.add("incoming/a.csv", GOOD * 9 + b"\n" + BAD + b'"pine,2\n' + GOOD)
    assert drop.screen() == Outcome(10, 2, 0)
    assert drop.rejected("incoming/a.csv") == [
        ["11", "size is below 0", "pine,-1"],
        ["12", "quotes that do not match", '"pine,2'],
    ]
    name = f"{file_name('incoming/a.csv')}.rejected.csv"
    assert drop.files() == {name, "quarantine.json"}
    assert drop.index() == {
        "incoming/a.csv": {
            "key": "incoming/a.csv",
            "version_id": "v1",
            "etag": "etag of incoming/a.csv",
            "size": len(GOOD) * 10 + 1 + len(BAD) + 8,
            "whole": False,
            "reason": "Rows that break the rules: 2.",
            "rows": 10,
            "rejected_rows": 2,
            "reasons": {"size is below 0": 1, "quotes that do not match": 1},
            "files": [name],
        }
    }


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (BROKEN, "not UTF-8 text (1 row)."),
        (b"\n \n", "there are no rows."),
        (b"one\ntwo\n", "not 2 columns (2 rows)."),
        (b"\n" + BAD * 50, "size is below 0 (50 rows)."),
    ],
    ids=["no text", "empty", "other columns", "no good row"],
)
def test_an_object_without_a_good_row_is_refused_whole(
    drop: Drop, content: bytes, reason: str
) -> None:
    """Its bytes are kept with the reason, and it costs the others nothing, however large it is."""
    drop.add("a", GOOD * 10)
    drop.add("b", content)
    outcome = drop.screen()
    assert (outcome.rows, outcome.quarantined_objects, outcome.skipped) == (10, 1, "")
    name = file_name("b")
    assert drop.files() == {name, f"{name}.reason.json", "quarantine.json"}
    assert (drop.quarantine / name).read_bytes() == content
    report = json.loads((drop.quarantine / f"{name}.reason.json").read_text("utf-8"))
    assert report["reason"] == f"No row of it can be used: {reason}"
    assert (drop.index()["b"]["whole"], drop.index()["b"]["reason"]) == (True, report["reason"])


def test_a_drop_of_only_broken_objects_is_of_no_use(drop: Drop) -> None:
    """Although there is older data: it was used before, and nothing new is to be learnt."""
    drop.add("old", GOOD * 100, is_new=False)
    drop.add("b", BROKEN)
    drop.add("c", b"\n")
    outcome = drop.screen()
    assert outcome.skipped == (
        "None of 2 objects can be used. 'b': No row of it can be used: not UTF-8 text (1 row)."
    )
    assert outcome.quarantined_objects == 2


def test_one_broken_object_alone_is_named(drop: Drop) -> None:
    """The sentence that Slack shows says which object and what is wrong with it."""
    drop.add("b", BROKEN)
    why = "Nothing that was dropped can be used. 'b': No row of it can be used: not UTF-8 text"
    assert drop.screen().skipped.startswith(why)


def test_old_data_may_run_again_without_new(drop: Drop) -> None:
    """A run that was asked for without any new object uses what there is."""
    drop.add("old", GOOD * 10, is_new=False)
    drop.add("tightened", BAD * 10, is_new=False)
    assert drop.screen() == Outcome(10, 10, 1)


@pytest.mark.parametrize(("bad", "goes_on"), [(0, True), (2, True), (3, False)])
def test_the_share_of_bad_rows_decides(drop: Drop, bad: int, *, goes_on: bool) -> None:
    """At the limit a run goes on, above it is skipped; each bad row is in quarantine either way."""
    drop.add("a", GOOD * (10 - bad) + BAD * bad)
    outcome = drop.screen()
    assert (outcome.skipped == "") == goes_on
    assert outcome.rejected_rows == bad
    assert len(drop.rejected("a") if bad else []) == bad


def test_only_new_rows_count_for_the_share(drop: Drop) -> None:
    """A bad drop is noticed however much good data there is, and an old one is not held against."""
    drop.add("old", GOOD * 1000, is_new=False)
    drop.add("new", GOOD * 5 + BAD * 5)
    assert drop.screen().skipped.startswith(
        "5 of 10 rows break the rules, more than the allowed 20.0%: size is below 0 (5 rows);"
    )
    later = Drop(drop.folder)
    later.add("old", GOOD * 5 + BAD * 5, is_new=False)
    later.add("new", GOOD)
    assert later.screen().skipped == ""


def test_too_bad_objects_are_refused_whole_for_later_runs(drop: Drop) -> None:
    """Those that made it too much, and not their neighbours: they may be used by the next run."""
    drop.add("good", GOOD * 10)
    drop.add("poor", GOOD * 9 + BAD * 2)
    drop.add("bad", GOOD * 5 + BAD * 20)
    outcome = drop.screen()
    assert outcome.skipped.startswith("22 of 46 rows break the rules")
    assert outcome == Outcome(19, 22, 1, outcome.skipped)
    assert {key: entry["whole"] for key, entry in drop.index().items()} == {
        "poor": False,
        "bad": True,
    }
    assert drop.index()["bad"]["reason"] == "80.0% of its rows break the rules."
    assert len(drop.index()["bad"]["files"]) == 3


def test_a_run_needs_some_rows(drop: Drop) -> None:
    """Old ones count too; what is good stays good for the next run."""
    few = Rules(COLUMNS, fewest_rows=10)
    drop.add("old", GOOD * 5, is_new=False)
    drop.add("new", GOOD * 4)
    assert drop.screen(few) == Outcome(9, 0, 0, "Too few good rows: 9, and it takes 10.")
    assert drop.files() == set()
    drop.add("more", GOOD)
    assert drop.screen(few).skipped == ""


def test_a_header_is_no_row_and_must_be_the_right_one(drop: Drop) -> None:
    """With another header an object is refused: its values are of other columns."""
    drop.add("a", b"\nkind,size\n" + GOOD * 3)
    drop.add("b", b"size,kind\n" + GOOD * 3)
    assert drop.screen(Rules(COLUMNS, header=True)) == Outcome(3, 0, 1)
    assert drop.index()["b"]["reason"] == "Its header is not kind,size."


def test_a_line_without_end_is_one_bad_row(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read into memory that a bad object makes large."""
    monkeypatch.setattr(lines, "LONGEST", 20)
    drop.add("a", GOOD * 9 + b"x" * 1000 + b"\n" + GOOD)
    assert drop.screen() == Outcome(10, 1, 0)
    line, reason, row = drop.rejected("a")[0]
    assert (line, row) == ("10", "x" * 20)
    assert reason.startswith("more than 1,000,000 characters")


def test_examples_are_few_and_counts_are_whole(tmp_path: Path) -> None:
    """However many rows are bad, profile.json stays small."""
    path = tmp_path / "a"
    path.write_bytes(GOOD + BAD * 70)
    screening = Screening(RULES, tmp_path / "quarantine")
    for key in ("a", "b"):
        list(screening.rows(ManifestObject(key, key, 1, "e"), path))
    rejected = screening.rejected()
    assert (rejected["rows"], rejected["reasons"]) == (140, {"size is below 0": 140})
    assert len(rejected["examples"]) == 20
    assert rejected["examples"][0] == {"object": "a", "line": 2, "reason": "size is below 0"}
    assert screening.faults == {"size": 140}


# Bytes that CSV readers stumble over, between rows that are good and bad.
PIECES = st.one_of(
    st.sampled_from(
        [GOOD, BAD, b'"', b",", b"\n", b"\r", b"\0", b"\xef\xbb\xbf", b"\xff", b"a" * 9]
    ),
    st.binary(max_size=8),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(PIECES, max_size=12), min_size=1, max_size=4))
def test_whatever_bytes_come_each_row_is_counted_once(objects: Sequence[Iterable[bytes]]) -> None:
    """No bytes make the job fail, and each bad line is accounted for."""
    with tempfile.TemporaryDirectory() as folder:
        drop = Drop(Path(folder))
        for number, pieces in enumerate(objects):
            drop.add(f"key/{number}", b"".join(pieces))
        outcome = drop.screen()
        entries = drop.index() if outcome.quarantined_objects or outcome.rejected_rows else {}
        assert outcome.rejected_rows == sum(each["rejected_rows"] for each in entries.values())
        assert outcome.quarantined_objects == sum(each["whole"] for each in entries.values())
        for item, path in drop.objects:
            rows, entry = drop.rows[item.key], entries.get(item.key)
            assert rows or (entry and entry["whole"])
            assert all(kind and size >= 0 for kind, size in rows)
            if entry is None:
                continue
            kept = drop.quarantine / file_name(item.key)
            assert kept.exists() == entry["whole"]
            if entry["whole"]:
                assert kept.read_bytes() == path.read_bytes()
            if rows:
                assert len(drop.rejected(item.key)) == entry["rejected_rows"]


@given(st.lists(st.sampled_from([GOOD, BAD]), max_size=30))
def test_a_stray_quote_costs_its_own_row_only(rows: list[bytes]) -> None:
    """Put anywhere between the others, it changes nothing of what is read from them."""
    with tempfile.TemporaryDirectory() as folder:
        for place in range(0, len(rows) + 1, 7):
            drop = Drop(Path(folder))
            drop.add("a", b"".join([*rows[:place], b'"pine,1\n', *rows[place:]]))
            outcome = drop.screen()
            assert len(drop.rows["a"]) == rows.count(GOOD)
            assert outcome.rejected_rows == rows.count(BAD) + 1
