from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from dropforge_core.contracts import Removed
from dropforge_core.records import Run
from dropforge_core.removal import Served, names_of
from dropforge_core.retention import Retention, superfluous

from tests.unit.dropforge_core.sagemaker import FakeSageMaker
from tests.unit.dropforge_core.stack import Stack, published
from tests.unit.dropforge_core.test_ledger import a_run

ALL = {"endpoint-config", "model", "model-package"}


def an_ended(number: int, status: Any = "DEPLOYED", **changes: Any) -> Run:
    """A run that has ended."""
    package = f"arn:aws:sagemaker:us-east-1:123456789012:model-package/dropforge-iris/{number}"
    values = {"status": status, "ended_at": "2026-11-21T05:21:00.000Z", "model_package": package}
    return a_run(number, **{**values, **changes})


def serving(*runs: Run, artifacts: tuple[Run, ...] = ()) -> Served:
    """What an endpoint needs when it serves these runs' configs, and these runs' artifacts."""
    names = frozenset(name for run in runs for name in names_of(run))
    made = frozenset(run.run_id for run in (*runs, *artifacts))
    return Served(configs=names, models=names, runs=made)


def numbers(runs: list[Run], keep: int, served: Served) -> list[int]:
    """The numbers of the runs that go."""
    return [int(run.started_at[17:19]) for run in superfluous(runs, keep, served)]


def test_the_newest_deployed_stay() -> None:
    """As many as are kept, and every run between them; of older ones nothing stays."""
    runs = [an_ended(5), an_ended(4, "REJECTED"), an_ended(3), an_ended(2, "FAILED"), an_ended(1)]
    assert numbers(runs, 2, serving(runs[0])) == [2, 1]
    assert numbers(runs, 3, serving(runs[0])) == []
    assert numbers([], 2, serving()) == []


def test_the_run_that_deploys_now_counts() -> None:
    """Its deployment is told of before it has ended."""
    going = a_run(4)
    runs = [going, an_ended(3), an_ended(2), an_ended(1)]
    assert numbers(runs, 2, serving(going)) == [2, 1]
    assert numbers(runs, 2, serving(runs[1])) == [1], "while it does not serve yet, it does not"


def test_what_serves_stays_however_old() -> None:
    """By its config's name, or because its artifact was brought back; the rest goes."""
    runs = [an_ended(number) for number in (5, 4, 3, 2, 1)]
    assert numbers(runs, 2, serving(runs[4])) == [3, 2]
    assert numbers(runs, 2, serving(artifacts=(runs[3],))) == [3, 1]


def test_a_rollback_does_not_count() -> None:
    """It deploys no model of its own; its config goes when it is old."""
    back = an_ended(4, kind="ROLLBACK", restores=an_ended(1).run_id, model_package=None)
    runs = [an_ended(5), back, an_ended(3), an_ended(2), an_ended(1)]
    assert numbers(runs, 2, serving(runs[0])) == [2, 1]
    assert numbers(runs[1:], 2, serving(back, artifacts=(runs[4],))) == []
    newer = [an_ended(7), an_ended(6), *runs]
    assert numbers(newer, 2, serving(newer[0])) == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    "run",
    [
        a_run(1),
        a_run(1, status="WAITING_FOR_APPROVAL"),
        an_ended(1, "SKIPPED"),
        an_ended(1, removed_at="2026-11-21T06:00:00.000Z"),
    ],
)
def test_what_is_never_asked_for(run: Run) -> None:
    """Runs that have not ended, runs that never ran, and runs that were cleaned up."""
    assert numbers([an_ended(3), an_ended(2), run], 2, serving()) == []


@pytest.fixture
def sagemaker(stack: Stack) -> FakeSageMaker:
    """Four deployments, the last of which serves, of a pipeline that keeps two."""
    fake = FakeSageMaker()
    stack.clients.__dict__["sagemaker"] = fake
    config = published().model_copy(update={"keep": 2})
    stack.ledger.publish(config, "s3://artifacts/pipelines/iris/v1", "2026-11-21")
    for number in (1, 2, 3):
        fake.deployed(an_ended(number))
        stack.ledger.put_run(an_ended(number))
    going = replace(an_ended(4), status="RUNNING", ended_at=None)
    fake.deployed(going)
    stack.ledger.put_run(going)
    fake.serves("dropforge-iris", names_of(going)[0])
    return fake


def clean_up(stack: Stack) -> Removed:
    """Clean up after the fourth deployment."""
    retention = Retention(ledger=stack.ledger, clients=stack.clients, now=stack.clock.now)
    return retention.clean_up(a_run(4).run_id)


def test_what_is_old_is_removed_and_marked(stack: Stack, sagemaker: FakeSageMaker) -> None:
    """Config, model and package; the records stay, and nobody asks for them again."""
    assert clean_up(stack) == Removed(runs=(a_run(2).run_id, a_run(1).run_id))
    assert [sagemaker.left(an_ended(n)) for n in (1, 2, 3, 4)] == [set(), set(), ALL, ALL]
    marked = {run.started_at[17:19]: run.removed_at for run in stack.ledger.runs("iris")}
    moment = "2026-11-21T05:20:11.000Z"
    assert marked == {"01": moment, "02": moment, "03": None, "04": None}
    sagemaker.asked.clear()
    assert clean_up(stack) == Removed()
    assert {name for _, name in sagemaker.asked} == {"dropforge-iris", names_of(a_run(4))[0]}


def test_what_is_gone_already_is_no_trouble(stack: Stack, sagemaker: FakeSageMaker) -> None:
    """A run that registered a package and never deployed has neither model nor config."""
    sagemaker.there["model"].pop(names_of(a_run(2))[0])
    sagemaker.there["endpoint-config"].pop(names_of(a_run(2))[0])
    sagemaker.there["model-package"].pop(an_ended(1).model_package or "")
    assert len(clean_up(stack).runs) == 2
    assert sagemaker.left(an_ended(1)) == sagemaker.left(an_ended(2)) == set()


def test_nothing_goes_while_it_is_unknown_what_serves(
    stack: Stack, sagemaker: FakeSageMaker
) -> None:
    """A throttle is no missing endpoint: the whole is tried again later."""
    sagemaker.refuse("describe_endpoint", "dropforge-iris", "ThrottlingException")
    with pytest.raises(ClientError, match="Throttling"):
        clean_up(stack)
    assert {operation for operation, _ in sagemaker.asked} == {"describe_endpoint"}


def test_one_that_cannot_be_removed_keeps_no_other(stack: Stack, sagemaker: FakeSageMaker) -> None:
    """It is told at the end, is not marked, and is tried again the next time."""
    stuck = names_of(a_run(2))[0]
    sagemaker.refuse("delete_model", stuck, "AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDenied"):
        clean_up(stack)
    assert sagemaker.left(an_ended(1)) == set()
    sagemaker.refusals.clear()
    assert clean_up(stack) == Removed(runs=(a_run(2).run_id,))


def test_an_unknown_run_cleans_nothing(stack: Stack, sagemaker: FakeSageMaker) -> None:
    """Nor does one of a pipeline that is not published; nothing is asked."""
    retention = Retention(ledger=stack.ledger, clients=stack.clients)
    assert retention.clean_up(a_run(9).run_id) == Removed()
    assert retention.clean_up(a_run(9, "car").run_id) == Removed()
    assert sagemaker.asked == []
