"""Each gap is still one: when a test here fails, moto has closed it and its module can go."""

import pkgutil

import pytest

from embedded_aws import gaps

# Step Functions' gaps have tests of their own.
MODULES = sorted(
    module.name
    for module in pkgutil.iter_modules(gaps.__path__)
    if not module.name.startswith("stepfunctions_")
)


@pytest.mark.parametrize("module", MODULES)
def test_moto_still_has_the_gap(module: str, plain_moto: dict[str, bool]) -> None:
    """Without the adapter, moto still lacks what the module of that name adds."""
    assert plain_moto[module]
