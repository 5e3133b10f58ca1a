"""JSON documents that a person gives a command."""

import json
import sys

from dropforge.errors import InputError


def read_document(source: str) -> bytes:
    """Read a document from a file, or from stdin for `-`.

    Raises:
        InputError: the file cannot be read, or is no JSON.
    """
    try:
        if source == "-":
            content = sys.stdin.buffer.read()
        else:
            with open(source, "rb") as file:  # noqa: PTH123 - the person's own words name it
                content = file.read()
        json.loads(content)
    except OSError as err:
        raise InputError(f"{source}: cannot be read: {err.strerror}.") from err
    except ValueError as err:
        raise InputError(f"{source}: no JSON: {err}.") from err
    return content
