"""A pipeline that has deployed models, for the tests of going back and destroying."""

from collections.abc import Callable
from typing import Any

from dropforge_core.published import PublishedPipeline
from dropforge_core.records import Run

from dropforge.target import Target
from tests.unit.dropforge_core.sagemaker import FakeSageMaker
from tests.unit.dropforge_core.stack import published
from tests.unit.dropforge_core.test_ledger import a_run

type History = Callable[..., list[Run]]


def a_config(version: str, **serve: Any) -> PublishedPipeline:
    """Return a published version whose endpoint is this stack's."""
    config = published(version=version)
    changed = {"endpoint": "df-iris", "serve": config.serve.model_copy(update=serve)}
    return config.model_copy(update=changed)


CURRENT = a_config("v9", image="new", variant={"VariantName": "AllTraffic", "InstanceType": "big"})


def deploy(target: Target, sagemaker: FakeSageMaker, *statuses: Any) -> list[Run]:
    """Make runs of these statuses, oldest first, with artifacts; the last of them serves."""
    runs = []
    for number, status in enumerate(statuses, start=1):
        key = f"runs/{a_run(number).run_id}/train/output/model.tar.gz"
        target.s3.put_object(Bucket="df-artifacts", Key=key, Body=b"model")
        data = f"s3://df-artifacts/{key}"
        runs.append(a_run(number, status=status, model_data=data, metrics={"f1": 0.5}))
        target.ledger.put_run(runs[-1])
    sagemaker.deployed(runs[-1])
    sagemaker.serves("df-iris", f"{runs[-1].run_id}-1")
    then = a_config("v1", environment={"A": "then"}).model_dump_json(exclude_none=True)
    target.s3.put_object(
        Bucket="df-artifacts", Key="pipelines/iris/v1/pipeline.json", Body=then.encode()
    )
    return runs
