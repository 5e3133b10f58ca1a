"""What `dropforge image test` reads; what it then does is in tests/container."""

from pathlib import Path

import pytest

from .conftest import Command

SERVED = "serve: {content_type: text/csv, request: '1', answer: '2'}\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "is missing"),
        ("{}\n", "train, serve or process"),
        (SERVED, "either trained here or given as serve.model"),
        ("process: ''\nprograms: []\n", "programs"),
        ("- process\n", "contract.yaml"),
        ("process: [\n", "contract.yaml"),
    ],
)
def test_a_contract_that_says_nothing_is_bad_input(
    dropforge: Command, tmp_path: Path, text: str | None, says: str
) -> None:
    """The file is named, and what is wrong in it."""
    path = tmp_path / "project/containers/iris/contract.yaml"
    if text is not None:
        path.write_text(text)
    done = dropforge("image", "test", "iris")
    assert done.status == 2
    assert "containers/iris/contract.yaml" in done.err
    assert says in done.err
