from typing import Any

import pytest
from dropforge_core.pipeline_config import PipelineConfig
from pydantic import ValidationError


def a_file(**changes: Any) -> dict[str, Any]:
    """The least that pipeline.yaml must say, as YAML gives it."""
    least: dict[str, Any] = {
        "name": "iris",
        "image": "iris",
        "preprocess": {"script": "preprocess.py"},
        "evaluate": {"script": "evaluate.py"},
        "serve": {"instance": {}},
        "judge": {"metric": "accuracy", "thresholds": {"accuracy": {"minimum": 0.9}}},
    }
    return {**least, **changes}


def test_defaults() -> None:
    """The least is enough."""
    config = PipelineConfig.model_validate(a_file())
    assert config.train.channels == ("train",)
    assert config.keep == 5
    assert config.serve.resolved({"serve": "image"}).variant == {
        "VariantName": "AllTraffic",
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }


def test_hyperparameters_become_text() -> None:
    """SageMaker hands over strings: YAML's numbers and booleans become such."""
    train = {"hyperparameters": {"depth": 8, "rate": 0.1, "fast": True, "loss": "mse"}}
    config = PipelineConfig.model_validate(a_file(train=train))
    assert config.train.hyperparameters == {
        "depth": "8",
        "rate": "0.1",
        "fast": "true",
        "loss": "mse",
    }


def test_serverless() -> None:
    """A serverless endpoint becomes SageMaker's ServerlessConfig."""
    serve = {"serverless": {"memory_mb": 5120, "max_concurrency": 3}}
    config = PipelineConfig.model_validate(a_file(serve=serve))
    assert config.serve.resolved({"serve": "image"}).variant == {
        "VariantName": "AllTraffic",
        "ServerlessConfig": {"MemorySizeInMB": 5120, "MaxConcurrency": 3},
    }


def test_bounds_come_one_by_one() -> None:
    """A metric with both bounds is compared twice."""
    thresholds = {"accuracy": {"minimum": 0.9}, "loss": {"minimum": 0, "maximum": 2}}
    judge = {"metric": "accuracy", "thresholds": thresholds}
    bounds = PipelineConfig.model_validate(a_file(judge=judge)).judge.resolved().thresholds
    assert [(one.metric, one.bound, one.value) for one in bounds] == [
        ("accuracy", "minimum", 0.9),
        ("loss", "minimum", 0),
        ("loss", "maximum", 2),
    ]


def test_the_judges_policy() -> None:
    """Not worse than the champion unless told otherwise; what is told is what is published."""
    policy = PipelineConfig.model_validate(a_file()).judge.resolved()
    said = (policy.metric, policy.direction, policy.policy, policy.margin, policy.last)
    assert said == ("accuracy", "higher", "not_worse", 0.0, 5)
    bounds = {"mae": {"maximum": 3}}
    told = {"metric": "mae", "direction": "lower", "policy": "better", "margin": 0.5, "last": 9}
    judge = PipelineConfig.model_validate(a_file(judge={**told, "thresholds": bounds})).judge
    assert judge.resolved().model_dump(exclude={"thresholds"}) == told


@pytest.mark.parametrize(
    "judge",
    [
        {"direction": "up"},
        {"policy": "best"},
        {"margin": -0.1},
        {"margin": float("inf")},
        {"margin": float("nan")},
        {"last": -1},
        {"last": 101},
    ],
)
def test_what_is_no_policy(judge: dict[str, Any]) -> None:
    """A mistake in the judge's policy is refused, and the place of it is named."""
    with pytest.raises(ValidationError) as raised:
        PipelineConfig.model_validate(a_file(judge={**a_file()["judge"], **judge}))
    assert [error["loc"] for error in raised.value.errors()] == [("judge", *judge)]


SIZE = {"name": "size", "type": "number"}
KIND = {"name": "kind", "type": "text", "label": True}


