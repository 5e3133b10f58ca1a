"""What people and scripts read: results on stdout, everything else on stderr."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

# A pipe has no width; tables are to stay whole there.
_PIPE_WIDTH = 160


def say(message: str) -> None:
    """Tell the person at the terminal something, on stderr."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


def write_json(document: Any) -> None:
    """Write one JSON document to stdout."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_line(text: str, *, at_once: bool = False) -> None:
    """Write a line to stdout; `at_once` also into a pipe, whose reader waits for it."""
    sys.stdout.write(f"{text}\n")
    if at_once:
        sys.stdout.flush()


def write_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table to stdout; cells are plain text."""
    from rich.console import Console  # noqa: PLC0415 - `--json` does without Rich
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, show_header=any(columns))
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH).print(table)


def printable(text: str) -> str:
    """Write what moves the cursor, or shows as nothing, as escapes."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
