"""Files by their content: which count, and one hash over them."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

_CACHES = {"__pycache__", "node_modules"}


def files_below(folder: Path, *, without: Iterable[str] = ()) -> Iterator[Path]:
    """Walk a folder's files in a fixed order.

    Caches and hidden names never count; `without` names entries of the top level that do not.
    """
    left_out = set(without)
    for path in sorted(folder.iterdir()):
        if path.name in left_out or path.name in _CACHES or path.name.startswith("."):
            continue
        if path.is_dir():
            yield from files_below(path)
        elif path.suffix not in {".pyc", ".pyo"}:
            yield path


def digest(files: Mapping[str, Path], *more: str) -> str:
    """Hash files by name, permission to execute and bytes, and more texts; SHA-256 in hex."""
    whole = hashlib.sha256()
    for name, path in sorted(files.items()):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{name}\0{os.access(path, os.X_OK)}\0{content}\0".encode())
    for text in more:
        whole.update(f"{text}\0".encode())
    return whole.hexdigest()
