"""Sizes of instance types, as AWS's pages list them."""

import pytest

from embedded_aws.errors import AwsError
from embedded_aws.sagemaker.instance_sizes import Size, size_of
from embedded_aws.sagemaker.runtime import Needs


@pytest.mark.parametrize(
    ("name", "cpus", "gib"),
    [
        ("ml.m5.large", 2, 8),
        ("ml.m5.24xlarge", 96, 384),
        ("ml.c5.xlarge", 4, 8),
        ("ml.r5.2xlarge", 8, 64),
        ("ml.t3.medium", 2, 4),
        ("ml.t2.2xlarge", 8, 32),
        ("ml.g4dn.xlarge", 4, 16),
    ],
)
def test_a_type_has_its_size(name: str, cpus: int, gib: int) -> None:
    """CPUs and memory follow from the name."""
    assert size_of(Needs(name)) == Size(cpus, gib * 1024)


@pytest.mark.parametrize("name", ["ml.p5.48xlarge", "ml.c4.large", "ml.m5.metal", "ml.m5", "x"])
def test_a_type_that_keeps_to_no_rule_is_refused(name: str) -> None:
    """Rather than run with a size that was made up."""
    with pytest.raises(AwsError, match=name):
        size_of(Needs(name))


def test_a_serverless_variant_has_the_memory_that_it_names() -> None:
    """And at least one CPU."""
    assert size_of(Needs(memory_mb=2048)) == Size(2.0, 2048)
    assert size_of(Needs(memory_mb=1024)) == Size(1.0, 1024)
