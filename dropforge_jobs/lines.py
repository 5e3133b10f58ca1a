"""The lines of an object, whatever bytes it holds: none hides another, none takes up the memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONGEST = 1_000_000  # characters


class Line(NamedTuple):
    """A line of an object.

    Attributes:
        number: its place, from 1.
        text: what it holds, without its end; bytes that are no UTF-8 are lone surrogates.
        cut: whether it was longer than LONGEST, and `text` is its beginning.
    """

    number: int
    text: str
    cut: bool = False

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing on it."""
        return not self.text or self.text.isspace()

    @property
    def shown(self) -> str:
        """What it holds, in valid UTF-8: bytes that are none are spelt as hexadecimal escapes."""
        return self.text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def read_lines(path: Path) -> Iterator[Line]:
    """Yield the lines of a file; they end with LF, CR LF or CR."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        number = 0
        while text := file.readline(LONGEST + 1):
            number += 1
            cut = len(text) > LONGEST and not text.endswith("\n")
            yield Line(number, text[:LONGEST] if cut else text.rstrip("\n"), cut)
            while cut and (rest := file.readline(LONGEST)) and not rest.endswith("\n"):
                pass
