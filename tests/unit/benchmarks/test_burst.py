from dataclasses import replace

from burst import LAMBDA_BYTES, Cost, largest_payload, problems_of

ONE = Cost(
    objects=1,
    executions=1,
    invocations=2,
    calls=28,
    write_units=20,
    billed_ms=655,
    usd=0.0007,
    trigger_timeout=60,
)
SMALL = replace(ONE, objects=1_000, calls=100, write_units=4_000)
LARGE = replace(ONE, objects=2_000, invocations=5, calls=200, write_units=8_000)


def test_what_holds() -> None:
    """Twice the work for twice the objects, and hardly an invocation."""
    assert problems_of(ONE, [SMALL, LARGE], SMALL) == []


def test_what_does_not_hold() -> None:
    """Each limit is looked at."""
    for worse in (
        replace(LARGE, executions=3),
        replace(LARGE, unaccounted=1),
        replace(LARGE, invocations=81),
        replace(LARGE, calls=211),
        replace(LARGE, write_units=8_401),
        replace(LARGE, trigger_megabytes=128),
        replace(LARGE, trigger_seconds=60.0),
    ):
        assert len(problems_of(ONE, [SMALL, worse], SMALL)) == 1, worse
    assert len(problems_of(ONE, [SMALL, LARGE], replace(SMALL, unaccounted=1))) == 1


def test_the_largest_batch_is_as_large_as_lambda_admits() -> None:
    """One message more would be too much."""
    size = len(largest_payload("bucket"))
    assert LAMBDA_BYTES - 10_000 < size <= LAMBDA_BYTES
