"""Gap: for each write of a transaction moto copies the whole table, to have it back if one fails.

A hundred writes into a table of ten thousand items are a million copies of items. Here only the
items that the transaction names are kept.
"""

import copy
from functools import wraps
from types import SimpleNamespace
from typing import Any

from moto.dynamodb import models
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table


def apply() -> None:
    """Close the gap; a second call changes nothing. Calls come one at a time (`_atomicity`)."""
    backend = models.DynamoDBBackend
    if hasattr(backend.transact_write_items, "__wrapped__"):
        return
    vars(models)["copy"] = SimpleNamespace(copy=copy.copy, deepcopy=_without_tables)
    backend.transact_write_items = _restoring(backend.transact_write_items)


def _without_tables(value: Any, memo: Any = None) -> Any:
    return value if isinstance(value, Table) else copy.deepcopy(value, memo)


def _restoring(original: Any) -> Any:
    @wraps(original)
    def transact_write_items(self: Any, transact_items: list[dict[str, Any]]) -> Any:
        kept = [one for write in transact_items for one in _kept(self, write)]
        try:
            return original(self, transact_items)
        except Exception:
            for items, key, item in reversed(kept):
                items.pop(key, None)
                if item is not None:
                    items[key] = item
            raise

    return transact_write_items


def _kept(backend: Any, write: dict[str, Any]) -> list[tuple[Any, Any, Any]]:
    """Return where a write's item lies, under which key, and a copy of what is there."""
    request: dict[str, Any] = next(iter(write.values()), {})
    table = backend.tables.get(request.get("TableName"))
    attributes = request.get("Item") or request.get("Key") or {}
    if table is None or table.hash_key_attr not in attributes:
        return []
    hash_key = DynamoType(attributes[table.hash_key_attr])
    if not table.range_key_attr:
        return [(table.items, hash_key, copy.deepcopy(table.items.get(hash_key)))]
    if table.range_key_attr not in attributes:
        return []
    range_key = DynamoType(attributes[table.range_key_attr])
    ranges = table.items[hash_key]
    return [(ranges, range_key, copy.deepcopy(ranges.get(range_key)))]
