"""The ways in which a field of a request is supported, and fields that many requests share.

A field is

- HONOURED: it does what it does on AWS;
- RECORDED: it is kept and told again, and has no effect, since it has no meaning on one machine
  (instance types, volume sizes) or nobody enforces it here (roles, keys, networks);
- `Only(...)`: taken with these values, refused with any other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Support(Enum):
    """How a field is supported."""

    HONOURED = "honoured"
    RECORDED = "recorded"


@dataclass(frozen=True)
class Only:
    """The values that are supported of a field."""

    values: tuple[Any, ...]


type Fields = Mapping[str, Support | Only | Fields]

HONOURED = Support.HONOURED
RECORDED = Support.RECORDED
OFF = Only((False,))

TAGS: Fields = {"Key": HONOURED, "Value": HONOURED}
LIST: Fields = {
    "CreationTimeAfter": HONOURED,
    "CreationTimeBefore": HONOURED,
    "MaxResults": HONOURED,
    "NameContains": HONOURED,
    "NextToken": HONOURED,
    "SortBy": HONOURED,
    "SortOrder": HONOURED,
}
