"""Every adapter still has a gap to close: when moto closes one itself, its adapter can go."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from embedded_aws.gaps import stepfunctions_all

ADAPTERS = sorted(
    name.removeprefix("stepfunctions_")
    for name, module in vars(stepfunctions_all).items()
    if isinstance(module, ModuleType) and name.startswith("stepfunctions_")
)


@pytest.fixture(scope="module")
def plain() -> dict[str, bool]:
    """What a fresh interpreter finds in moto alone."""
    program = Path(__file__).with_name("stepfunctions_plain_moto.py")
    environ = {name: value for name, value in os.environ.items() if name != "MOTO_PORT"}
    done = subprocess.run(
        [sys.executable, str(program)],
        env=environ,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, bool] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_every_adapter_names_a_gap(plain: dict[str, bool]) -> None:
    """Each adapter has its line in the program that looks for gaps, and no other line is there."""
    assert sorted(plain) == ADAPTERS


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_the_gap_is_still_there(plain: dict[str, bool], adapter: str) -> None:
    """Plain moto 5.2.5 still has the gap that this adapter closes."""
    assert plain[adapter]
