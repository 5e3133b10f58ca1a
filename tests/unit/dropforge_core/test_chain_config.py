"""``serve.containers`` of pipeline.yaml: what becomes of it, and what AWS would not take."""

from typing import Any

import pytest
from dropforge_core.pipeline_config import PipelineConfig
from dropforge_core.published import Serving, ServingContainer
from pydantic import ValidationError

from .test_pipeline_config import a_file

BEFORE = {"name": "before", "image": "onnx", "model": "preprocess/before", "environment": {"N": 6}}
MODEL = {"name": "xgboost", "image": "aws:xgboost:3.0-5", "model": "train"}
AFTER = {"name": "after", "image": "onnx"}
CHAIN = [BEFORE, MODEL, AFTER]
ADDRESSES = {
    "serve.before": "registry/onnx:1",
    "serve.xgboost": "registry/xgboost:3.0-5",
    "serve.after": "registry/onnx:1",
}


def config(**serve: Any) -> PipelineConfig:
    """Validate a file with this `serve`."""
    return PipelineConfig.model_validate(a_file(serve={"instance": {}} | serve))


def refused(**serve: Any) -> str:
    """Return the one problem that a file with this `serve` has."""
    with pytest.raises(ValidationError) as raised:
        config(**serve)
    [error] = raised.value.errors()
    return f"{'.'.join(map(str, error['loc']))}: {error['msg']}"


def test_containers_as_a_run_deploys_them() -> None:
    """Each with its own image, artifact and variables; there is no image beside them."""
    serve = config(containers=CHAIN).serve
    resolved = serve.resolved(ADDRESSES)
    assert (resolved.image, resolved.mode) == (None, "Serial")
    assert resolved.containers == (
        ServingContainer(
            name="before",
            image="registry/onnx:1",
            model="preprocess/before",
            environment={"N": "6"},
        ),
        ServingContainer(name="xgboost", image="registry/xgboost:3.0-5", model="train"),
        ServingContainer(name="after", image="registry/onnx:1"),
    )
    assert Serving.read(resolved.dump()) == resolved


def test_a_request_may_name_its_container() -> None:
    """The mode direct reaches SageMaker, and a sample says whom it asks."""
    sample = {"data": "1", "container": "xgboost"}
    serve = config(containers=CHAIN, mode="direct", smoke_test=[sample]).serve
    resolved = serve.resolved(ADDRESSES)
    assert resolved.mode == "Direct"
    assert resolved.smoke_test[0].container == "xgboost"


def test_the_most_and_the_least() -> None:
    """AWS takes up to 15; one of ours may stand alone."""
    fifteen = [MODEL, *(AFTER | {"name": f"a{number}"} for number in range(14))]
    assert len(config(containers=fifteen).serve.containers) == 15
    assert config(containers=[MODEL]).serve.containers
    assert config(containers=[MODEL], instance=None, serverless={}).serve.serverless
    assert "serve.containers" in refused(containers=[*fifteen, AFTER])


@pytest.mark.parametrize(
    ("serve", "problem"),
    [
        ({"containers": [MODEL, MODEL]}, "each needs a name of its own"),
        ({"containers": [BEFORE, AFTER]}, "none serves the model of the training job"),
        ({"containers": [MODEL], "mode": "direct"}, "mode: direct is for several containers"),
        ({"mode": "direct"}, "mode: direct is for containers"),
        ({"containers": CHAIN, "image": "onnx"}, "its own image and environment"),
        ({"containers": CHAIN, "environment": {"A": "b"}}, "its own image and environment"),
        (
            {"containers": CHAIN, "instance": None, "serverless": {}},
            "no serverless endpoints of several containers",
        ),
        ({"containers": CHAIN, "smoke_test": [{"data": "1", "container": "after"}]}, "none, un"),
        ({"containers": CHAIN, "mode": "direct", "smoke_test": [{"data": "1"}]}, "one of after,"),
        ({"containers": [MODEL | {"name": "a_b"}]}, "serve.containers.0.name"),
        ({"containers": [MODEL | {"model": "preprocess/../x"}]}, "serve.containers.0.model"),
        ({"containers": [MODEL | {"model": "training"}]}, "serve.containers.0.model"),
        ({"containers": [MODEL | {"port": 1}]}, "serve.containers.0.port"),
    ],
)
def test_what_no_endpoint_could_be(serve: dict[str, Any], problem: str) -> None:
    """Refused before anything is published."""
    assert problem in refused(**serve)


def test_the_engine_reaches_the_script() -> None:
    """After the pipeline's own arguments; a script that knows none is told none."""
    given = {"script": "preprocess.py", "arguments": ["--seed", "1"]}
    bare = PipelineConfig.model_validate(a_file(preprocess=given))
    assert bare.preprocess.script_arguments() == ("--seed", "1")
    told = PipelineConfig.model_validate(a_file(preprocess=given | {"engine": "spark"}))
    assert told.preprocess.script_arguments() == ("--seed", "1", "--engine", "spark")
