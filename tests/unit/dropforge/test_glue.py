from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError
from dropforge_core.preprocess_config import Glue
from dropforge_core.published import GlueStep, PublishedPipeline

from dropforge.glue import ensure_job

if TYPE_CHECKING:
    from dropforge.target import Target


@pytest.mark.parametrize(("is_local", "given"), [(False, True), (True, False)])
def test_packages_are_installed_by_glue_on_aws_only(*, is_local: bool, given: bool) -> None:
    """Here what stands in for Glue has them already."""
    made: dict[str, Any] = {}

    def missing(**_: str) -> None:
        raise ClientError({"Error": {"Code": "EntityNotFoundException"}}, "GetJob")

    client = SimpleNamespace(get_job=missing, create_job=lambda **job: made.update(job))
    target = SimpleNamespace(
        client=lambda _: client, is_local=is_local, stack="stack", output=lambda name: name
    )
    step = GlueStep(job="job", script="a.py", arguments={}, worker_type="G.1X", workers=2)
    preprocess = SimpleNamespace(glue=step, timeout_seconds=60)
    config = SimpleNamespace(name="cars", preprocess=preprocess)
    workers = Glue(packages=("onnx==1.19.1", "onnxmltools"))
    ensure_job(cast("Target", target), cast("PublishedPipeline", config), workers, "s3://b/v/")
    wanted = {"--additional-python-modules": "onnx==1.19.1,onnxmltools"}
    assert made.get("DefaultArguments") == (wanted if given else None)
