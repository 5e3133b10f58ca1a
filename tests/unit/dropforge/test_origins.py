import pytest
from dropforge_core.contracts import Restore

from dropforge.errors import InputError
from dropforge.origins import choose
from dropforge.target import Target
from tests.unit.dropforge.deployments import CURRENT, History
from tests.unit.dropforge_core.sagemaker import FakeSageMaker
from tests.unit.dropforge_core.stack import published
from tests.unit.dropforge_core.test_ledger import a_run


def test_the_model_that_served_before(target: Target, history: History) -> None:
    """With its metrics and its artifact, and a sentence that names both runs."""
    first, _, third = history("DEPLOYED", "REJECTED", "DEPLOYED")
    chosen = choose(target, CURRENT, None)
    assert chosen.origin == first
    assert chosen.restore == Restore(
        run_id=first.run_id,
        model_data=first.model_data or "",
        reason=f"The model of {first.run_id} was brought back in place of that of {third.run_id}.",
        metrics={"f1": 0.5},
    )


def test_the_container_of_then_and_the_machines_of_now(target: Target, history: History) -> None:
    """The image and its variables come from the run's version, the variant from the current one."""
    history("DEPLOYED", "DEPLOYED")
    config = choose(target, CURRENT, None).config
    assert config.version == "v1"
    assert (config.serve.image, config.serve.environment) == (
        published().serve.image,
        {"A": "then"},
    )
    assert config.serve.variant == CURRENT.serve.variant


def test_without_an_endpoint_the_last_model_comes_back(
    target: Target, sagemaker: FakeSageMaker, history: History
) -> None:
    """After `destroy`; there is nobody whom it replaces."""
    _, second = history("DEPLOYED", "DEPLOYED")
    sagemaker.there["endpoint"].clear()
    chosen = choose(target, CURRENT, None)
    assert chosen.origin == second
    assert chosen.restore.reason == f"The model of {second.run_id} was brought back."


def test_a_rollback_is_named_for_the_run_that_it_restored(target: Target, history: History) -> None:
    """Its model is that of the earlier run."""
    first, _ = history("DEPLOYED", "DEPLOYED")
    back = a_run(9, status="DEPLOYED", kind="ROLLBACK", restores=first.run_id)
    target.ledger.put_run(back)
    assert choose(target, CURRENT, back.run_id).origin == first


def test_a_model_that_did_not_hold_may_be_tried_again(target: Target, history: History) -> None:
    """It was judged good enough."""
    _, second, _ = history("DEPLOYED", "ROLLED_BACK", "DEPLOYED")
    assert choose(target, CURRENT, second.run_id).origin == second


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("REJECTED", "ended REJECTED: only a model that was judged good enough comes back"),
        ("FAILED", "ended FAILED"),
        ("WAITING_FOR_APPROVAL", "ended WAITING_FOR_APPROVAL"),
    ],
)
def test_what_cannot_come_back(target: Target, history: History, status: str, says: str) -> None:
    """Told with what can."""
    first, second, _ = history("DEPLOYED", status, "DEPLOYED")
    with pytest.raises(InputError, match=says) as raised:
        choose(target, CURRENT, second.run_id)
    assert str(raised.value).endswith(f"Possible: {first.run_id}.")


def test_what_serves_already(target: Target, history: History) -> None:
    """Nothing to do is wrong use; and a stranger is none of ours."""
    first, second = history("DEPLOYED", "DEPLOYED")
    with pytest.raises(
        InputError, match=f"{second.run_id} serves already. Possible: {first.run_id}"
    ):
        choose(target, CURRENT, second.run_id)
    with pytest.raises(InputError, match="'rose' is no run of this pipeline"):
        choose(target, CURRENT, "rose")


def test_before_the_first_there_is_nothing(
    target: Target, sagemaker: FakeSageMaker, history: History
) -> None:
    """Nor without any deployment."""
    (first,) = history("DEPLOYED")
    with pytest.raises(
        InputError, match=f"nothing to go back to: .* before that of {first.run_id}"
    ):
        choose(target, CURRENT, None)
    with pytest.raises(InputError, match="No other model can come back"):
        choose(target, CURRENT, first.run_id)
    history("REJECTED")
    sagemaker.there["endpoint"].clear()
    with pytest.raises(InputError, match=r"nothing to go back to: no model was deployed\."):
        choose(target, CURRENT, None)


def test_who_serves_must_be_known(
    target: Target, sagemaker: FakeSageMaker, history: History
) -> None:
    """While the endpoint changes, or with a model of somebody else's, a run has to be named."""
    first, second = history("DEPLOYED", "DEPLOYED")
    sagemaker.serves("df-iris", f"{second.run_id}-1", "Updating")
    with pytest.raises(InputError, match=r"df-iris is Updating, .* with --to\. Possible:"):
        choose(target, CURRENT, None)
    sagemaker.deployed(second, "s3://elsewhere/by-hand/model.tar.gz")
    sagemaker.serves("df-iris", f"{second.run_id}-1")
    with pytest.raises(InputError, match="whose model it serves cannot be told"):
        choose(target, CURRENT, None)
    assert choose(target, CURRENT, first.run_id).origin == first


def test_what_is_needed_must_be_there(target: Target, history: History) -> None:
    """The artifact and the version may have been deleted by hand, or never recorded."""
    first, _ = history("DEPLOYED", "DEPLOYED")
    target.s3.delete_object(Bucket="df-artifacts", Key="pipelines/iris/v1/pipeline.json")
    with pytest.raises(InputError, match="The version v1 of iris is gone"):
        choose(target, CURRENT, None)
    target.s3.delete_object(
        Bucket="df-artifacts", Key=(first.model_data or "").removeprefix("s3://df-artifacts/")
    )
    with pytest.raises(InputError, match=f"The model of {first.run_id} is gone: s3://df-artifacts"):
        choose(target, CURRENT, None)
    target.ledger.put_run(a_run(1, status="DEPLOYED"))
    with pytest.raises(InputError, match="does not know where the model of"):
        choose(target, CURRENT, None)
