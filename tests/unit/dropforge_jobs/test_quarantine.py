import csv
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dropforge_jobs.lines import Line
from dropforge_jobs.quarantine import RejectedRows, file_name, keep_object, write_index

HOSTILE = [
    "incoming/iris/../../../etc/passwd",
    "incoming/iris/$(reboot);rm -rf ~.csv",
    "incoming/iris/a%2F..%2Fb.csv",
    "incoming/iris/Blüten/süd 😀.csv",
    "incoming/iris/.hidden",
    "incoming/iris/",
    "incoming/iris/-rf",
    "incoming/iris/" + "x" * 255,
    "incoming/iris/CON.csv\x07\n",
]


@pytest.mark.parametrize("key", HOSTILE)
def test_a_key_is_only_a_name(key: str) -> None:
    """Whatever it holds, its files lie in the folder, are no options, and S3 takes their names."""
    assert re.fullmatch(r"[0-9a-f]{12}-[A-Za-z0-9._-]{0,80}", file_name(key))


@given(st.lists(st.text(max_size=20), unique=True, max_size=20))
def test_no_two_keys_have_the_same_files(keys: list[str]) -> None:
    """Not even keys that differ in what is left out of names."""
    assert len({file_name(key) for key in keys}) == len(keys)


def test_names_tell_people_which_object_it_is() -> None:
    """The last part of the key is there, as far as it is harmless."""
    assert file_name("incoming/iris/2026/north west.csv").endswith("-north_west.csv")


def test_rejected_rows_are_csv_whatever_they_hold(tmp_path: Path) -> None:
    """Line, reason and row come back as they were, and the file is UTF-8."""
    rows = RejectedRows(tmp_path / "new", "incoming/iris/a.csv")
    lines = [Line(3, 'x,"y'), Line(7, "caf\udce9; =1+1"), Line(9, "a\x0bb\u2028c")]
    for line in lines:
        rows.add(line, "one; two, three")
    rows.close()
    with rows.path.open(encoding="utf-8", newline="") as file:
        read = list(csv.reader(file))
    assert rows.path.name.endswith("-a.csv.rejected.csv")
    assert read == [
        ["line", "reason", "row"],
        ["3", "one; two, three", 'x,"y'],
        ["7", "one; two, three", "caf\\xe9; =1+1"],
        ["9", "one; two, three", "a\x0bb\u2028c"],
    ]


def test_nothing_bad_leaves_nothing(tmp_path: Path) -> None:
    """No file, no folder: the run's quarantine is empty."""
    RejectedRows(tmp_path / "new", "incoming/iris/a.csv").close()
    write_index(tmp_path / "new", [])
    assert list(tmp_path.iterdir()) == []


def test_an_object_is_kept_as_it_came(tmp_path: Path) -> None:
    """Byte for byte, with the reason beside it."""
    source = tmp_path / "source"
    source.write_bytes(b"\x00\xff\r\n")
    folder = tmp_path / "quarantine"
    name, reason = keep_object(folder, "incoming/iris/a.bin", source, {"reason": "no text"})
    assert (folder / name).read_bytes() == b"\x00\xff\r\n"
    assert json.loads((folder / reason).read_text("utf-8")) == {"reason": "no text"}
    assert reason == f"{name}.reason.json"
    assert source.exists()
