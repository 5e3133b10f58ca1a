from collections.abc import Iterator

import pytest

from tests.unit.dropforge_core.stack import Stack, a_stack


@pytest.fixture
def stack() -> Iterator[Stack]:
    """An empty stack on moto."""
    with a_stack() as made:
        yield made
