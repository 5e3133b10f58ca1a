from datetime import datetime, timedelta, timezone

import pytest
from dropforge_core import naming

BERLIN = timezone(timedelta(hours=1))


@pytest.mark.parametrize("name", ["iris", "a", "0", "car_evaluation", "a_1_b", "x" * 22])
def test_good_names(name: str) -> None:
    """Lower-case words joined by single underscores, at most 22 characters."""
    assert naming.is_pipeline_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Iris",
        "iris-2",
        "_iris",
        "iris_",
        "a__b",
        "x" * 23,
        "ïris",
        "iris\n",
        "a b",
        "..",
        "a/b",
    ],
)
def test_bad_names(name: str) -> None:
    """Everything else is refused."""
    assert not naming.is_pipeline_name(name)


def test_a_run_id_fits_and_comes_back() -> None:
    """The longest pipeline's run id has 47 characters, tells UTC, and names its pipeline."""
    started = datetime(2026, 11, 21, 0, 30, 5, tzinfo=BERLIN)
    run = naming.run_id("x" * 22, started, "0123456789abcdef")
    assert run == f"{'x' * 22}-20261120t233005-01234567"
    assert len(run) == naming.RUN_ID_LENGTH
    assert naming.pipeline_of_run(run) == "x" * 22
    assert naming.pipeline_of_run("a_b-20261120t233005-01234567") == "a_b"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "iris",
        "iris-20261120t233005",
        "iris-20261120t233005-0123456",
        "iris-20261120t233005-0123456g",
        "Iris-20261120t233005-01234567",
        "iris-20261120t233005-01234567-1",
        f"{'x' * 23}-20261120t233005-01234567",
    ],
)
def test_what_is_no_run_id(text: str) -> None:
    """Text that is no run id is refused with the form that it should have."""
    with pytest.raises(ValueError, match="is no run id"):
        naming.pipeline_of_run(text)


def test_endpoint_names() -> None:
    """One for each stack and pipeline; too long a name is refused before SageMaker does."""
    assert naming.endpoint_name("dropforge", "car_evaluation") == "dropforge-car-evaluation"
    assert len(naming.endpoint_name("s" * 40, "x" * 22)) == naming.SAGEMAKER_NAME_LENGTH
    with pytest.raises(ValueError, match="64 characters"):
        naming.endpoint_name("s" * 41, "x" * 22)


@pytest.mark.parametrize(
    ("uri", "run"),
    [
        ("s3://b/runs/a_1-20261121t052011-1a2b3c4d/train/x.gz", "a_1-20261121t052011-1a2b3c4d"),
        ("s3://b/p/runs/a-20261121t052011-1a2b3c4d/x", "a-20261121t052011-1a2b3c4d"),
        ("s3://b/runs/a-20261121t052011-1a2b3c4d", None),
        ("s3://b/runs/a-20261121t052011-1a2b3c4d-1/x", None),
        ("s3://b/runs/A-20261121t052011-1a2b3c4d/x", None),
        ("s3://b/myruns/a-20261121t052011-1a2b3c4d/x", None),
        (f"s3://b/runs/{'x' * 23}-20261121t052011-1a2b3c4d/x", None),
        ("", None),
    ],
)
def test_the_run_in_an_address(uri: str, run: str | None) -> None:
    """A whole run id in the place where runs keep what they make, or none."""
    assert naming.run_of_uri(uri) == run
