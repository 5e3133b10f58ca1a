"""Gap: moto asks each value of an item for every type that DynamoDB knows, under several names.

A page of 2,500 items takes it seconds, in which nobody else gets an answer. Here what is a plain
text, number, truth or null is handed on as it is; lists, maps, sets and bytes go moto's way.
"""

from functools import wraps
from typing import Any

from moto.core.serialize import BaseJSONSerializer

_PLAIN = ({"S"}, {"N"}, {"BOOL"}, {"NULL"})


def apply() -> None:
    """Close the gap; a second call changes nothing."""
    original = BaseJSONSerializer._serialize_type_structure  # noqa: SLF001
    if hasattr(original, "__wrapped__"):
        return

    @wraps(original)
    def serialize(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.name == "AttributeValue" and isinstance(value, dict) and value.keys() in _PLAIN:
            serialized[key] = value
        else:
            original(self, serialized, value, shape, key)

    BaseJSONSerializer._serialize_type_structure = serialize  # noqa: SLF001