def test_columns() -> None:
    """What is declared is what a job gets; what is not has its defaults."""
    assert PipelineConfig.model_validate(a_file()).rules() is None
    size = {**SIZE, "minimum": 0, "maximum": 1e3, "nullable": True}
    kind = {**KIND, "values": ["a", "b"], "pattern": "[ab]"}
    count = {"name": "count", "type": "integer", "values": [0, 1]}
    told = {
        "columns": [size, kind, count],
        "csv": {"header": True, "delimiter": "\t"},
        "quarantine": {"most_bad_rows": 0.5, "fewest_rows": 100},
    }
    assert PipelineConfig.model_validate(a_file(**told)).rules() == {
        "columns": [size, kind, count],
        "header": True,
        "delimiter": "\t",
        "most_bad_rows": 0.5,
        "fewest_rows": 100,
    }
    assert PipelineConfig.model_validate(a_file(columns=[SIZE])).rules() == {
        "columns": [SIZE],
        "header": False,
        "delimiter": ",",
        "most_bad_rows": 0.2,
        "fewest_rows": 10,
    }


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ([{"name": "size"}], "columns.0.type"),
        ([{**SIZE, "type": "date"}], "columns.0.type"),
        ([{**SIZE, "name": " size"}], "columns.0.name"),
        ([{**SIZE, "name": "si\nze"}], "columns.0.name"),
        ([{**SIZE, "colour": "red"}], "columns.0.colour"),
        ([{**SIZE, "minimum": float("nan")}], "columns.0.minimum"),
        ([{**SIZE, "minimum": 2, "maximum": 1}], "minimum is above maximum"),
        ([{**SIZE, "pattern": "x"}], "pattern is for text"),
        ([{**SIZE, "values": [1]}], "values are for text and integers"),
        ([{**KIND, "minimum": 1}, SIZE], "minimum and maximum are for numbers"),
        ([{**SIZE, "step": 300}], "step is for timestamps"),
        ([{**KIND, "pattern": "("}, SIZE], "no regular expression"),
        ([{**KIND, "values": ["a", 1]}, SIZE], "values: one is no text"),
        ([{**KIND, "values": [True]}, SIZE], "columns.0.values.0"),
        ([{**KIND, "nullable": True}, SIZE], "a label cannot be nullable"),
        ([SIZE, SIZE], "two have the same name"),
        ([KIND, {**KIND, "name": "other"}], "a pipeline has one label, not 2"),
        ([KIND], "nothing to predict the label by"),
    ],
)
def test_columns_that_make_no_sense(columns: list[dict[str, Any]], says: str) -> None:
    """They are refused before anything is published, and the place of it is named."""
    with pytest.raises(ValidationError) as raised:
        PipelineConfig.model_validate(a_file(columns=columns))
    told = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in raised.value.errors()]
    assert any(says in one for one in told), told


@pytest.mark.parametrize("section", [{"csv": {}}, {"quarantine": {}}])
def test_limits_without_columns_would_do_nothing(section: dict[str, Any]) -> None:
    """And who writes them believes that they do."""
    with pytest.raises(ValidationError, match="declare columns"):
        PipelineConfig.model_validate(a_file(**section))


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"name": "No-Name"}, "name"),
        ({"name": "x" * 23}, "name"),
        ({"nmae": "iris"}, "nmae"),
        ({"python": "2.7"}, "python"),
        ({"preprocess": {"script": "../preprocess.py"}}, "preprocess.script"),
        ({"preprocess": {"script": "preprocess.sh"}}, "preprocess.script"),
        ({"evaluate": {"script": "e.py", "instance": {"type": "m5"}}}, "evaluate.instance.type"),
        (
            {"evaluate": {"script": "e.py", "instance": {"hourly_usd": 0}}},
            "evaluate.instance.hourly_usd",
        ),
        ({"train": {"instance": {"hourly_usd": float("inf")}}}, "train.instance.hourly_usd"),
        ({"train": {"timeout_seconds": 0}}, "train.timeout_seconds"),
        ({"train": {"metrics": {"loss": "loss=([0-9"}}}, "train.metrics"),
        ({"train": {"metrics": {"loss": "loss=[0-9]"}}}, "train.metrics"),
        ({"train": {"metrics": {"loss": f"({'x' * 500})"}}}, "train.metrics.loss"),
        ({"train": {"metrics": {"": "(x)"}}}, "train.metrics..[key]"),
        ({"train": {"metrics": {f"m{n}": "(x)" for n in range(41)}}}, "train.metrics"),
        ({"train": {"spot": {"max_wait_seconds": 60}}}, "train"),
        ({"train": {"script": "../train.py"}}, "train.script"),
        ({"train": {"script": "train.py", "channels": ["code"]}}, "train"),
        ({"train": {"script": "train.py", "reuse": True}}, "train"),
        ({"train": {"script": "t.py", "hyperparameters": {"sagemaker_program": "x"}}}, "train"),
        ({"columns": [SIZE], "csv": {"delimiter": "::"}}, "csv.delimiter"),
        ({"columns": [SIZE], "quarantine": {"most_bad_rows": 1}}, "quarantine.most_bad_rows"),
        ({"columns": [SIZE], "quarantine": {"fewest_rows": 0}}, "quarantine.fewest_rows"),
        ({"serve": {}}, "serve"),
        ({"keep": 1}, "keep"),
        ({"serve": {"instance": {}, "serverless": {}}}, "serve"),
        ({"serve": {"serverless": {"memory_mb": 1000}}}, "serve.serverless.memory_mb"),
        ({"judge": {"metric": "a", "thresholds": {}}}, "judge.thresholds"),
        ({"judge": {"metric": "a", "thresholds": {"a": {}}}}, "judge.thresholds.a"),
        (
            {"judge": {"metric": "a", "thresholds": {"a": {"minimum": float("nan")}}}},
            "judge.thresholds.a",
        ),
    ],
)
def test_what_is_refused(changes: dict[str, Any], where: str) -> None:
    """A mistake is refused, and the place of it is named."""
    with pytest.raises(ValidationError) as raised:
        PipelineConfig.model_validate(a_file(**changes))
    assert where in {".".join(map(str, error["loc"])) for error in raised.value.errors()}
