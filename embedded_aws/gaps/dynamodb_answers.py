"""Gap: moto asks each value of an item for every type that DynamoDB knows, under several names.

A page of 2,500 items takes it seconds, in which nobody else gets an answer. Here what is a plain
text, number, truth or null is handed on as it is; lists, maps, sets and bytes go moto's way.

And for each page of a query moto sorts the whole table, by comparing objects of its own. Here it
sorts by the keys' values, which Python itself compares.
"""

from functools import wraps
from typing import Any

from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.models.table import Table

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
    Table.all_items = _all_items


def _all_items(table: Any) -> list[Any]:
    if not table.range_key_attr:
        return sorted(table.items.values(), key=lambda item: item.hash_key.cast_value)
    items = [item for partition in table.items.values() for item in partition.values()]
    return sorted(items, key=lambda item: (item.hash_key.cast_value, item.range_key.cast_value))
