from typing import Any

import pytest
from botocore.exceptions import ClientError
from dropforge_core.errors import InvalidInputError, ServiceUnavailableError

from tests.unit.dropforge_core.sagemaker import FakeSageMaker
from tests.unit.dropforge_core.stack import Stack, published
from tests.unit.dropforge_core.test_retention import ALL, an_ended

SAMPLES = ["deployed", "without_input"]
NEWEST = "iris-20261121t052011-1a2b3c4d"


@pytest.fixture
def sagemaker(stack: Stack) -> FakeSageMaker:
    """Four deployments of a pipeline that keeps two; the newest is the samples' and serves."""
    fake = FakeSageMaker()
    stack.clients.__dict__["sagemaker"] = fake
    config = published().model_copy(update={"keep": 2})
    stack.ledger.publish(config, "s3://artifacts/pipelines/iris/v1", "2026-11-21")
    for number in (1, 2, 3, 11):
        fake.deployed(an_ended(number))
        stack.ledger.put_run(an_ended(number))
    fake.serves("dropforge-iris", f"{NEWEST}-1")
    return fake


@pytest.mark.parametrize("case", SAMPLES)
def test_after_a_deployment_old_models_go(
    functions: Any, sample: Any, output: Any, sagemaker: FakeSageMaker, case: str
) -> None:
    """Whether or not the event tells the execution's input; runs are logged and counted."""
    gone = [an_ended(2).run_id, an_ended(1).run_id]
    assert functions.invoke("remove_models", sample(f"remove_models.{case}")) == {"runs": gone}
    assert [sagemaker.left(an_ended(n)) for n in (1, 2, 3, 11)] == [set(), set(), ALL, ALL]
    lines, counted = output()
    assert (lines[-1]["run_id"], lines[-1]["runs"]) == (NEWEST, gone)
    assert counted == {"ModelsRemoved": 2}


@pytest.mark.parametrize("case", SAMPLES)
def test_a_deployment_that_the_ledger_does_not_know(
    functions: Any, sample: Any, output: Any, case: str
) -> None:
    """On an empty stack there is nothing to remove, and SageMaker is not asked."""
    assert functions.invoke("remove_models", sample(f"remove_models.{case}")) == {"runs": []}
    assert output()[1] == {"ModelsRemoved": 0}


@pytest.mark.filterwarnings("ignore:No application metrics")
@pytest.mark.parametrize(
    ("code", "error"),
    [("ThrottlingException", ServiceUnavailableError), ("AccessDeniedException", ClientError)],
)
def test_what_cannot_be_described_is_tried_again(
    functions: Any, sample: Any, sagemaker: FakeSageMaker, code: str, error: type[Exception]
) -> None:
    """It raises, so that Lambda's asynchronous retry comes; nothing was deleted."""
    sagemaker.refuse("describe_endpoint", "dropforge-iris", code)
    with pytest.raises(error):
        functions.invoke("remove_models", sample("remove_models.deployed"))
    assert [sagemaker.left(an_ended(n)) for n in (1, 2, 3, 11)] == [ALL] * 4


@pytest.mark.filterwarnings("ignore:No application metrics")
def test_an_execution_that_somebody_started_by_hand(functions: Any, sample: Any) -> None:
    """Its name names no run: it is refused by name before anything is asked."""
    event = sample("remove_models.deployed")
    event["detail"]["name"] = "by-hand"
    with pytest.raises(InvalidInputError, match="name"):
        functions.invoke("remove_models", event)
