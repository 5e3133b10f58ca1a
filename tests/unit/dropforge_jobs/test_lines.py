from pathlib import Path

import pytest

from dropforge_jobs import lines
from dropforge_jobs.lines import read_lines


def test_lines_are_numbered_and_without_their_ends(tmp_path: Path) -> None:
    """LF, CR LF and CR end a line; other line breaks of Unicode do not; a BOM is no text."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfone\r\n\rthree\xe2\x80\xa8\x0b\n \nlast")
    found = list(read_lines(path))
    assert [(line.number, line.text) for line in found] == [
        (1, "one"),
        (2, ""),
        (3, "three\u2028\x0b"),
        (4, " "),
        (5, "last"),
    ]
    assert [line.is_blank for line in found] == [False, True, False, True, False]


def test_bytes_that_are_no_text_do_not_hide_the_other_lines(tmp_path: Path) -> None:
    """They are shown as escapes, in text that can be written."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"caf\xe9,\xed\xa0\x80\nth\xc3\xa9\n")
    first, second = read_lines(path)
    assert first.shown == "caf\\xe9,\\xed\\xa0\\x80"
    assert second.shown == "thé"


@pytest.mark.parametrize("end", [b"\nnext\n", b"\r\nnext", b""])
def test_a_long_line_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: bytes) -> None:
    """It takes no more memory than it may, and the next line is the next line."""
    monkeypatch.setattr(lines, "LONGEST", 10)
    path = tmp_path / "a.csv"
    path.write_bytes(b"0123456789\n" + b"x" * 37 + end)
    fits, cut, *rest = read_lines(path)
    assert (fits.text, fits.cut) == ("0123456789", False)
    assert (cut.number, cut.text, cut.cut) == (2, "x" * 10, True)
    assert [(line.number, line.text) for line in rest] == ([(3, "next")] if end else [])
