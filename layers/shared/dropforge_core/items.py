"""Plain values to DynamoDB's items and back."""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

# DynamoDB's numbers: 38 digits, magnitudes from 1E-130 to 9.99E+125
# (docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html).
_LARGEST_WHOLE = 10**38
_SMALLEST, _LARGEST = 1e-129, 1e125

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def to_item(values: Mapping[str, Any]) -> dict[str, Any]:
    """Write plain values as an item; a number that DynamoDB cannot hold becomes text."""
    return {key: _serialize(_storable(value)) for key, value in values.items()}


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Read an item as plain values: whole numbers become int, other numbers float."""
    return {key: _plain(_deserialize(value)) for key, value in item.items()}


def _storable(value: Any) -> Any:
    if isinstance(value, float):
        fits = value == 0 or (math.isfinite(value) and _SMALLEST < abs(value) < _LARGEST)
        return Decimal(repr(value)) if fits else str(value)
    if isinstance(value, int) and abs(value) >= _LARGEST_WHOLE:
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _storable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(inner) for inner in value]
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value
