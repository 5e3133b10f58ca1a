"""`dropforge local faults`: what is forced to go wrong in the embedded AWS."""

import json
from collections.abc import Sequence
from typing import Any

from dropforge import embedded, output
from dropforge.documents import read_document
from dropforge.errors import InputError

_PATH = "/_embedded/faults"
_HOW_OFTEN = ("after", "times")


def pending(endpoint_url: str) -> list[dict[str, Any]]:
    """List the faults that are still to come, oldest first."""
    found: list[dict[str, Any]] = embedded.ask(endpoint_url, _PATH)
    return found


def read(kind: str | None, fields: Sequence[str], source: str | None) -> Any:
    """Make a document of a kind and its `FIELD=VALUE`s, or read it from a file.

    The embedded AWS checks it.

    Raises:
        InputError: it is neither or both of these, or the file holds no JSON.
    """
    if (kind is None) == (source is None):
        raise InputError("local faults add: give KIND and its fields, or --file.")
    if source is not None:
        return json.loads(read_document(source))
    pairs = [field.partition("=") for field in fields]
    for name, sign, _ in pairs:
        if not (name and sign):
            raise InputError(f"{name!r}: is no FIELD=VALUE.")
    return {"kind": kind} | {name: value for name, _, value in pairs}


def add(endpoint_url: str, document: Any) -> list[dict[str, Any]]:
    """Add a fault; list those that are still to come.

    Raises:
        InputError: the document is no fault.
    """
    found: list[dict[str, Any]] = embedded.ask(
        endpoint_url, _PATH, method="POST", document=document
    )
    return found


def clear(endpoint_url: str) -> None:
    """Forget all faults."""
    embedded.ask(endpoint_url, _PATH, method="DELETE")


def write(found: Sequence[dict[str, Any]]) -> None:
    """Print faults for people, in the words that `add` takes."""
    if not found:
        output.say("There are no faults to come.")
        return
    rows = [(fault["kind"], _words(fault), *(str(fault[n]) for n in _HOW_OFTEN)) for fault in found]
    output.write_table(("kind", "fault", *_HOW_OFTEN), rows)


def _words(fault: dict[str, Any]) -> str:
    return " ".join(
        f"{name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, value in fault.items()
        if name not in ("kind", *_HOW_OFTEN)
    )
