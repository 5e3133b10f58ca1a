"""How many CPUs and how much memory SageMaker's instance types have.

Source: "Amazon EC2 instance types". Within a family the memory for each vCPU is the same; a
`large` has 2 vCPUs, an `xlarge` 4, an `Nxlarge` N times that. Families that keep to no such rule
(p, inf, trn, and c4) have no size here: `AwsError` says so when one is to run in a container.
"""

from dataclasses import dataclass

from embedded_aws.sagemaker.runtime import Needs
from embedded_aws.sagemaker.support import not_implemented

_GIB_FOR_EACH_CPU = {
    **dict.fromkeys(("c5", "c5d", "c6g", "c6gd", "c6i", "c6id", "c7g", "c7i"), 2),
    **dict.fromkeys(("m4", "m5", "m5d", "m6g", "m6gd", "m6i", "m6id", "m7i"), 4),
    **dict.fromkeys(("r5", "r5d", "r6g", "r6gd", "r6i", "r6id", "r7i"), 8),
    **dict.fromkeys(("g4dn", "g5", "g6"), 4),
}
# The burstable ones have their own: vCPUs and GiB.
_BURSTABLE = {"medium": (2, 4), "large": (2, 8), "xlarge": (4, 16), "2xlarge": (8, 32)}
_MB = 1024
# "Deploy models with Serverless Inference": the more memory, the more vCPUs. How many is not told.
_SERVERLESS_MB_OF_A_CPU = 1024


@dataclass(frozen=True)
class Size:
    """What a machine has."""

    cpus: float
    memory_mb: int


def size_of(needs: Needs) -> Size:
    """Give the size of the machine that is asked for; raises AwsError when nobody knows it."""
    if needs.memory_mb:
        return Size(max(1.0, needs.memory_mb / _SERVERLESS_MB_OF_A_CPU), needs.memory_mb)
    size = _by_name(needs.instance_type or "")
    if size is None:
        raise not_implemented(f"the instance type {needs.instance_type} in the docker runtime")
    return size


def _by_name(instance_type: str) -> Size | None:
    family, _, name = instance_type.removeprefix("ml.").partition(".")
    if family in {"t2", "t3"} and name in _BURSTABLE:
        cpus, memory = _BURSTABLE[name]
        return Size(cpus, memory * _MB)
    count = _cpus(name)
    if count is None or family not in _GIB_FOR_EACH_CPU:
        return None
    return Size(count, count * _GIB_FOR_EACH_CPU[family] * _MB)


def _cpus(name: str) -> int | None:
    if name == "large":
        return 2
    number = name.removesuffix("xlarge")
    if number == name or not (number == "" or number.isdecimal()):
        return None
    return 4 * int(number or 1)
