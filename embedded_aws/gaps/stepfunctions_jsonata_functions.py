"""The functions that Step Functions adds to JSONata.

Source: "Transforming data with JSONata in Step Functions" in the Step Functions developer guide.
An argument that is undefined (None here) gives undefined, as in JSONata itself.
"""

import hashlib
import json
import math
import random
import uuid
from collections.abc import Callable
from typing import Any, NoReturn

UNDEFINED = object()
_HASHES = {
    "MD5": hashlib.md5,
    "SHA-1": hashlib.sha1,
    "SHA-256": hashlib.sha256,
    "SHA-384": hashlib.sha384,
    "SHA-512": hashlib.sha512,
}


def partition(array: list[Any] | None = None, size: float | None = None, *_: Any) -> Any:
    """Cut `array` into arrays of `size` items; the last may be shorter."""
    if array is None or size is None:
        return UNDEFINED
    step = math.floor(size)
    if step < 1:
        msg = "$partition: the chunk size must be at least 1"
        raise ValueError(msg)
    return [array[start : start + step] for start in range(0, len(array), step)]


def number_range(
    first: float | None = None, last: float | None = None, step: float | None = None, *_: Any
) -> Any:
    """Count from `first` to `last`, both included, by `step`."""
    if first is None or last is None or step is None:
        return UNDEFINED
    if step == 0:
        msg = "$range: the step must not be 0"
        raise ValueError(msg)
    return [first + i * step for i in range(math.floor((last - first) / step) + 1)]


def hash_text(text: str | None = None, algorithm: str = "SHA-256", *_: Any) -> Any:
    """Digest of `text` (UTF-8) in hexadecimal digits."""
    if text is None:
        return UNDEFINED
    if not isinstance(text, str) or algorithm not in _HASHES:
        msg = f"$hash takes a string and one of {', '.join(_HASHES)}"
        raise ValueError(msg)
    return _HASHES[algorithm](text.encode()).hexdigest()


def random_number(seed: float | None = None, *_: Any) -> Any:
    """Give a number of at least 0 and less than 1; always the same for the same `seed`."""
    # No secret is made of it.
    return random.random() if seed is None else random.Random(seed).random()  # noqa: S311


def new_uuid(*_: Any) -> Any:
    """Give a random UUID."""
    return str(uuid.uuid4())


def parse(text: str | None = None, *_: Any) -> Any:
    """Read JSON text; NaN and Infinity are no JSON."""
    if text is None:
        return UNDEFINED
    if not isinstance(text, str):
        msg = "$parse takes a string"
        raise ValueError(msg)  # noqa: TRY004 - every refusal here is a ValueError
    return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> NoReturn:
    msg = f"$parse: {name} is not JSON"
    raise ValueError(msg)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "partition": partition,
    "range": number_range,
    "hash": hash_text,
    "random": random_number,
    "uuid": new_uuid,
    "parse": parse,
}
